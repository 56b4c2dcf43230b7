package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// Any ids, in whatever order, stream to what they decode to at once, in parts of whole characters.
func TestStreamOfAnyIDs(t *testing.T) {
	for name, tok := range smallTokenizers(t) {
		r := rand.New(rand.NewPCG(1, 1))
		for range 100 {
			var ids []int32
			for range r.IntN(40) {
				if id := r.Int32N(int32(tok.VocabSize())); tok.bpe.known[id] {
					ids = append(ids, id)
				}
			}
			skip := r.IntN(2) == 0
			want, err := tok.Decode(ids, skip)
			if err != nil {
				t.Fatal(err)
			}
			if err := compareStream(tok, ids, skip, want); err != nil {
				t.Fatalf("%s: %v: %v", name, ids, err)
			}
		}
	}
}

// A character that comes in bytes is given out whole, as soon as it is complete.
func TestStreamHoldsHalfCharacters(t *testing.T) {
	for _, name := range []string{"gpt2", "llama2"} {
		tok := smallTokenizers(t)[name]
		text := "\U0001F9EA!" // no token of its own in either
		s := tok.NewStream(true)
		var parts []string
		for _, id := range tok.Encode(nil, text, false) {
			part, err := s.Push(id)
			if err != nil {
				t.Fatal(err)
			}
			if !utf8.ValidString(part) || strings.Contains(part, "\ufffd") {
				t.Errorf("%s: part %q is half a character", name, part)
			}
			parts = append(parts, part)
		}
		rest, _ := s.Flush()
		if got := strings.Join(parts, "") + rest; got != text {
			t.Errorf("%s: streamed %q, want %q", name, got, text)
		}
		if len(parts) < 4 {
			t.Errorf("%s: the text has only %d tokens", name, len(parts))
		}
	}
}

// A stream that was flushed is as good as new.
func TestStreamAfterFlush(t *testing.T) {
	tok := smallTokenizers(t)["llama2"]
	ids := tok.Encode(nil, "fox 狐 été \U0001F9EA", false)
	s := tok.NewStream(false)
	for range 3 {
		var b strings.Builder
		for _, id := range ids {
			part, _ := s.Push(id)
			b.WriteString(part)
		}
		rest, _ := s.Flush()
		if got, want := b.String()+rest, "fox 狐 été \U0001F9EA"; got != want {
			t.Errorf("streamed %q, want %q", got, want)
		}
	}
}

// The cost of an id does not depend on how many came before: one stream of 16 times the ids takes
// about as long as 16 streams, where looking back would make it 16 times as long. Both do the same
// work, so that a busy machine slows both alike.
func TestStreamTimeIsLinear(t *testing.T) {
	for name, tok := range smallTokenizers(t) {
		ids := tok.Encode(nil, strings.Repeat("The fox, été 狐 \U0001F9EA", 200), false)
		run := func(streams, times int) {
			for range streams {
				s := tok.NewStream(false)
				for range times {
					for _, id := range ids {
						s.Push(id)
					}
				}
				s.Flush()
			}
		}
		if err := linear(func() { run(1, 16) }, func() { run(16, 1) }); err != nil {
			t.Errorf("%s: one stream and 16: %v", name, err)
		}
	}
}

func TestDecodeRefusesUnknownIDs(t *testing.T) {
	tok := smallTokenizers(t)["gpt2"]
	for _, id := range []int32{-1, int32(tok.VocabSize()), 1 << 30} {
		if _, err := tok.Decode([]int32{0, id}, false); err == nil ||
			!strings.Contains(err.Error(), "position 1: id") {
			t.Errorf("id %d: error %v", id, err)
		}
		if _, err := tok.NewStream(false).Push(id); err == nil {
			t.Errorf("id %d: a stream takes it", id)
		}
	}
}

// Both ends of a token that comes in parts are stripped as if it came whole.
func TestStripInParts(t *testing.T) {
	for _, d := range []stripDecoder{
		{content: " ", start: 1, fused: true}, {content: " ", start: 2, stop: 1, fused: true},
		{content: "é", stop: 2, fused: true},
	} {
		whole := d
		whole.fused = false
		for _, parts := range [][]string{
			{" ", " a", "b ", " "}, {"", "  ", "a"}, {"é", "é", "x", "é", "éé"}, {"x"}, {},
		} {
			join := func(d stripDecoder, parts ...string) string {
				var b strings.Builder
				s := d.sink(textSink{&b})
				for _, p := range parts {
					s.token(p)
				}
				s.end()
				return b.String()
			}
			got, want := join(d, parts...), join(whole, strings.Join(parts, ""))
			if got != want {
				t.Errorf("%+v: %q becomes %q, want %q", d, parts, got, want)
			}
		}
	}
}
