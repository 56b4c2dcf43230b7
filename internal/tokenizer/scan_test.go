package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"

	"longlora/internal/tokenizer/regex"
)

// hardText makes a text of pieces that splitters and merges treat in special ways.
func hardText(r *rand.Rand, pieces int) string {
	all := []string{
		"a", "B", "the", "Fox", "s", "'s", "'S", "'ſ", "'re", "'LL", "'", " ", "  ", "\t", "\n", "\r\n",
		"1", "23", "4567", "٣", "½", ".", ",", "==", "(", ")\n", "_", "é", "e\u0301", "ß", "中", "文字",
		"。", "ア", "한", "हि", "🙂", "👩\u200d💻", "\u00a0", "\u3000", "\u2028", "\x85", "\x00",
		"\u200b", "▁", "Ġ", "<s>", "<|begin_of_text|>", "https://x.y/z?q=1", "longerword", "—", "“",
		"x", "xx", "xxxxxxxx", "          ", "\xff", "\xe4\xb8", "\xf0\x9f",
	}
	var b strings.Builder
	few := all
	if r.IntN(2) == 0 { // a few of them only, so that they come together more often
		few = nil
		for range 1 + r.IntN(5) {
			few = append(few, all[r.IntN(len(all))])
		}
	}
	for range r.IntN(pieces + 1) {
		b.WriteString(few[r.IntN(len(few))])
	}
	return b.String()
}

// The scanners' words are the matches of the patterns that they stand for.
func TestScannersMatchTheirPatterns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for pattern, sc := range scanners {
		re, err := regex.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		m := re.Matcher()
		for range 3000 {
			text := replaceInvalid(hardText(r, 40))
			for i := 0; i < len(text); {
				start, end, ok := m.Find(text, i)
				if !ok || start != i {
					t.Fatalf("%q does not match at %d of %q", pattern, i, text)
				}
				if got := sc.next(text, i); got != end {
					t.Fatalf("scanner %d: word %q at %d of %q, want %q", sc, text[i:got], i, text, text[i:end])
				}
				if i+windowSize <= len(text) {
					if n := sc.plain(windowAt(text, i), text[i:]); n > 0 && i+n != end {
						t.Fatalf("scanner %d: plain word %q in %q, want %q", sc, text[i:i+n], text, text[i:end])
					}
				}
				i = end
			}
		}
	}
}

func TestNotLetters(t *testing.T) {
	for c := range 256 {
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		for place := range 8 {
			w := uint64('m')*0x0101010101010101&^(0xFF<<(8*place)) | uint64(c)<<(8*place)
			want := uint64(0x80) << (8 * place)
			if isLetter {
				want = 0
			}
			if got := notLetters(w); got != want {
				t.Errorf("byte %#x at %d: marks %#x, want %#x", c, place, got, want)
			}
		}
	}
}

func TestShortKeysDiffer(t *testing.T) {
	seen := map[[2]uint64]string{}
	text := "a\x00\x00bcdefghijklmnop\xff\xfe"
	for i := range text {
		for j := i + 1; j <= len(text) && j-i <= maxShort; j++ {
			low, high := shortKey(text, i, j)
			if old, ok := seen[[2]uint64{low, high}]; ok && old != text[i:j] {
				t.Errorf("%q and %q have one key", old, text[i:j])
			}
			seen[[2]uint64{low, high}] = text[i:j]
			if l, h := shortKey(text[i:j], 0, j-i); l != low || h != high {
				t.Errorf("%q has two keys", text[i:j])
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d keys", len(seen))
	}
}
