package prose

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func texts(text string, spans []Span) []string {
	var all []string
	for _, s := range spans {
		all = append(all, s.Of(text))
	}
	return all
}

func TestSentences(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"abbreviations and initials": {
			"Mr. Brown and Dr. A. White walked along the river for an hour before it began to rain. Nobody " +
				"else was to be seen anywhere on that long and quiet evening in late October.",
			[]string{"Mr. Brown and Dr. A. White walked along the river for an hour before it began to rain.",
				"Nobody else was to be seen anywhere on that long and quiet evening in late October."},
		},
		"quotations and brackets": {
			"“I never saw the like of it in all my life,” said the old man who kept the gate. Then he shut " +
				"the gate [which was rusty and old] and went away without another word to any of us.", nil,
		},
		"short or without an end": {"It rained. Then it stopped raining and the sun came out over the hills", nil},
		"a small word at the end": {
			"Whatever the captain asked for they would have given him, and they were glad of it. Then the " +
				"whole company sat down at the long table and waited for the music to begin.",
			[]string{"Whatever the captain asked for they would have given him, and they were glad of it.",
				"Then the whole company sat down at the long table and waited for the music to begin."},
		},
		"what may be two is left out": {
			"The next applicant was a tall person from the planet Aldebaran IX. " +
				"We shall leave for the harbour of the town at half past five p.m. The rest will follow.",
			[]string{"The next applicant was a tall person from the planet Aldebaran IX."},
		},
		"a bracket and dots before the end": {
			"All of these have a page in the manual that describes them (in short). Even so it is best to read " +
				"all of the manual before the others... Nobody knew what they were to do with the rest of the long evening.",
			[]string{"All of these have a page in the manual that describes them (in short).",
				"Even so it is best to read all of the manual before the others...",
				"Nobody knew what they were to do with the rest of the long evening."},
		},
		"spaces before marks": {
			"Ah , it is in Germany where they will meet again this year . Ah , so he will be there in any case . OK .",
			[]string{"Ah , it is in Germany where they will meet again this year ."},
		},
		"a caption": {"Figure 3: The rays are parted by a prism that stands before the open window.",
			nil},
		"a torn dash": {"The agency wants to see your letter and the rules of the M– copy of all comments.", nil},
		"French": {
			"Il y a plusieurs façons de la manquer, cette bienheureuse voiture des attardés du soir. Le pis, " +
				"c'est de se présenter à la station au moment où elle vient de se remplir.",
			[]string{"Il y a plusieurs façons de la manquer, cette bienheureuse voiture des attardés du soir.",
				"Le pis, c'est de se présenter à la station au moment où elle vient de se remplir."},
		},
		"Chinese": {
			"白日依山尽而黄河水日夜不停地流入大海。欲穷千里之目的人应当再登上更高的一层楼！短。",
			[]string{"白日依山尽而黄河水日夜不停地流入大海。", "欲穷千里之目的人应当再登上更高的一层楼！"},
		},
		"broken lines": {
			"The rays which differ in refrangibility may be parted\nand sorted from one another, as was shown " +
				"before.\n\nNEXT PARAGRAPH",
			[]string{"The rays which differ in refrangibility may be parted\nand sorted from one another, as was " +
				"shown before."},
		},
	} {
		if d := cmp.Diff(c.want, texts(c.text, Sentences(c.text, false))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestWords(t *testing.T) {
	text := "Alice’s 2nd tea-time, größe 山水."
	var got []string
	Words(text, func(s Span) bool { got = append(got, s.Of(text)); return true })
	want := []string{"Alice", "s", "2nd", "tea", "time", "größe", "山", "水"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("words (-want +got):\n%s", d)
	}
}

func TestTurns(t *testing.T) {
	var minutes, play, letter, fields strings.Builder
	for i := range 8 {
		fmt.Fprintf(&minutes, "Chair: point %d is open.\nDr. Low: I agree: yes.\n", i)
		fmt.Fprintf(&play, "ANNA\nWhat is it? Say %d.\n\nTHE KING\nNothing.\n\n", i)
		fmt.Fprintf(&fields, "Classifier: Topic :: Number %d\nRequires-Dist: package-%d\n", i, i)
		fmt.Fprintf(&letter, "Dear reader, this is paragraph %d.\n\nNote: it is no transcript.\n\n", i)
	}
	for _, c := range []struct {
		text, speaker, said string
		n                   int
	}{
		{minutes.String(), "Dr. Low", "I agree: yes.", 16}, {play.String(), "THE KING", "Nothing.", 16},
		{letter.String(), "", "", 0}, {fields.String(), "", "", 0},
	} {
		turns := Turns(c.text, false)
		if len(turns) != c.n {
			t.Fatalf("%d turns, want %d, in %.60q", len(turns), c.n, c.text)
		}
		if c.n > 0 && (turns[1].Speaker != c.speaker || turns[1].Said.Of(c.text) != c.said ||
			turns[1].Label.Of(c.text) != c.speaker) {
			t.Errorf("%s says %q, want %s, %q", turns[1].Speaker, turns[1].Said.Of(c.text), c.speaker,
				c.said)
		}
	}
}

func TestQuotes(t *testing.T) {
	text := "“I shall not go there again in my life,” said Mr. Bumble, rising.\n\n" +
		"“We shall not go there again in our lives,” said Anna and Tom together.\n\n" +
		"“Nobody shall go there again in his life,” he said. \"Then let us stay at home to-day, my " +
		"dear,\" cried Captain Grey.\n\n“I do not know what The Times says of it,” said The Times.\n" +
		"“Let us see, Charlie. Perhaps it is not too bad,” said Capt. Wilkins to him.\n\n" +
		"“Let us see, Charlie. Perhaps it is not too bad,” said Ensign. Then he left.\n\n" +
		"“I thank you with all my heart for your trouble,” said Captain, and rose.\n"
	var got []string
	for _, q := range Quotes(text, false) {
		got = append(got, q.Speaker+": "+q.Said.Of(text))
	}
	want := []string{"Mr. Bumble: I shall not go there again in my life,",
		"Captain Grey: Then let us stay at home to-day, my dear,",
		"Capt. Wilkins: Let us see, Charlie. Perhaps it is not too bad,",
		"Ensign: Let us see, Charlie. Perhaps it is not too bad,"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("quotes (-want +got):\n%s", d)
	}
}

func TestTables(t *testing.T) {
	good := "| System | Score | 2024 |\n|---|---:|---|\n| a | 1.5 | x |\n| b | 2.5 | y |\n"
	tables := Tables("Text.\n\n" + good + "\nMore.")
	if len(tables) != 1 || !tables[0].Sound || len(tables[0].Rows) != 2 ||
		tables[0].Rows[1].Cells[1] != "2.5" ||
		!tables[0].Figures(1) || tables[0].Figures(2) {
		t.Errorf("tables %+v", tables)
	}
	for name, bad := range map[string]string{
		"no dashes":         "| a | b |\n| c | d |\n| e | f |\n",
		"a row is short":    "| a | b |\n|---|---|\n| c |\n| e | f |\n",
		"a figure as name":  "| a | 6.8 |\n|---|---|\n| c | 1 |\n| e | 2 |\n",
		"an entry as name":  "| a | Books (800M) |\n|---|---|\n| c | 1 |\n| e | 2 |\n",
		"an index":          "| abstract, 3 | heading | name, 4 |\n|---|---|---|\n| b, 1 | c, 2 | d, 3 |\n| e, 4 | f, 5 | g, 6 |\n",
		"an index's letter": "| class, 107 | F |\n|---|---|\n| math, 49 | fonts, 76–78 |\n| parbox, 122 | figure, 44 |\n",
		"a list of options": "| 10pt | Sets the font to 10pt. |\n|---|---|\n| 11pt | Sets 11pt. |\n| 12pt | Sets 12pt. |\n",
		"contents":          "| Thanks | Page |\n|---|---|\n| One . . . . . | 1 |\n| Two . . . . . | 2 |\n",
		"line numbers":      "| 1 | The text |\n|---|---|\n| 2 | goes |\n| 3 | on 5 |\n| 4 | here |\n",
		"equal first cells": "| a | b |\n|---|---|\n| c | 1 |\n| c | 2 |\n",
		"no names of rows":  "| a | b |\n|---|---|\n|  | 1 |\n| c | 2 |\n",
	} {
		if got := Tables(bad); len(got) > 0 && got[0].Sound {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestReferences(t *testing.T) {
	entries := "[1] A. One. First.\n[2] B. Two. Second,\n  on two lines.\n\n[3] C. Three.\n\n[4] D. Four.\n"
	refs := References("As [2] says.\n\n## References\n\n" + entries +
		"\n# Appendix\n\nText [5] here.\n")
	if len(refs) != 4 || refs[1].Number != 2 {
		t.Fatalf("references %+v", refs)
	}
	text := "As [2] says.\n\n## References\n\n" + entries + "\n# Appendix\n\nText [5] here.\n"
	if got := OneLine(refs[1].Work.Of(text)); got != "B. Two. Second, on two lines." {
		t.Errorf("work %q", got)
	}
	if got := refs[3].Work.Of(text); got != "D. Four." {
		t.Errorf("the last work is %q", got)
	}
	for i, want := range []bool{true, true, true, true} {
		if refs[i].Whole != want {
			t.Errorf("entry %d: whole %v, want %v", i+1, refs[i].Whole, want)
		}
	}
	torn := References("References\n\n" + strings.Replace(entries, "Three.", "Three,\n\nand more.",
		1) +
		"\nA footer.\n")
	if len(torn) != 4 || !torn[1].Whole || torn[2].Whole || torn[3].Whole {
		t.Errorf("a torn entry: %+v", torn)
	}
	for name, bad := range map[string]string{
		"no heading": entries, "a gap": "References\n\n" + strings.Replace(entries, "[3]", "[5]", 1),
	} {
		if got := References(bad); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestCitations(t *testing.T) {
	text := "All lanterns of the northern harbours were lit at noon in those days [12]. Others say [3] that " +
		"this is not so, and that they were lit in the evening [4].\n\n[5] is short [6]. It was shown in the " +
		"first of the reports that nobody ever lit any of the lanterns [7, 8]."
	var got []string
	for _, c := range Citations(text, false) {
		got = append(got, fmt.Sprint(c.Number)+" "+c.Sentence.Of(text))
	}
	want := []string{"12 All lanterns of the northern harbours were lit at noon in those days [12]."}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("citations (-want +got):\n%s", d)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		" a\n b  c": "a b c", "山\n水 a": "山水 a", "": "",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Whatever the text, all spans lie in it and at letters, and nothing panics.
func FuzzSpans(f *testing.F) {
	f.Add("Mr. A. said: “x.”\n| a | b |\n|--|--|\n| c | d |\n\nReferences\n[1] x\n")
	f.Add("Chair: yes.\n\nANNA\nNo.\n山。\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, lines := range []bool{false, true} {
			var spans []Span
			spans = append(spans, Sentences(text, lines)...)
			spans = append(spans, Paragraphs(text, lines)...)
			for _, turn := range Turns(text, lines) {
				spans = append(spans, turn.Label, turn.Said)
			}
			for _, q := range Quotes(text, lines) {
				spans = append(spans, q.Said, q.Name)
			}
			for _, table := range Tables(text) {
				spans = append(spans, table.Head)
			}
			for _, r := range References(text) {
				spans = append(spans, r.Entry, r.Work)
			}
			for _, s := range spans {
				if s.Start < 0 || s.End < s.Start || s.End > len(text) ||
					utf8.ValidString(text) && !utf8.ValidString(s.Of(text)) {
					t.Fatalf("span %v in %d bytes", s, len(text))
				}
			}
		}
	})
}

// A text falls apart where sentences end, and nowhere else.
func TestBreaks(t *testing.T) {
	text := "One is here. Two came by, as Mr. Low did. Then " + strings.Repeat("three, ", 20) +
		"ends. 四。五。"
	parts, from := []string{}, 0
	for _, at := range append(Breaks(text, 30), len(text)) {
		parts = append(parts, text[from:at])
		from = at
	}
	want := []string{
		"One is here. ", "Two came by, as Mr. Low did. ", "Then " + strings.Repeat("three, ", 20) +
			"ends. ", "四。五。",
	}
	if d := cmp.Diff(want, parts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
