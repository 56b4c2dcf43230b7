package ucd

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

var forms = map[Form]norm.Form{NFC: norm.NFC, NFD: norm.NFD, NFKC: norm.NFKC, NFKD: norm.NFKD}

// On characters that the engine knows, the forms are those of any Unicode version.
func TestFormsAgreeWithLibrary(t *testing.T) {
	var all strings.Builder
	eachKnown(func(r rune) { all.WriteString("a" + string(r) + "\u0327\u0301") })
	for _, text := range []string{
		all.String(), "", "plain", "cafe\u0301", "\u1100\u1161\u11a8\u11a9", "각각",
		"a\u0315\u0300\u05ae\u0300b", "\u0344\u212b\ufb01\u0958", "\u0301leading", "ế\u0323",
	} {
		for form, want := range forms {
			if got := form.Apply(text); got != want.String(text) {
				t.Errorf("form %d of %.40q: %.60q, want %.60q", form, text, got, want.String(text))
			}
		}
	}
}

func TestYoungCharactersLetNothingPast(t *testing.T) {
	// U+09FE has class 230 since Unicode 11, which the engine does not know.
	text := "a\u09fe\u0327\u0301"
	if got := NFC.Apply(text); got != text {
		t.Errorf("NFC of %+q is %+q", text, got)
	}
	if got, want := NFC.Apply("a\u0301\u0327"), "\u00e1\u0327"; got != want {
		t.Errorf("NFC is %+q, want %+q", got, want)
	}
}

// The engine does not break up long runs of marks, as the library's stream-safe form does.
func TestLongRunsOfMarks(t *testing.T) {
	text := "e" + strings.Repeat("\u0316\u0301", 40)
	want := "\u00e9" + strings.Repeat("\u0316", 40) + strings.Repeat("\u0301", 39)
	if got := NFC.Apply(text); got != want {
		t.Errorf("NFC is %+q, want %+q", got, want)
	}
}

func FuzzForms(f *testing.F) {
	f.Add("cafe\u0301 \u1100\u1161\u11a8")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		for form := range forms {
			once := form.Apply(text)
			if twice := form.Apply(once); twice != once {
				t.Errorf("form %d is not stable: %+q, then %+q", form, once, twice)
			}
		}
	})
}
