package cpu

import (
	"math"
	"math/rand"
	"testing"

	"longlora/kernels"
	"longlora/kernels/reference"
	"longlora/kernels/simd"
)

// side is one backend with the tensors of a scenario.
type side struct {
	kernels.Backend
	t     *testing.T
	arena kernels.Arena
	rng   *rand.Rand
	out   [][]float32 // what the scenario reads
}

func newSide(t *testing.T, b kernels.Backend) *side {
	t.Helper()
	arena, err := b.NewArena(1 << 22)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { arena.Close(); b.Close() })
	return &side{Backend: b, t: t, arena: arena, rng: rand.New(rand.NewSource(1))}
}

func (s *side) typed(d kernels.DType, shape ...int) kernels.Tensor {
	x := s.arena.Alloc(d, shape...)
	values := make([]float32, x.Len())
	for i := range values {
		values[i] = float32(s.rng.NormFloat64())
	}
	s.Write(x, values)
	return x
}

func (s *side) normal(shape ...int) kernels.Tensor { return s.typed(kernels.F32, shape...) }

func (s *side) empty(shape ...int) kernels.Tensor { return s.arena.Alloc(kernels.F32, shape...) }

func (s *side) ints(values ...int32) kernels.Tensor {
	x := s.arena.Alloc(kernels.I32, len(values))
	s.WriteInts(x, values)
	return x
}

func (s *side) read(ts ...kernels.Tensor) {
	for _, t := range ts {
		values := make([]float32, t.Len())
		s.Read(values, t)
		s.out = append(s.out, values)
	}
	if err := s.Sync(); err != nil {
		s.t.Fatal(err)
	}
}

