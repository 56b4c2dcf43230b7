package main

import (
	"errors"
	"math"
	"os"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/trainer/graph"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// step is a model ready to be trained.
type step struct {
	q        question
	backend  *cpu.Backend
	m        *model.Model
	engine   *graph.Engine // nil: the model itself
	batch    *model.Batch
	gradient func(*model.Batch, float32) (float64, error)
	grads    []kernels.Tensor
	taken    int
}

func openStep(q question) (*step, error) {
	precision := kernels.F32
	if q.Precision == "bf16" {
		precision = kernels.BF16
	}
	b, err := cpu.Open(cpu.Options{Threads: q.Threads, Precision: precision})
	if err != nil {
		return nil, err
	}
	folder, err := hf.Open(os.DirFS(q.Model), q.Model)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	var again []model.Again
	if q.Recompute {
		again = []model.Again{{Attention: true, MLP: true}}
	}
	spec, err := rope.Extend(folder.Config.RoPE, rope.Linear, folder.Context(), q.Context)
	if err != nil {
		return nil, err
	}
	c := folder.Config.Model
	m, err := model.New(b, c, model.Options{
		Context: q.Context, Rotary: spec.Rotary(c.HeadDim), Training: true, Again: again,
		Planner: func() kernels.Backend { return plan.New() },
		LoRA: &model.LoRA{
			Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}, Rank: 8, Alpha: 16,
		},
		Train: []string{"embed", "norm"},
	})
	if err == nil {
		err = m.Load(m.Params().Base(), folder.Tensor)
	}
	if err == nil {
		err = m.InitAdapters(1)
	}
	s := &step{q: q, backend: b, m: m, batch: document(q, c), gradient: m.Gradient}
	for _, p := range m.Params().Trainable() {
		s.grads = append(s.grads, p.Grad)
	}
	if err == nil && q.Engine == "gorgonia" {
		if s.engine, err = graph.New(m); err == nil {
			s.gradient = s.engine.Gradient
		}
	}
	return s, err
}

func document(q question, c model.Config) *model.Batch {
	ids := make([]int32, q.Context)
	for t := range ids {
		ids[t] = int32((t*7919 + 13) % c.Vocab)
	}
	b := model.Document(ids, c.Heads)
	if q.Attention == "s2" {
		b.Segments = pattern.S2(pattern.Layout{
			DocLens: []int32{int32(q.Context)}, Heads: c.Heads, Group: q.Context / 4,
		})
	}
	return b
}

func (s *step) do(times int, a *answer) (err error) {
	for range times {
		if a.Loss, err = s.train(); err != nil {
			return err
		}
	}
	a.FLOPs, err = s.flops()
	return err
}

func (s *step) close() error {
	var err error
	if s.engine != nil {
		err = s.engine.Close()
	}
	return errors.Join(err, s.m.Close(), s.backend.Close())
}

// train is one step as train.Loop takes it: gradient, norm, clip, AdamW.
func (s *step) train() (float64, error) {
	s.taken++
	n := float64(s.q.Context - 1)
	s.m.ZeroGrads()
	sum, err := s.gradient(s.batch, float32(1/n))
	if err != nil {
		return 0, err
	}
	norm := math.Sqrt(s.backend.SumSquares(s.grads...))
	scale := float32(min(1, 1/norm))
	for _, p := range s.m.Params().Trainable() {
		s.backend.AdamW(p.Value, p.Grad, p.M, p.V, kernels.AdamWStep{
			LR: 2e-5, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, GradScale: scale, Step: s.taken,
		})
	}
	return sum / n, s.backend.Sync()
}

// flops runs the gradient on a planning twin.
func (s *step) flops() (float64, error) {
	b := plan.New()
	m, err := model.New(b, s.m.Config(), s.m.Options())
	if err != nil {
		return 0, err
	}
	defer m.Close()
	b.Reset()
	if _, err := m.Gradient(s.batch, 1); err != nil {
		return 0, err
	}
	var sum float64
	for _, w := range b.Work() {
		switch w.Operator {
		case "Linear", "LinearGrad", "CrossEntropy", "Attention", "AttentionGrad":
			sum += w.FLOPs
		}
	}
	return sum, nil
}
