package teacher

import (
	"strings"
	"testing"
	"unicode/utf8"

	"longlora/longqa/endpoint"
)

// Whatever a model replies is items or a counted reason.
func FuzzItems(f *testing.F) {
	for _, s := range []string{
		`{"items":[{"question":"q","answer":"a","evidence":["e"]}]}`, "```json\n{\"items\":[]}\n```",
		`<think>{</think>{"items":[{"turns":[{"question":"q"}]}]}`, "I'm sorry", "{", `{"items":[{"evidence":3}]}`,
		`{{{"items":[{}]}`,
	} {
		f.Add(s, "stop")
		f.Add(s, "length")
	}
	f.Fuzz(func(t *testing.T, text, finish string) {
		items, err := itemsOf(endpoint.Reply{Text: text, Finish: finish})
		bad, counted := err.(badReply)
		if err != nil && (!counted || bad.reason == "") || err == nil && len(items) == 0 {
			t.Errorf("%q: %d items, %v", text, len(items), err)
		}
	})
}

// A quotation that is found says what was asked for, and one that was cut out of the context is
// found.
func FuzzFind(f *testing.F) {
	f.Add("He said: “It’s cold — very cold.” And he went.", 9, 20, "It's cold - very")
	f.Add("雪が降る 夜に 去った and then came the end of it", 0, 30, "夜に去った and then")
	f.Fuzz(func(t *testing.T, context string, from, length int, quote string) {
		if !utf8.ValidString(context) || !utf8.ValidString(quote) {
			return
		}
		r, runes := newReader(context), []rune(context)
		check := func(q string) bool {
			s, ok := r.find(q)
			if !ok {
				return false
			}
			got := letters(string(runes[s.Start:s.End]))
			if got == "" || !strings.Contains(letters(q), got) {
				t.Errorf("%q: found %q", q, got)
			}
			return true
		}
		check(quote)
		if from < 0 || length < 0 || from > len(runes) || length > len(runes)-from {
			return
		}
		piece := string(runes[from : from+length])
		if utf8.RuneCountInString(letters(piece)) >= minQuote && !check(piece) {
			t.Errorf("%q is in the context and is not found", piece)
		}
	})
}
