package filter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"

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

// TestContract runs every filter of the table on prose, and on the same document twice.
func TestContract(t *testing.T) {
	for _, k := range kinds {
		f := k.new(DefaultOptions())
		d := schemas.Document{Text: prose(2000), NChars: 12_000}
		before := d.Text
		for range 2 {
			if reason, detail := f.Check(&d); reason != "" || detail != "" {
				t.Errorf("%s drops prose: %s: %s", k.name, reason, detail)
			}
		}
		if d.Text != before {
			t.Errorf("%s changes the text", k.name)
		}
		bad := schemas.Document{Text: strings.Repeat("the same again\n", 12), NChars: 180}
		first, _ := f.Check(&bad)
		if second, _ := f.Check(&bad); first == "" || first != second {
			t.Errorf("%s gives %q, then %q", k.name, first, second)
		}
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
		!strings.Contains(err.Error(), "5 to 2") {
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
