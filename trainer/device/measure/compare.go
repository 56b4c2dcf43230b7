//go:build gpu

package main

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"longlora/kernels/cuda"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// write writes a model's values, a document, and the gradients and the loss of it: weights.safetensors,
// batch.json and gradients.safetensors. Values are ones that brain floats hold.
func (o *options) write(b *cuda.Backend, p *planned) (err error) {
	m, err := model.New(b, o.config, p.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := os.MkdirAll(o.compare, 0o777); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var weights, gradients []safetensors.Tensor
	for _, p := range m.Params() {
		values := make([]float32, p.Len())
		for i := range values {
			v := float32(0.06 * rng.NormFloat64())
			if p.Group == model.GroupNorm {
				v++
			}
			values[i] = math.Float32frombits(math.Float32bits(v) &^ 0xffff)
		}
		if err := m.SetParam(p, values); err != nil {
			return err
		}
		weights = append(weights, safetensors.Tensor{Name: p.Name, Shape: p.Shape(),
			DType: safetensors.F32, Load: safetensors.Values(values)})
	}
	m.ZeroGrads()
	loss, err := m.Gradient(p.batch, 1/float32(o.context))
	if err != nil {
		return err
	}
	for _, p := range m.Params().Trainable() {
		values := make([]float32, p.Len())
		b.Read(values, p.Grad)
		gradients = append(gradients, safetensors.Tensor{Name: p.Name, Shape: p.Shape(),
			DType: safetensors.F32, Load: safetensors.Values(values)})
	}
	if err := b.Sync(); err != nil {
		return err
	}
	c := o.config
	text, err := json.Marshal(map[string]any{
		"ids": p.batch.IDs, "targets": p.batch.Targets, "loss": loss / float64(o.context),
		"group": max(o.context/4, 1), "attention": o.attention, "scale": 2.0,
		"config": map[string]any{"vocab_size": c.Vocab, "hidden_size": c.Hidden,
			"num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
			"num_key_value_heads": c.KVHeads, "head_dim": c.HeadDim, "intermediate_size": c.FFN,
			"rms_norm_eps": c.Eps, "rope_theta": 10000.0},
	})
	return errors.Join(err,
		os.WriteFile(filepath.Join(o.compare, "batch.json"), text, 0o666),
		writeTensors(filepath.Join(o.compare, "weights.safetensors"), weights),
		writeTensors(filepath.Join(o.compare, "gradients.safetensors"), gradients))
}

func writeTensors(path string, all []safetensors.Tensor) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(safetensors.Write(f, map[string]string{"format": "pt"}, all), f.Close())
}
