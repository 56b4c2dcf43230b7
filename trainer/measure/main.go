// Command measure times training steps for scripts/bench/cpu: one JSON question a line on standard input,
// one JSON answer a line on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/pprof"
	"time"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// question asks for one training step of LoRA with embedding and norms, on a document whose token
// at t is (t·7919 + 13) mod vocabulary, each token but the last with a target.
type question struct {
	Model     string `json:"model"` // a folder
	Context   int    `json:"context"`
	Attention string `json:"attention"` // full or s2, of groups of a quarter of the context
	Precision string `json:"precision"` // f32 or bf16
	Recompute bool   `json:"recompute"`
	Threads   int    `json:"threads"`
	Steps     int    `json:"steps"`   // at least 1; all are one answer
	Profile   string `json:"profile"` // file that receives a CPU profile; "": none
}

// answer is the mean time of a step, its last loss and the operations of all matrix products and
// attention of one gradient.
type answer struct {
	Seconds float64 `json:"seconds"`
	Loss    float64 `json:"loss"`
	FLOPs   float64 `json:"flops"`
	PeakKiB int64   `json:"peak_kib"` // of the process, so far
}

// subject is a model ready to be trained.
type subject struct {
	q       question
	backend *cpu.Backend
	m       *model.Model
	batch   *model.Batch
	step    int
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// serve keeps the models of all questions, so that a repeated one finds its model warm.
func serve() (err error) {
	subjects := map[question]*subject{}
	defer func() {
		for _, s := range subjects {
			err = errors.Join(err, s.m.Close(), s.backend.Close())
		}
	}()
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			return err
		}
		steps, profile := max(q.Steps, 1), q.Profile
		q.Steps, q.Profile = 0, ""
		if subjects[q] == nil {
			if subjects[q], err = open(q); err != nil {
				return err
			}
		}
		a, err := subjects[q].measure(steps, profile)
		if err != nil {
			return err
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

func open(q question) (*subject, error) {
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
	return &subject{q: q, backend: b, m: m, batch: document(q, c)}, err
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

func (s *subject) measure(steps int, profile string) (answer, error) {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return answer{}, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return answer{}, err
		}
		defer pprof.StopCPUProfile()
	}
	var a answer
	begun := time.Now()
	for range steps {
		loss, err := s.train()
		if err != nil {
			return a, err
		}
		a.Loss = loss
	}
	a.Seconds = time.Since(begun).Seconds() / float64(steps)
	var err error
	if a.FLOPs, err = s.flops(); err != nil {
		return a, err
	}
	a.PeakKiB, err = peak()
	return a, err
}

// train is one step as train.Loop takes it: gradient, norm, clip, AdamW.
func (s *subject) train() (float64, error) {
	s.step++
	n := float64(s.q.Context - 1)
	s.m.ZeroGrads()
	sum, err := s.m.Gradient(s.batch, float32(1/n))
	if err != nil {
		return 0, err
	}
	var grads []kernels.Tensor
	for _, p := range s.m.Params().Trainable() {
		grads = append(grads, p.Grad)
	}
	norm := math.Sqrt(s.backend.SumSquares(grads...))
	scale := float32(min(1, 1/norm))
	for _, p := range s.m.Params().Trainable() {
		s.backend.AdamW(p.Value, p.Grad, p.M, p.V, kernels.AdamWStep{
			LR: 2e-5, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, GradScale: scale, Step: s.step,
		})
	}
	return sum / n, s.backend.Sync()
}

// flops runs the gradient on a planning twin.
func (s *subject) flops() (float64, error) {
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

// peak is the process's greatest resident memory so far.
func peak() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(in.Text(), "VmHWM: %d kB", &kib); n == 1 {
			return kib, nil
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}
