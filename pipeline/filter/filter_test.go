package filter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"longlora/schemas"
)

func apply(t *testing.T, names []string, o Options, text string) (schemas.Document, string) {
	t.Helper()
	c, err := New(names, o)
	if err != nil {
		t.Fatal(err)
	}
	d := schemas.Document{Text: text}
	reason, detail := c.Apply(&d)
	if reason == "" && detail != "" {
		t.Errorf("a detail %q without a reason", detail)
	}
	return d, reason
}

// prose is text that no filter should drop.
func prose(words int) string {
	rng := rand.New(rand.NewSource(1))
	var b strings.Builder
	for i := range words {
		fmt.Fprintf(&b, "word%d", rng.Intn(5000))
		switch {
		case i%97 == 96:
			b.WriteString(".\n\n")
		case i%13 == 12:
			b.WriteString(",\n")
		default:
			b.WriteString(" ")
		}
	}
	return b.String()
}

// bad has a text for each filter of the table that it must drop.
var bad = map[string]string{
	"length":     "the same again",
	"repetition": strings.Repeat("the same again\n", 12),
	"symbols":    strings.Repeat("# 12 ... 13 | 14\n", 40),
	"language":   strings.Repeat("Der Wal tauchte auf, und alle Männer liefen zu den Booten. ", 20),
}

// TestContract runs every filter of the table on prose and on a bad text, each twice.
func TestContract(t *testing.T) {
	o := DefaultOptions()
	o.Languages = []string{"en"}
	english := strings.Repeat("it was the best of times and it was the worst of times, they said. ", 20)
	for _, k := range kinds {
		f := k.new(o)
		good := prose(2000)
		if k.name == "language" {
			good = english
		}
		d := schemas.Document{Text: good, NChars: int64(len(good))}
		for range 2 {
			if reason, detail := f.Check(&d); reason != "" || detail != "" {
				t.Errorf("%s drops prose: %s: %s", k.name, reason, detail)
			}
		}
		if d.Text != good {
			t.Errorf("%s changes the text", k.name)
		}
		d = schemas.Document{Text: bad[k.name], NChars: int64(len(bad[k.name]))}
		first, _ := f.Check(&d)
		if second, _ := f.Check(&d); first == "" || first != second {
			t.Errorf("%s gives %q, then %q", k.name, first, second)
		}
	}
}

func TestSymbols(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"marks":    {strings.Repeat("a # b c d ", 40), "symbols: marks"},
		"few":      {strings.Repeat("a # b c d e f g h i j k ", 40), ""},
		"numbers":  {strings.Repeat("12 13 fish ", 40), "symbols: words without letters"},
		"bullets":  {strings.Repeat("- one more item of the list\n", 40), "symbols: bullets"},
		"ellipses": {strings.Repeat("and so it went on for a very very long time...\nend\n", 20), "symbols: ellipses"},
		"Chinese":  {strings.Repeat("鯨 船長 海\n", 40), ""},
		"short":    {strings.Repeat("1 ", 49), ""},
	} {
		if _, got := apply(t, []string{"symbols"}, Options{}, c.text); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestCountWords compares with strings.Fields.
func TestCountWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text") + rapid.StringMatching(`[a-c1 \t\x{2003}é-]*`).Draw(t, "more")
		letters := 0
		for _, w := range strings.Fields(text) {
			if strings.ContainsFunc(w, unicode.IsLetter) {
				letters++
			}
		}
		if n, l := countWords(text); n != len(strings.Fields(text)) || l != letters {
			t.Fatalf("%q: %d words, %d with letters; want %d, %d", text, n, l, len(strings.Fields(text)),
				letters)
		}
		var f repetition
		f.split(text)
		if len(f.words) != len(strings.Fields(text)) {
			t.Fatalf("%q: %d words, want %d", text, len(f.words), len(strings.Fields(text)))
		}
	})
}

// TestLanguage detects the beginning of the Universal Declaration of Human Rights.
func TestLanguage(t *testing.T) {
	texts := map[string]string{
		"en": "All human beings are born free and equal in dignity and rights. They are endowed with " +
			"reason and conscience and should act towards one another in a spirit of brotherhood. ",
		"fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de " +
			"raison et de conscience et doivent agir les uns envers les autres dans un esprit de fraternité. ",
		"de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und " +
			"Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen. ",
		"es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están " +
			"de razón y conciencia, deben comportarse fraternalmente los unos con los otros. ",
		"uk": "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом і " +
			"совістю і повинні діяти у відношенні один до одного в дусі братерства. ",
		"zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
		"ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
	}
	for want, text := range texts {
		for other := range texts {
			d := schemas.Document{Text: strings.Repeat(text, 30), Language: "und"}
			reason, _ := newLanguages(Options{Languages: []string{other}}).Check(&d)
			if (reason == "") != (want == other) || reason != "" && reason != "language: "+want {
				t.Errorf("%s with %s wanted: %q", want, other, reason)
			}
			if reason == "" && d.Language != want {
				t.Errorf("%s is called %s", want, d.Language)
			}
		}
	}
	mixed := schemas.Document{Text: strings.Repeat(texts["fr"], 5) + strings.Repeat(texts["en"], 60)}
	if reason, detail := newLanguages(Options{Languages: []string{"en-GB"}}).Check(&mixed); reason != "" {
		t.Errorf("an English book with a French preface: %s, %s", reason, detail)
	}
	if reason, _ := newLanguages(Options{Languages: []string{"en"}}).Check(
		&schemas.Document{Text: "12345 67890"}); reason != "language: none" {
		t.Errorf("numbers: %q", reason)
	}
	if err := Validate([]string{"language"}, Options{}); err == nil {
		t.Error("the filter runs without languages")
	}
	if err := Validate(nil, Options{Languages: []string{"english!"}}); err == nil {
		t.Error("a wrong tag is accepted")
	}
}

