package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// smallTokenizers returns the families of the golden file by name.
func smallTokenizers(t *testing.T) map[string]*Tokenizer {
	t.Helper()
	all, err := readFamilies()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var readFamilies = sync.OnceValues(func() (map[string]*Tokenizer, error) {
	golden, err := readGoldenFamilies()
	if err != nil {
		return nil, err
	}
	all := map[string]*Tokenizer{}
	for _, f := range golden.Families {
		if all[f.Name], err = assemble(golden.Bases[f.Base], f.Parts); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return all, nil
})

// The ways past normalizers, steps and whole words give what going through them gives: EncodeOffsets
// takes none of them.
func TestShortWaysMatchTheStages(t *testing.T) {
	ways := map[way]int{}
	for name, tok := range smallTokenizers(t) {
		ways[tok.way]++
		r := rand.New(rand.NewPCG(3, 4))
		for range 150 {
			text := hardText(r, 60)
			want, offsets := tok.EncodeOffsets(text, true)
			if got := tok.Encode(nil, text, true); !slices.Equal(got, want) {
				t.Fatalf("%s: %q: ids %v, through the stages %v", name, text, got, want)
			}
			if err := checkOffsets(text, offsets); err != nil {
				t.Fatalf("%s: %q: %v", name, text, err)
			}
		}
	}
	for _, w := range []way{wayStages, wayScan, wayMarks} {
		if ways[w] < 5 {
			t.Errorf("way %d is taken by %d tokenizers, want 5 at least", w, ways[w])
		}
	}
}

// checkOffsets checks that offsets are ranges of whole characters, or of what stands for one where text
// is not UTF-8.
func checkOffsets(text string, offsets []Offset) error {
	begins := map[int]bool{len(text): true}
	for i := 0; i < len(text); {
		begins[i] = true
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			n = maximalSubpart(text[i:])
		}
		i += n
	}
	for i, o := range offsets {
		if o.Start > o.End || !begins[o.Start] || !begins[o.End] {
			return fmt.Errorf("offset %d is %v of a text of %d bytes", i, o, len(text))
		}
	}
	return nil
}

// A cache that is emptied, or grows, changes nothing.
func TestCacheLimits(t *testing.T) {
	tok := smallTokenizers(t)["gpt2"]
	e := tok.NewEncoder()
	r := rand.New(rand.NewPCG(5, 6))
	grown, emptied, before := false, false, 0
	for range 60 {
		var b strings.Builder
		for range 4000 {
			fmt.Fprintf(&b, " w%x", r.Uint64N(1<<40))
			if r.IntN(4) == 0 {
				fmt.Fprintf(&b, " %s", strings.Repeat(string(rune('a'+r.IntN(26))), 16+r.IntN(300)))
			}
		}
		want, _ := tok.EncodeOffsets(b.String(), false)
		if got := e.Encode(nil, b.String(), false); !slices.Equal(got, want) {
			t.Fatal("the cache changes ids")
		}
		c := &e.words.cache
		emptied = emptied || c.count < before
		before = c.count
		grown = grown || len(c.slots) > minSlots
		if len(c.slots) > maxSlots || len(c.keys) > cacheBytes+maxCached ||
			len(c.ids) > cacheIDs+maxCached || c.count > maxSlots/8*5 {
			t.Fatalf("%d slots, %d words, %d bytes, %d ids", len(c.slots), c.count, len(c.keys), len(c.ids))
		}
	}
	if !grown || !emptied {
		t.Errorf("the cache grew: %v, was emptied: %v", grown, emptied)
	}
}

func TestEncodingAllocatesNothingPerWord(t *testing.T) {
	for _, name := range []string{"gpt2", "qwen", "llama2", "metaspace-first-whole"} {
		tok := smallTokenizers(t)[name]
		e := tok.NewEncoder()
		text := strings.Repeat("The quick brown fox, jumps over\n\tthe 'lazy' dog: 狐狸 été.\n", 100)
		dst := e.Encode(nil, text, true)
		if n := testing.AllocsPerRun(5, func() { dst = e.Encode(dst[:0], text, true) }); n > 3 {
			t.Errorf("%s: %v allocations for a document, want 3 at most", name, n)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	for name, tok := range smallTokenizers(t) {
		text := hardText(rand.New(rand.NewPCG(7, 8)), 200)
		want := tok.Encode(nil, text, true)
		wantText, err := tok.Decode(want, true)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 3 {
					if got := tok.Encode(nil, text, true); !slices.Equal(got, want) {
						t.Errorf("%s: other ids from another goroutine", name)
					}
					if got, _ := tok.Decode(want, true); got != wantText {
						t.Errorf("%s: another text from another goroutine", name)
					}
				}
			})
		}
		wg.Wait()
	}
}

// Time grows with the length, not with its square: a text takes at most six times as long as its 16
// parts one by one, where a square would make it 16 times. Both do the same work, so
// that a busy machine slows both alike.
func TestLinearTime(t *testing.T) {
	const small, times = 8 << 10, 16
	names := []string{"gpt2", "qwen", "gpt4o", "no-words", "llama2", "gemma", "tidied", "roberta"}
	if testing.Short() {
		names = []string{"gpt2", "llama2"}
	}
	for _, name := range names {
		tok := smallTokenizers(t)[name]
		for _, unit := range []string{"a", " ", "\n", "中", "ab", "狐狸", "é", "=", "'s", "1", "\u0301",
			"<", "a ", "\xff", "🙂", "▁"} {
			short := strings.Repeat(unit, small/len(unit))
			long := strings.Repeat(short, times)
			err := linear(func() { tok.Encode(nil, long, false) }, func() {
				for range times {
					tok.Encode(nil, short, false)
				}
			})
			if err != nil {
				t.Errorf("%s: %q at once and in %d parts: %v", name, unit, times, err)
			}
		}
	}
}

// linear reports whether whole takes more than six times as long as parts, which do the same work. What
// is done in 30 ms is fast enough; else the least of several runs counts.
func linear(whole, parts func()) error {
	const fast = 30 * time.Millisecond
	if leastTime(whole, 1) <= fast {
		return nil
	}
	a, b := leastTime(parts, 3), leastTime(whole, 3)
	if b > 6*a && b > fast {
		return fmt.Errorf("%v against %v", b, a)
	}
	return nil
}

func leastTime(f func(), runs int) time.Duration {
	least := time.Duration(1 << 62)
	for range runs {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}

// What is handed over piece by piece is what there is at once, and of a long text comes in many pieces.
func TestPiecesAreTheWhole(t *testing.T) {
	for name, tok := range smallTokenizers(t) {
		r := rand.New(rand.NewPCG(11, 12))
		texts := []string{"", "a", hardText(r, 60)}
		if name == "gpt2" || name == "llama2" {
			texts = append(texts, strings.Repeat(hardText(r, 5000), 20))
		}
		e := tok.NewEncoder()
		for _, text := range texts {
			var got []int32
			most, pieces := 0, 0
			e.EncodePieces(text, true, func(ids []int32) {
				got = append(got, ids...)
				most, pieces = max(most, len(ids)), pieces+1
			})
			if want := tok.Encode(nil, text, true); !slices.Equal(got, want) {
				t.Fatalf("%s: %.60q: ids piece by piece differ", name, text)
			}
			if most > pieceIDs+roomSize || len(got) > 2*(pieceIDs+roomSize) && pieces < 3 {
				t.Errorf("%s: %d ids in %d pieces, the largest of %d", name, len(got), pieces, most)
			}
		}
	}
}
