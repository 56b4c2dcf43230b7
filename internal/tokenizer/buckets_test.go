package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// longWord returns a text of at least n bytes and few pauses, of a few units.
func longWord(r *rand.Rand, n int) string {
	units := []string{"a", "the", "he", " ", "狐狸", "は", "é", "=", "-", "\n", "1", "ab", "🙂", "▁", "\xff"}
	r.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
	units = units[:1+r.IntN(5)]
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(strings.Repeat(units[r.IntN(len(units))], 1+r.IntN(6)))
	}
	return b.String()
}

// Long words are merged by buckets; with offsets, by a heap.
func TestBucketsMergeAsTheHeap(t *testing.T) {
	for name, tok := range smallTokenizers(t) {
		r := rand.New(rand.NewPCG(8, 9))
		for range 12 {
			text := longWord(r, 4*minBucketed)
			want, _ := tok.EncodeOffsets(text, false)
			if got := tok.Encode(nil, text, false); !slices.Equal(got, want) {
				t.Fatalf("%s: %q: other ids by buckets than by the heap", name, text)
			}
		}
	}
}

// Vocabularies whose merges are not in the order in which they become possible, as no training makes
// them, are merged by the book all the same.
func TestBucketsLeaveOtherOrdersToTheHeap(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := orderless(t, r)
		var ids []int32
		for range minBucketed + r.IntN(200) {
			ids = append(ids, r.Int32N(3))
		}
		g := &merger{ids: slices.Clone(ids)}
		got := g.mergeLong(nil, m)
		if want := mergeByTheBook(m, ids); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %v, want %v", seed, got[:20], want[:20])
		}
		if len(g.buckets.orders) > 0 || slices.Max(g.buckets.places) > 0 {
			t.Errorf("seed %d: buckets are left", seed)
		}
	}
}

// orderless returns a vocabulary of three letters with merges in random order, or with scores, many of
// them equal, as .model files have them.
func orderless(t *testing.T, r *rand.Rand) *bpe {
	t.Helper()
	s := &spec{vocab: map[string]int32{"a": 0, "b": 1, "c": 2}, unknown: ""}
	tokens := []string{"a", "b", "c"}
	for range 12 {
		pair := [2]string{tokens[r.IntN(len(tokens))], tokens[r.IntN(len(tokens))]}
		token := pair[0] + pair[1]
		if _, ok := s.vocab[token]; !ok {
			s.vocab[token] = int32(len(tokens))
			tokens = append(tokens, token)
		}
		s.merges = append(s.merges, pair)
	}
	r.Shuffle(len(s.merges), func(i, j int) { s.merges[i], s.merges[j] = s.merges[j], s.merges[i] })
	if r.IntN(2) == 0 {
		s.merges = nil
		for range tokens {
			s.scores = append(s.scores, float32(-r.IntN(6)))
		}
	}
	m, err := newBPE(s)
	if err != nil {
		t.Fatal(fmt.Errorf("%v: %w", s.merges, err))
	}
	return m
}

// mergeByTheBook merges, again and again, the pair that comes first in the order, at its leftmost place.
func mergeByTheBook(m *bpe, ids []int32) []int32 {
	ids = slices.Clone(ids)
	for {
		best, at := uint32(noRank), 0
		for i := range len(ids) - 1 {
			if order := m.order(m.pairs.get(ids[i], ids[i+1])); order < best {
				best, at = order, i
			}
		}
		if best == noRank {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, m.result(best, ids[at], ids[at+1]))
	}
}
