//go:build gpu

package device

import (
	"testing"

	"longlora/kernels"
	"longlora/kernels/cuda/emulator"
	"longlora/kernels/reference"
	"longlora/trainer/model"
)

// TestFamilies: what the families' models have beside LLaMA's is on the GPU: their gradients are at most
// twice as far from float64's as those of plain code in brain floats.
func TestFamilies(t *testing.T) {
	for _, a := range []model.Arch{
		{Family: "qwen2", QKVBias: true},
		{Family: "qwen3", QKNorm: true},
		{Family: "mistral", Window: 17},
		{Family: "gemma3_text", Norm: model.RMSNormPlus, Activation: model.GeGLU, QKNorm: true,
			PostNorms: true, EmbedScale: true},
		{Family: "gpt_neox", Norm: model.LayerNorm, Activation: model.GELU, Fused: true, Parallel: true,
			QKVBias: true, OutBias: true, MLPBias: true},
	} {
		t.Run(a.Family, func(t *testing.T) {
			c := model.Config{Vocab: 31, Hidden: 32, Layers: 1, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 48,
				Eps: 1e-5, Arch: a}
			if a.Fused {
				c.KVHeads = c.Heads
			}
			if err := c.OnGPU(); err != nil {
				t.Fatal(err)
			}
			ids := make([]int32, 43)
			for i := range ids {
				ids[i] = int32(i * i % c.Vocab)
			}
			o := options(planner, kernels.BF16)
			o.LoRA, o.Train = nil, []string{model.TrainAll}
			if a.Norm == "" { // and names LoRA's targets as LLaMA does
				o.Train, o.LoRA = []string{"embed", "norm"}, options(planner, 0).LoRA
			}
			exactly := o
			exactly.Activations = 0
			models := []*model.Model{
				newShaped(t, reference.New(), c, exactly), newShaped(t, reference.Naive(), c, o),
				newShaped(t, gpu(t), c, o),
			}
			for _, m := range models {
				m.ZeroGrads()
				if _, err := m.Gradient(model.Document(ids, c.Heads), 0.1); err != nil {
					t.Fatalf("%v: %s", err, emulator.Message())
				}
			}
			want, plain, all := grads(models[0]), grads(models[1]), pool{}
			for name, g := range grads(models[2]) {
				all.add("all", g, plain[name], want[name])
			}
			all.check(t, "gradient")
		})
	}
}
