package eval

import (
	"fmt"

	"longlora/trainer/data"
	"longlora/trainer/model"
)

// modelScorer is a Scorer over a model.
type modelScorer struct {
	m         *model.Model
	segments  data.Segmenter
	maxTokens int
}

// OfModel returns the Scorer of a model whose queries see what segments says. Calls take up to
// maxTokens tokens, and a document must fit into the model's context.
func OfModel(m *model.Model, segments data.Segmenter, maxTokens int) Scorer {
	return &modelScorer{m: m, segments: segments, maxTokens: maxTokens}
}

func (s *modelScorer) MaxTokens() int { return s.maxTokens }

func (s *modelScorer) Losses(out []float32, ids, docLens []int32, wanted []bool) error {
	if len(ids) > s.maxTokens {
		return fmt.Errorf("%d tokens in one call, want at most %d", len(ids), s.maxTokens)
	}
	n := len(ids)
	b := &model.Batch{
		IDs: ids, Positions: make([]int32, 0, n), Targets: make([]int32, n),
		Weights: make([]float32, n), Segments: s.segments(docLens),
	}
	for _, length := range docLens {
		for p := range length {
			t := len(b.Positions)
			b.Positions = append(b.Positions, p)
			b.Targets[t], b.Weights[t] = -1, 1
			if p+1 < length && (wanted == nil || wanted[t+1]) {
				b.Targets[t] = ids[t+1]
			}
		}
	}
	losses, err := s.m.Losses(b)
	if err != nil {
		return err
	}
	out[0] = 0
	copy(out[1:], losses[:n-1])
	return nil
}