func BenchmarkLanguage(b *testing.B) {
	f := newLanguages(Options{Languages: []string{"en"}})
	d := schemas.Document{Text: strings.Repeat("It was the best of times, it was the worst. ", 5_000)}
	b.SetBytes(int64(len(d.Text)))
	for b.Loop() {
		f.Check(&d)
	}
}

func BenchmarkSymbols(b *testing.B) {
	d := schemas.Document{Text: prose(200_000)}
	b.SetBytes(int64(len(d.Text)))
	for b.Loop() {
		symbols{}.Check(&d)
	}
}

func TestNormalForm(t *testing.T) {
	d, reason := apply(t, nil, Options{}, "Cafe\u0301 \u212b \U0001f600 \uac00\u11a8")
	want := "Caf\u00e9 \u00c5 \U0001f600 \uac01"
	if d.Text != want || reason != "" {
		t.Errorf("got %q (%s), want %q", d.Text, reason, want)
	}
	sum := sha256.Sum256([]byte(want))
	if d.NChars != 10 || d.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%d characters, sha256 %s", d.NChars, d.SHA256)
	}
	if _, reason := apply(t, nil, Options{}, " \n\t\u00a0"); reason != "empty" {
		t.Errorf("white space is dropped as %q, want empty", reason)
	}
}

func TestLength(t *testing.T) {
	for n, want := range map[int]string{2: "too short", 3: "", 5: "", 6: "too long"} {
		text := strings.Repeat("ß", n)
		if _, got := apply(t, []string{"length"}, Options{MinChars: 3, MaxChars: 5}, text); got != want {
			t.Errorf("%d characters: %q, want %q", n, got, want)
		}
	}
}

func TestRepetition(t *testing.T) {
	var lines, paragraphs, longLines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "line %d of many\nsame\nsame\n", i)
		fmt.Fprintf(&paragraphs, "paragraph %d\nof %d lines\nabout %d\n\nsame\n\n", i, i, i)
		fmt.Fprintf(&longLines, "%d\n", i)
		if i%10 == 0 {
			longLines.WriteString("this one line is long and it comes again and again all over\n")
		}
	}
	for _, c := range []struct{ name, text, want string }{
		{"lines", lines.String(), "repetition: lines"},
		{"paragraphs", paragraphs.String(), "repetition: paragraphs"},
		{"long lines", longLines.String(), "repetition: characters in lines"},
		{"pairs", prose(100) + strings.Repeat(" very big", 100), "repetition: most frequent 2-gram"},
		{"quote", prose(300) + strings.ReplaceAll(prose(100), "\n", " "), "repetition: 5-grams"},
		{"short", strings.Repeat("ha ", 40), ""},
		{"prose", prose(3000), ""},
	} {
		_, got := apply(t, []string{"repetition"}, Options{}, c.text)
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestNGramsAgainstStrings holds the hashed counts against counts of the n-grams themselves.
func TestNGramsAgainstStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := []string{"a", "bb", "ccc", "é"}
		words := rapid.SliceOf(rapid.SampledFrom(alphabet)).Draw(t, "words")
		n := rapid.IntRange(2, 10).Draw(t, "n")
		var f repetition
		total := f.split(strings.Join(words, " \n"))
		if want := float64(len(strings.Join(words, ""))); total != want {
			t.Fatalf("%g bytes, want %g", total, want)
		}
		counts, covered := map[string]int{}, map[int]bool{}
		top, repeated := 0, 0
		for i := 0; i+n <= len(words); i++ {
			gram := strings.Join(words[i:i+n], "|")
			counts[gram]++
			if counts[gram] == 1 {
				continue
			}
			for k := i; k < i+n; k++ {
				covered[k] = true
			}
		}
		most := 1
		for _, c := range counts {
			most = max(most, c)
		}
		for gram, c := range counts {
			if c == most && most > 1 {
				top = max(top, c*len(strings.ReplaceAll(gram, "|", "")))
			}
		}
		for k := range covered {
			repeated += len(words[k])
		}
		if got := f.repeated(n); got != float64(repeated) {
			t.Fatalf("%d bytes lie in repeated %d-grams, want %d", int(got), n, repeated)
		}
		// Of several most frequent n-grams any may be taken.
		if got := f.top(n); got > float64(top) || (got == 0) != (top == 0) {
			t.Fatalf("the most frequent %d-gram has %d bytes, want at most %d", n, int(got), top)
		}
	})
}

func TestLaterNGramsRepeatNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"a", "bb", "ccc"})).Draw(t, "words")
		var f repetition
		f.split(strings.Join(words, " "))
		before := math.Inf(1)
		for n := 5; n <= 10; n++ {
			now := f.repeated(n)
			if now > before {
				t.Fatalf("%g bytes in repeated %d-grams, %g in shorter ones", now, n, before)
			}
			before = now
		}
	})
}

func TestValidate(t *testing.T) {
	err := Validate([]string{"length", "taste"}, Options{MinChars: 5, MaxChars: 2})
	if err == nil || !strings.Contains(err.Error(), `"taste"`) ||
		!strings.Contains(err.Error(), "at least 5 and at most 2 characters") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkRepetition(b *testing.B) {
	f := newRepetition(Options{})
	d := schemas.Document{Text: prose(200_000)}
	b.SetBytes(int64(len(d.Text)))
	for b.Loop() {
		f.Check(&d)
	}
}
