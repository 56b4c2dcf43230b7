package oracle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"longlora/kernels"
	"longlora/trainer/model"
)

// seam puts a given gradient in the place of the loss's, where it enters the last layer.
type seam struct {
	kernels.Backend
	norm     kernels.Tensor // the weight of the norm after the last layer
	upstream []float32
}

func (s *seam) RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	if w == s.norm {
		s.Write(dx, s.upstream)
		return
	}
	s.Backend.RMSNormGrad(dx, dw, dy, x, w, rstd)
}

// TestBlock holds the gradients of one layer, S²-Attn with LoRA, against Gorgonia's, under a random
// upstream gradient. The layer's input is the embedding: every token has a row of its own.
func TestBlock(t *testing.T) {
	for _, r := range rows() {
		for _, again := range []model.Again{{}, {Attention: true, MLP: true}, {Rows: true}} {
			t.Run(fmt.Sprintf("%v,again=%v", r, again), func(t *testing.T) {
				eachBackend(t, func(t *testing.T, b kernels.Backend, u unit) {
					p := newProblem(r, 1, false)
					p.options.Again = []model.Again{again}
					checkBlock(t, p, b, u)
				})
			})
		}
	}
}

func checkBlock(t *testing.T, p *problem, b kernels.Backend, u unit) {
	for i := range p.batch.IDs {
		p.batch.IDs[i], p.batch.Targets[i] = int32(i), 0 // every row gets a gradient
	}
	tokens := len(p.batch.IDs)
	p.config.Vocab = tokens
	s := &seam{Backend: b, upstream: make([]float32, tokens*p.config.Hidden)}
	upstream, rng := make([]float64, len(s.upstream)), rand.New(rand.NewPCG(13, 0))
	for i := range upstream {
		s.upstream[i] = float32(rng.NormFloat64())
		upstream[i] = float64(s.upstream[i])
	}
	m := p.newModel(t, s)
	s.norm = m.Params().Lookup(model.NormName).Value
	want, err := BlockGradients(p.spec, p.params, p.params[model.EmbedName], upstream)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Gradient(p.batch, 1); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, param := range m.Params() {
		name := param.Name
		switch name {
		case model.EmbedName:
			name = "x"
		case model.NormName, model.HeadName:
			continue // outside the block
		}
		wantClose(t, name, read(b, param.Grad), want.Gradients[name], 1, u.tolerance())
		compared++
	}
	if compared != len(want.Gradients) {
		t.Errorf("compared %d gradients, the graph has %d", compared, len(want.Gradients))
	}
}
