package eval

import (
	"fmt"
	"hash/fnv"
	"iter"
	"testing"

	"longlora/schemas"
)

// fake is a Scorer whose losses are a hash of all that a model may look at: a token and everything
// before it in its document. Whoever shows it the wrong context gets another number.
type fake struct {
	max   int
	calls int
}

func (f *fake) MaxTokens() int { return f.max }

func (f *fake) Losses(out []float32, ids, docLens []int32, wanted []bool) error {
	f.calls++
	if len(ids) > f.max {
		return fmt.Errorf("%d tokens, want at most %d", len(ids), f.max)
	}
	t := 0
	for _, n := range docLens {
		from := t
		for ; t < from+int(n); t++ {
			out[t] = 0
			if t > from && (wanted == nil || wanted[t]) {
				out[t] = hashLoss(ids[from : t+1])
			}
		}
	}
	if t != len(ids) {
		return fmt.Errorf("document lengths sum to %d of %d tokens", t, len(ids))
	}
	return nil
}

// hashLoss is in (0, 1].
func hashLoss(prefix []int32) float32 {
	h := fnv.New32a()
	for _, id := range prefix {
		fmt.Fprintf(h, "%d ", id)
	}
	return float32(h.Sum32()%1000+1) / 1000
}

// numbered returns n distinct ids beginning with first.
func numbered(first, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(first + i)
	}
	return ids
}

// sequence packs documents of those lengths; all tokens but each document's first are targets.
func sequence(first int, lens ...int32) schemas.Sequence {
	var s schemas.Sequence
	for _, n := range lens {
		from := s.NTokens
		s.InputIDs = append(s.InputIDs, numbered(first+int(from), int(n))...)
		if n > 1 {
			s.LossSpans = append(s.LossSpans, schemas.LossSpan{Start: from + 1, End: from + n})
		}
		s.NTokens += n
		s.Docs = append(s.Docs, schemas.DocRef{SampleID: fmt.Sprint("doc", first+int(from))})
		s.LossWeights = append(s.LossWeights, 1)
	}
	s.DocLens = lens
	return s
}

func each(t testing.TB, seqs ...schemas.Sequence) iter.Seq2[schemas.Sequence, error] {
	t.Helper()
	for i := range seqs {
		if err := seqs[i].Validate(0); err != nil {
			t.Fatalf("sequence %d: %v", i, err)
		}
	}
	return func(yield func(schemas.Sequence, error) bool) {
		for _, s := range seqs {
			if !yield(s, nil) {
				return
			}
		}
	}
}
