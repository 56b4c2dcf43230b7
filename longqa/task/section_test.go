package task

import (
	"fmt"
	"strings"
	"testing"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/outline"
)

// Of a text whose headings were read off a layout only those with a number are asked about, and of
// any text only what is a heading for certain.
func TestHeadings(t *testing.T) {
	heads := []string{
		"1 Lanterns", "Josef Kleber", "2 The Harbour", "3 Gardens and Rivers", "David Heinze", "4 Travellers",
		"5 What the keepers will", "6 Lanterns andHarbours", "7 Copyright © 1999", "8 Valleys", "9 Hills",
		"10 Meadows", "11 Orchards", "12 Bridges", "Figure 3", "13 We have seen it all.",
	}
	var b strings.Builder
	for i, h := range heads {
		fmt.Fprintf(&b, "## %s\n\n", h)
		for k := range 6 {
			fmt.Fprintf(&b, "The old keeper of house %s%c went slowly past the quiet well at dawn again. ",
				strings.Repeat("x", i+1), 'a'+k)
		}
		b.WriteString("\n\n")
	}
	for _, layout := range []bool{false, true} {
		text := outline.Parse(outline.Source{
			ID: "x", Title: "T", Content: b.String(), Corpus: true, Markdown: true, Layout: layout,
		})
		s := NewScope(material.Whole(text.Document), &code.Program{}, map[string]*outline.Text{"x": text})
		var got []string
		for _, sec := range s.labelled() {
			got = append(got, sec.Label)
		}
		want := "1 Lanterns; Josef Kleber; 2 The Harbour; 3 Gardens and Rivers; David Heinze; 4 Travellers; " +
			"8 Valleys; 9 Hills; 10 Meadows; 11 Orchards; 12 Bridges"
		if layout {
			want = strings.NewReplacer("Josef Kleber; ", "", "David Heinze; ", "").Replace(want)
		}
		if all := strings.Join(got, "; "); all != want {
			t.Errorf("layout %v: %s", layout, all)
		}
		if len((ordering{}).Propose(s, dice.New("x"))) == 0 {
			t.Errorf("layout %v: no question", layout)
		}
	}
}
