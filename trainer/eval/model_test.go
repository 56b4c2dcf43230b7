package eval

import (
	"context"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/schemas"
	"longlora/trainer/model"
	"longlora/trainer/open"
)

// naiveLosses computes -log p of each token of one document in float64 from the model's logits.
func naiveLosses(t testing.TB, m *open.Model, ids []int32, segments kernels.Segments) []float64 {
	t.Helper()
	losses := make([]float64, len(ids))
	b := model.Document(ids, m.Config.Model.Heads)
	b.Segments = segments
	err := m.Logits(b, func(token int, row []float32) error {
		if token+1 == len(ids) {
			return nil
		}
		sum := 0.0
		for _, v := range row {
			sum += math.Exp(float64(v))
		}
		losses[token+1] = math.Log(sum) - float64(row[ids[token+1]])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return losses
}

// TestPerplexityAgainstLogits holds the whole way, packing and masks included, against logits of
// each document by itself. Logits of size up to 20 that sum some hundred float32 products are off by
// at most about 20·200·2^-24 = 2.4e-4, a loss by twice that; the mean over all tokens by less.
func TestPerplexityAgainstLogits(t *testing.T) {
	m, err := open.Open(open.Options{Model: open.Base, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	const tolerance = 5e-4
	seqs := []schemas.Sequence{sequence(0, 100, 1, 301), sequence(700, 512), sequence(1500, 2, 3)}
	heads := m.Config.Model.Heads
	for _, e := range pattern.Table() {
		segments := func(lens []int32) kernels.Segments {
			return e.Pattern(pattern.Layout{DocLens: lens, Heads: heads, Group: 64})
		}
		got, err := PerToken(context.Background(), OfModel(m.Model, segments, 1024), each(t, seqs...),
			512, nil)
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		var n int64
		for _, s := range seqs {
			from := int32(0)
			for _, length := range s.DocLens {
				ids := s.InputIDs[from : from+length]
				from += length
				for _, loss := range naiveLosses(t, m, ids, segments([]int32{length}))[1:] {
					sum += loss
					n++
				}
			}
		}
		if got.Tokens != n || math.Abs(got.NLL-sum/float64(n)) > tolerance {
			t.Errorf("%s: got %v over %d tokens, want %v over %d",
				e.Name, got.NLL, got.Tokens, sum/float64(n), n)
		}
	}
}

func TestScorerLeavesOutWhatIsNotWanted(t *testing.T) {
	m, err := open.Open(open.Options{Model: open.Base, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := OfModel(m.Model, func(lens []int32) kernels.Segments {
		return pattern.Full(pattern.Layout{DocLens: lens, Heads: m.Config.Model.Heads})
	}, 64)
	ids, lens := numbered(5, 40), []int32{10, 30}
	all, some := make([]float32, 40), make([]float32, 40)
	wanted := make([]bool, 40)
	for _, i := range []int{0, 1, 9, 10, 11, 25, 39} {
		wanted[i] = true
	}
	if err := s.Losses(all, ids, lens, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Losses(some, ids, lens, wanted); err != nil {
		t.Fatal(err)
	}
	for i := range ids {
		want := all[i]
		if !wanted[i] {
			want = 0
		}
		// Which rows share a product with the head may change its last bits.
		if math.Abs(float64(some[i]-want)) > 1e-4 || (all[i] == 0) != (i == 0 || i == 10) {
			t.Errorf("token %d: got %v, want %v", i, some[i], want)
		}
	}
	if err := s.Losses(make([]float32, 65), numbered(0, 65), []int32{65}, nil); err == nil {
		t.Error("65 tokens are scored by a Scorer of 64")
	}
}