// scenarios run every method of a Backend. Values are normal and sums short: float32 errs by less
// than 64 roundings of a few units.
var scenarios = map[string]func(s *side){
	"Copy": func(s *side) {
		a, b := s.normal(5, 7), s.typed(kernels.BF16, 5, 7)
		c, d := s.arena.Alloc(kernels.BF16, 5, 7), s.empty(5, 7)
		s.Copy(c, a)
		s.Copy(d, b)
		s.Copy(a.Slice(1, 1, 4), d.Slice(1, 2, 5))
		s.Copy(b.Slice(0, 0, 2), c.Slice(0, 1, 3))
		s.read(a, b, c, d)
	},
	"Elementwise": func(s *side) {
		a, b := s.normal(3, 5, 4), s.normal(3, 5, 4)
		s.Add(a, b)
		s.Scale(b.Slice(1, 1, 3), -3)
		s.Add(a.Slice(2, 0, 2), b.Slice(2, 2, 4))
		s.Zero(a.Slice(0, 1, 2).Slice(1, 2, 4))
		s.read(a, b, a.Slice(1, 2, 3))
		s.Zero(b)
		s.read(b)
	},
	"Embedding": func(s *side) {
		table, ids := s.typed(kernels.BF16, 9, 6), s.ints(8, 0, 3, 3, 1)
		y, dTable, dy := s.empty(5, 6), s.normal(9, 6), s.normal(5, 6)
		s.Embedding(y, table, ids)
		s.EmbeddingGrad(dTable, dy, ids)
		s.read(y, dTable)
	},
	"RMSNorm": func(s *side) {
		x, w, y, rstd := s.normal(6, 20), s.normal(20), s.empty(6, 20), s.empty(6)
		dx, dw, dy := s.normal(6, 20), s.normal(20), s.normal(6, 20)
		s.RMSNorm(y, rstd, x, w, 1e-5)
		s.RMSNormGrad(dx, dw, dy, x, w, rstd)
		s.RMSNormGrad(dx, kernels.Tensor{}, dy, x, w, rstd)
		s.read(y, rstd, dx, dw)
	},
	"RoPE": func(s *side) {
		x, cos, sin, pos := s.normal(4, 3*8), s.normal(9, 4), s.normal(9, 4), s.ints(0, 8, 2, 2)
		s.RoPE(x.SplitLast(8), cos, sin, pos, false)
		s.RoPE(x.Slice(1, 8, 24).SplitLast(8), cos, sin, pos, true)
		s.read(x)
	},
	"Linear": func(s *side) {
		l := kernels.Linear{W: kernels.Dense{Tensor: s.typed(kernels.BF16, 12, 10)}}
		x, y, dx, dy, dw := s.normal(7, 10), s.normal(7, 12), s.normal(7, 10), s.normal(7, 12),
			s.normal(12, 10)
		s.Linear(y, x, l, kernels.Tensor{}, true)
		s.LinearGrad(dx, kernels.LinearGrad{DW: dw}, dy, x, l, kernels.Tensor{})
		s.read(y, dx, dw)
	},
	"LoRA": func(s *side) {
		l := kernels.Linear{W: kernels.Dense{Tensor: s.normal(12, 10)}, A: s.normal(3, 10),
			B: s.normal(12, 3), Scale: 2, Dropout: 0.3, Seed: 5}
		x, y, u, dx, dy := s.normal(7, 10), s.empty(7, 12), s.empty(7, 3), s.normal(7, 10), s.normal(7, 12)
		g := kernels.LinearGrad{DA: s.normal(3, 10), DB: s.normal(12, 3)}
		s.Linear(y, x, l, u, false)
		s.LinearGrad(dx, g, dy, x, l, u)
		s.read(y, u, dx, g.DA, g.DB)
	},
	"Attention": func(s *side) {
		q, k, v := s.normal(9, 4, 8), s.normal(9, 2, 8), s.normal(9, 2, 8)
		o, lse, do := s.empty(9, 4, 8), s.empty(4, 9), s.normal(9, 4, 8)
		dq, dk, dv := s.empty(9, 4, 8), s.empty(9, 2, 8), s.empty(9, 2, 8)
		segments := kernels.Segments{Groups: []kernels.HeadGroup{
			{From: 0, To: 2, Bounds: []int32{0, 4, 8, 9}}, {From: 2, To: 4, Bounds: []int32{0, 2, 6, 9}}}}
		s.Attention(o, lse, q, k, v, segments, 0.3)
		s.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, segments, 0.3)
		s.read(o, lse, dq, dk, dv)
	},
	"Decode": func(s *side) {
		q, k, v, o, lse := s.normal(2, 4, 8), s.normal(9, 2, 8), s.normal(9, 2, 8), s.empty(2, 4, 8),
			s.empty(4, 2)
		s.Attention(o, lse, q, k, v, kernels.Segments{Offset: 7, Groups: []kernels.HeadGroup{
			{From: 0, To: 4, Bounds: []int32{0, 9}}}}, 0.3)
		s.read(o, lse)
	},
	"SwiGLU": func(s *side) {
		gate, up, y, dy := s.normal(3, 11), s.normal(3, 11), s.empty(3, 11), s.normal(3, 11)
		s.SwiGLU(y, gate, up)
		s.SwiGLUGrad(gate, up, dy, gate, up)
		s.read(y, gate, up)
	},
	"CrossEntropy": func(s *side) {
		l := kernels.Linear{W: kernels.Dense{Tensor: s.normal(13, 10)}}
		h, targets, weights := s.normal(5, 10), s.ints(12, -1, 0, 3, 3), s.normal(5)
		losses, dh, dw := s.empty(5), s.empty(5, 10), s.normal(13, 10)
		s.CrossEntropy(losses, dh, dw, h, l, targets, weights, 0.5)
		s.read(losses, dh, dw)
		s.CrossEntropy(losses, kernels.Tensor{}, kernels.Tensor{}, h, l, targets, weights, 1)
		s.read(losses)
	},
	"AdamW": func(s *side) {
		p, g, m, v := s.normal(37), s.normal(37), s.normal(37), s.empty(37)
		s.Zero(v)
		step := kernels.AdamWStep{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1,
			GradScale: 0.7, Step: 3}
		s.AdamW(p, g, m, v, step)
		s.read(p, m, v)
		s.out = append(s.out, []float32{float32(s.SumSquares(p, g))})
	},
}

// TestEveryOperator compares each with the reference backend's, on every tier.
func TestEveryOperator(t *testing.T) {
	for name, run := range scenarios {
		want := newSide(t, reference.New())
		run(want)
		for tier := simd.Portable; tier <= simd.Best(); tier++ {
			t.Run(name+"/"+tier.String(), func(t *testing.T) {
				got := newSide(t, NewTier(2, tier))
				run(got)
				compare(t, got.out, want.out)
			})
		}
	}
}

func compare(t *testing.T, got, want [][]float32) {
	t.Helper()
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("read %d has %d values, want %d", i, len(got[i]), len(want[i]))
		}
		for j, w := range want[i] {
			diff := math.Abs(float64(got[i][j]) - float64(w))
			if !(diff <= 64*0x1p-24*(3+math.Abs(float64(w)))) {
				t.Fatalf("read %d, element %d is %g, want %g", i, j, got[i][j], w)
			}
		}
	}
}

func TestNew(t *testing.T) {
	t.Setenv("LONGLORA_SIMD", "portable")
	b, err := New(3)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Name() != "cpu/portable" || b.Threads() != 3 {
		t.Errorf("backend is %s with %d threads, want cpu/portable with 3", b.Name(), b.Threads())
	}
	t.Setenv("LONGLORA_SIMD", "sse")
	if _, err := New(1); err == nil {
		t.Error("an unknown tier is taken")
	}
}
