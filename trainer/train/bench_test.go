package train

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/trainer/data"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// BenchmarkGradient measures forward and backward passes of one micro-batch, in tokens a second,
// for LongLoRA on the shapes of TinyStories-656K and of the embedded base, and for pretraining the
// latter from scratch.
func BenchmarkGradient(b *testing.B) {
	lora := &model.LoRA{Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}, Rank: 8, Alpha: 16}
	base := model.Config{
		Vocab: 4096, Hidden: 192, Layers: 5, Heads: 6, KVHeads: 6, HeadDim: 32, FFN: 512, Eps: 1e-6,
		Tied: true,
	}
	for _, c := range []struct {
		name    string
		shape   model.Config
		options model.Options
		how     pattern.Pattern
		lens    []int32
	}{
		{"sft", model.Config{
			Vocab: 2048, Hidden: 128, Layers: 2, Heads: 8, KVHeads: 4, HeadDim: 16, FFN: 384,
			Eps: 1e-6, Tied: true,
		}, model.Options{LoRA: lora, Train: []string{"embed", "norm"}}, pattern.S2, []int32{2048, 2048}},
		{"base", base, model.Options{LoRA: lora, Train: []string{"embed", "norm"}}, pattern.S2,
			[]int32{4096}},
		{"pretrain", base, model.Options{Train: []string{model.TrainAll}}, pattern.Full,
			[]int32{512, 512, 512, 512, 512, 512, 512, 512}},
	} {
		b.Run(c.name, func(b *testing.B) {
			backend, err := cpu.New(0)
			if err != nil {
				b.Fatal(err)
			}
			defer backend.Close()
			c.options.Context, c.options.Training = 4096, true
			c.options.Planner = func() kernels.Backend { return plan.New() }
			c.options.Rotary = rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1, Max: 4096,
				Original: 4096}.Rotary(c.shape.HeadDim)
			m, err := model.New(backend, c.shape, c.options)
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			if err := m.Init(1); err != nil {
				b.Fatal(err)
			}
			batch := randomBatch(c.shape, c.how, c.lens)
			if _, err := m.Gradient(batch, 1); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := m.Gradient(batch, 1); err != nil {
					b.Fatal(err)
				}
			}
			tokens := float64(b.N) * float64(len(batch.IDs))
			b.ReportMetric(tokens/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// randomBatch returns documents in which every token but the first is a target.
func randomBatch(c model.Config, how pattern.Pattern, lens []int32) *model.Batch {
	rng := rand.New(rand.NewPCG(1, 1))
	row := &data.Row{DocLens: lens}
	for _, n := range lens {
		for p := range n {
			row.IDs = append(row.IDs, rng.Int32N(int32(c.Vocab)))
			row.Targets, row.Weights = append(row.Targets, -1), append(row.Weights, 1)
			if p > 0 {
				row.Targets[len(row.Targets)-2] = row.IDs[len(row.IDs)-1]
			}
		}
	}
	return data.Layout{Segments: func(lens []int32) kernels.Segments {
		return how(pattern.Layout{DocLens: lens, Heads: c.Heads, Group: 512})
	}}.Join([]*data.Row{row})
}
