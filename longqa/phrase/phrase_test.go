package phrase

import (
	"regexp"
	"strings"
	"testing"

	"longlora/longqa/dice"
)

var hole = regexp.MustCompile(`%(\[1\])?[sd]`)

// Every language says everything, with the holes of English in number and kind.
func TestBooks(t *testing.T) {
	for _, b := range books() {
		if For(b.Language+"-XX").Language != b.Language {
			t.Errorf("%s is not found by its tag", b.Language)
		}
		if len(b.phrases) != len(english.phrases) {
			t.Errorf("%s has %d keys, want %d", b.Language, len(b.phrases), len(english.phrases))
		}
		for key, of := range english.phrases {
			want := hole.FindAllString(of[0], -1)
			for _, p := range b.phrases[key] {
				got := hole.FindAllString(p, -1)
				if strings.Join(got, "") != strings.Join(want, "") {
					t.Errorf("%s %s: holes %v in %q, want %v", b.Language, key, got, p, want)
				}
				rest := hole.ReplaceAllString(p, "")
				if strings.ContainsAny(rest, "%`“”„«»「」0123456789") && key != PassKeyPlant {
					t.Errorf("%s %s: %q has quotation marks or digits of its own", b.Language, key, p)
				}
			}
			if len(b.phrases[key]) == 0 {
				t.Errorf("%s does not say %s", b.Language, key)
			}
		}
	}
}

func TestForUnknown(t *testing.T) {
	for _, tag := range []string{"", "und", "xx", "EN-gb"} {
		if got := For(tag).Language; got != "en" {
			t.Errorf("%q gives %s, want en", tag, got)
		}
	}
}

func TestList(t *testing.T) {
	for tag, want := range map[string]string{
		"en": "“a”, “b” and “c”", "de": "„a“, „b“ und „c“", "zh": "“a”、“b”和“c”",
	} {
		if got := For(tag).List([]string{"a", "b", "c"}); got != want {
			t.Errorf("%s: %s, want %s", tag, got, want)
		}
	}
	if got := For("fr").Sequence(dice.New("x"), []string{"a", "b", "c", "d"}); got !=
		"D'abord vient «a», puis «b», puis «c», et enfin «d»." {
		t.Error(got)
	}
}
