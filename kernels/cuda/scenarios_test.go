//go:build gpu

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cuda/emulator"
	"longlora/kernels/pattern"
	"longlora/kernels/reference"
)

// side is one backend's run of a scenario: activations are brain floats, parameters float32.
type side struct {
	t       testing.TB
	b       kernels.Backend
	arena   kernels.Arena
	rng     *rand.Rand
	rows    int
	width   int
	names   []string
	outputs [][]float64
	masses  []float64
}

func newSide(t testing.TB, b kernels.Backend) *side {
	t.Helper()
	a, err := b.NewArena(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &side{t: t, b: b, arena: a}
}

// run does a scenario with values from seed and returns its outputs.
func (s *side) run(f func(*side), rows, width int, seed uint64) [][]float64 {
	s.t.Helper()
	s.arena.Release(0)
	s.rng = rand.New(rand.NewPCG(seed, uint64(rows)))
	s.rows, s.width = rows, width
	s.names, s.outputs, s.masses = nil, nil, nil
	f(s)
	if err := s.b.Sync(); err != nil {
		s.t.Fatalf("%d rows of %d: %v: %s", rows, width, err, emulator.Message())
	}
	return s.outputs
}

func (s *side) values(d kernels.DType, shape ...int) kernels.Tensor {
	t := s.arena.Alloc(d, shape...)
	v := make([]float32, t.Len())
	for i := range v {
		v[i] = float32(s.rng.NormFloat64())
	}
	s.b.Write(t, v)
	return t
}

func (s *side) act(shape ...int) kernels.Tensor   { return s.values(kernels.BF16, shape...) }
func (s *side) param(shape ...int) kernels.Tensor { return s.values(kernels.F32, shape...) }

// gapped is act with gaps between rows.
func (s *side) gapped(rows, width int) kernels.Tensor {
	return s.act(rows, width+6).Slice(1, 2, 2+width)
}

func (s *side) ints(n, from, to int) kernels.Tensor {
	t := s.arena.Alloc(kernels.I32, n)
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(from + s.rng.IntN(to-from))
	}
	s.b.WriteInts(t, v)
	return t
}

// keep reads an output. mass is the size of the terms of a difference that may leave nothing but
// their rounding; 0: none.
func (s *side) keep(name string, t kernels.Tensor, mass float64) {
	var wide []float64
	if r, ok := s.b.(*reference.Backend); ok {
		wide = r.ReadFloat64(t)
	} else {
		narrow := make([]float32, t.Len())
		s.b.Read(narrow, t)
		for _, v := range narrow {
			wide = append(wide, float64(v))
		}
	}
	s.names, s.outputs = append(s.names, name), append(s.outputs, wide)
	s.masses = append(s.masses, mass)
}

var scenarios = []struct {
	name string
	run  func(*side)
}{
	{"elementwise", elementwise}, {"embedding", embeddings}, {"rmsnorm", norms}, {"rope", rotations},
	{"linear", linears}, {"adapter", adapters}, {"swiglu", gates}, {"attention", attentions},
	{"decoding", decoding}, {"crossentropy", losses}, {"window", windows},
	{"appended", appendeds}, {"bias", biases}, {"layernorm", layerNorms}, {"gelu", gelus},
}

func elementwise(s *side) {
	x, y, wide := s.gapped(s.rows, s.width), s.act(s.rows, s.width), s.param(s.rows, s.width)
	s.b.Add(y, x)
	s.keep("sum", y, 0)
	s.b.Add(wide, y)
	s.keep("wide sum", wide, 0)
	s.b.Scale(x, -1.7)
	s.keep("product", x, 0)
	s.b.Copy(x, wide)
	s.keep("rounded copy", x, 0)
	deep := s.act(s.rows, 3, 2*s.width).Slice(2, 1, 1+s.width)
	other := s.act(s.rows, 5, s.width).Slice(1, 1, 4)
	s.b.Copy(deep, other)
	s.b.Zero(other.Slice(0, 0, s.rows/2))
	s.keep("three axes", deep, 0)
	s.keep("cleared half", other, 0)
}

func embeddings(s *side) {
	const vocabulary = 11
	ids := s.ints(s.rows, 0, vocabulary)
	table, brain := s.param(vocabulary, s.width), s.act(vocabulary, s.width)
	y := s.gapped(s.rows, s.width)
	s.b.Embedding(y, table, ids)
	s.keep("y", y, 0)
	s.b.Embedding(y, brain, ids)
	s.keep("y of brain floats", y, 0)
	s.b.EmbeddingGrad(table, s.gapped(s.rows, s.width), ids)
	s.keep("dTable", table, 0)
	s.b.EmbeddingGrad(brain, y, ids)
	s.keep("dTable of brain floats", brain, 0)
}

func norms(s *side) {
	x, dy := s.gapped(s.rows, s.width), s.act(s.rows, s.width)
	y, rstd := s.gapped(s.rows, s.width), s.param(s.rows)
	dx, w, dw := s.gapped(s.rows, s.width), s.param(s.width), s.param(s.width)
	s.b.RMSNorm(y, rstd, x, w, 1e-5)
	s.keep("y", y, 0)
	s.keep("rstd", rstd, 0)
	s.b.RMSNormGrad(dx, dw, dy, x, w, rstd)
	s.keep("dx", dx, 1)
	s.keep("dw", dw, 1)
	s.b.RMSNormGrad(dx, kernels.Tensor{}, dy, x, s.act(s.width), rstd)
	s.keep("dx again", dx, 1)
}

func rotations(s *side) {
	const positions = 9
	x := s.gapped(s.rows, 3*2*s.width).SplitLast(2 * s.width)
	cos, sin := s.param(positions, s.width), s.param(positions, s.width)
	pos := s.ints(s.rows, 0, positions)
	s.b.RoPE(x, cos, sin, pos, false)
	s.keep("y", x, 0)
	s.b.RoPE(x, cos, sin, pos, true)
	s.keep("turned back", x, 0)
}

func linears(s *side) {
	out, none := 2*s.width+1, kernels.Tensor{}
	x, dy := s.gapped(s.rows, s.width), s.gapped(s.rows, out)
	for _, w := range []kernels.Tensor{s.act(out, s.width), brainy(s, out, s.width)} {
		l, name := kernels.Linear{W: kernels.Dense{Tensor: w}}, " of "+w.DType().String()
		y, dx, dw := s.act(s.rows, out), s.act(s.rows, s.width), s.param(out, s.width)
		s.b.Linear(y, x, l, none, false)
		s.keep("y"+name, y, 0)
		s.b.Linear(y, x, l, none, true)
		s.keep("y twice"+name, y, 0)
		s.b.LinearGrad(dx, kernels.LinearGrad{DW: dw}, dy, x, l, none)
		s.keep("dx"+name, dx, 0)
		s.keep("dw"+name, dw, 0)
		wide := s.param(s.rows, out)
		s.b.Linear(wide, x, l, none, false)
		s.keep("wide y"+name, wide, 0)
	}
}

// brainy is a float32 matrix of values that brain floats hold: converting it loses nothing.
func brainy(s *side, shape ...int) kernels.Tensor {
	t := s.param(shape...)
	s.b.Copy(t, s.act(shape...))
	return t
}

func adapters(s *side) {
	out := s.width + 5
	for _, c := range []struct {
		rank    int
		dropout float32
	}{{1, 0}, {8, 0}, {11, 0}, {8, 0.3}} {
		l := kernels.Linear{W: kernels.Dense{Tensor: s.act(out, s.width)}, A: s.param(c.rank, s.width),
			B: s.param(out, c.rank), Scale: 0.7, Dropout: c.dropout, Seed: 5}
		g := kernels.LinearGrad{DA: s.param(c.rank, s.width), DB: s.param(out, c.rank)}
		x, dy, u := s.gapped(s.rows, s.width), s.gapped(s.rows, out), s.param(s.rows, c.rank)
		y, dx := s.act(s.rows, out), s.act(s.rows, s.width)
		name := fmt.Sprintf(" of rank %d, dropout %g", c.rank, c.dropout)
		s.b.Linear(y, x, l, u, false)
		s.b.LinearGrad(dx, g, dy, x, l, u)
		// Two roundings where plain code has one: of the product, and with the adapter's part.
		s.keep("y"+name, y, math.Sqrt(float64(s.width)))
		s.keep("u"+name, u, 0)
		s.keep("dx"+name, dx, math.Sqrt(float64(out)))
		s.keep("dA"+name, g.DA, 0)
		s.keep("dB"+name, g.DB, 0)
	}
}

// appendeds are adapters with room behind rows and below weights, which holds what is no number.
func appendeds(s *side) {
	const spare = 16
	out := s.width + 5
	spared := func(rows, width, below int) kernels.Tensor {
		t := s.act(rows+below, width+spare)
		s.b.Scale(t.Slice(1, width, width+spare), float32(math.Inf(1)))
		s.b.Scale(t.Slice(0, rows, rows+below), float32(math.Inf(1)))
		return t.Slice(0, 0, rows).Slice(1, 0, width)
	}
	for _, c := range []struct {
		rank    int
		dropout float32
	}{{1, 0}, {11, 0}, {8, 0.3}} {
		l := kernels.Linear{W: kernels.Dense{Tensor: spared(out, s.width, spare)},
			A: s.param(c.rank, s.width), B: s.param(out, c.rank), Scale: 0.7, Spare: spare, Dropout: c.dropout,
			Seed: 5}
		g := kernels.LinearGrad{DA: s.param(c.rank, s.width), DB: s.param(out, c.rank)}
		x, dy, u := spared(s.rows, s.width, 0), spared(s.rows, out, 0), s.param(s.rows, c.rank)
		y, dx := s.act(s.rows, out), s.act(s.rows, s.width)
		s.b.Linear(y, x, l, u, false)
		s.b.LinearGrad(dx, g, dy, x, l, u)
		name := fmt.Sprintf(" of rank %d, dropout %g", c.rank, c.dropout)
		// Both operands of the adapter's part are rounded, and with dropout dx is rounded twice.
		mass := func(n int) float64 { return math.Sqrt(float64(n)) * (1 + 0.7*math.Sqrt(float64(c.rank))) }
		s.keep("y"+name, y, mass(s.width))
		s.keep("u"+name, u, 0)
		s.keep("dx"+name, dx, mass(out))
		s.keep("dA"+name, g.DA, 0)
		s.keep("dB"+name, g.DB, 0)
	}
}

func biases(s *side) {
	y, b := s.gapped(s.rows, s.width), s.param(s.width)
	s.b.AddBias(y, b)
	s.keep("y", y, 0)
	s.b.BiasGrad(b, y)
	s.keep("db", b, 0)
}

func layerNorms(s *side) {
	x, dy := s.gapped(s.rows, s.width), s.act(s.rows, s.width)
	y, mean, rstd := s.gapped(s.rows, s.width), s.param(s.rows), s.param(s.rows)
	dx, w, dw, b, db := s.gapped(s.rows, s.width), s.param(s.width), s.param(s.width), s.param(s.width),
		s.param(s.width)
	s.b.LayerNorm(y, mean, rstd, x, w, b, 1e-1) // rows of one or two elements have no variance
	s.keep("y", y, 0)
	s.keep("mean", mean, 0)
	s.keep("rstd", rstd, 0)
	s.b.LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd)
	s.keep("dx", dx, 1)
	s.keep("dw", dw, 1)
	s.keep("db", db, 1)
	s.b.LayerNormGrad(dx, kernels.Tensor{}, kernels.Tensor{}, dy, x, w, mean, rstd)
	s.keep("dx again", dx, 1)
}

func gelus(s *side) {
	for _, form := range []kernels.GELU{kernels.GELUErf, kernels.GELUTanh} {
		x, up := s.gapped(s.rows, s.width), s.act(s.rows, s.width)
		y, dy, none := s.act(s.rows, s.width), s.gapped(s.rows, s.width), kernels.Tensor{}
		s.b.Scale(x, 2)
		s.b.GELU(y, x, none, form)
		s.keep("alone", y, 0)
		s.b.GELU(y, x, up, form)
		s.keep("as a gate", y, 0)
		alone := s.act(s.rows, s.width)
		s.b.GELUGrad(alone, none, dy, x, none, form)
		s.keep("dx alone", alone, 0)
		s.b.GELUGrad(x, up, dy, x, up, form)
		s.keep("dx", x, 0)
		s.keep("dup", up, 0)
	}
}

func gates(s *side) {
	gate, up := s.gapped(s.rows, s.width), s.act(s.rows, s.width)
	y, dy := s.act(s.rows, s.width), s.gapped(s.rows, s.width)
	s.b.Scale(gate, 3)
	s.b.SwiGLU(y, gate, up)
	s.keep("y", y, 0)
	s.b.SwiGLUGrad(gate, up, dy, gate, up)
	s.keep("dgate", gate, 0)
	s.keep("dup", up, 0)
}

// windows are shorter than the row.
func windows(s *side) {
	l := pattern.Layout{DocLens: []int32{int32(s.rows)}, Group: 1 + s.rows/2, Heads: 3}
	for _, e := range pattern.Table() {
		segments := e.Pattern(l)
		segments.Window = 1 + s.rows/3
		s.attend(e.Name+": ", 3, 1, segments)
	}
}

// attentions lays two documents, if there is room, under every pattern, with shared and unshared
// key heads, and an odd number of heads that patterns cut in the middle of a key head's.
func attentions(s *side) {
	l := pattern.Layout{DocLens: []int32{int32(s.rows)}, Group: 1 + s.rows/4}
	if first := int32(2 * s.rows / 3); first > 0 {
		l.DocLens = []int32{first, int32(s.rows) - first}
	}
	for _, e := range pattern.Table() {
		for _, heads := range [][2]int{{4, 4}, {4, 2}, {3, 1}} {
			l.Heads = heads[0]
			name := fmt.Sprintf("%s, %d heads, %d key heads: ", e.Name, heads[0], heads[1])
			s.attend(name, heads[0], heads[1], e.Pattern(l))
		}
	}
}

func (s *side) attend(name string, heads, keyHeads int, segments kernels.Segments) {
	const scale = 0.4
	q, do := s.gapped(s.rows, heads*s.width).SplitLast(s.width), s.act(s.rows, heads, s.width)
	k, v := s.act(s.rows, keyHeads, s.width), s.gapped(s.rows, keyHeads*s.width).SplitLast(s.width)
	o, lse := s.gapped(s.rows, heads*s.width).SplitLast(s.width), s.param(heads, s.rows)
	dq, dk, dv := s.act(s.rows, heads, s.width), s.act(s.rows, keyHeads, s.width),
		s.act(s.rows, keyHeads, s.width)
	s.b.Attention(o, lse, q, k, v, segments, scale)
	s.b.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, segments, scale)
	s.keep(name+"o", o, 0)
	s.keep(name+"lse", lse, 0)
	// A query that sees one key has the gradient scale·(do·v - do·o)·k, which is 0: the products of
	// normal vectors are of size sqrt(width). A key has as many as heads share it.
	mass := scale * math.Sqrt(float64(s.width))
	s.keep(name+"dq", dq, mass)
	s.keep(name+"dk", dk, mass*math.Sqrt(float64(heads/keyHeads)))
	s.keep(name+"dv", dv, 0)
}

// decoding has queries after cached keys.
func decoding(s *side) {
	const heads, keyHeads, cached = 4, 2, 75
	q, o := s.act(s.rows, heads, s.width), s.act(s.rows, heads, s.width)
	k, v := s.act(s.rows+cached, keyHeads, s.width), s.act(s.rows+cached, keyHeads, s.width)
	do, dq := s.act(s.rows, heads, s.width), s.act(s.rows, heads, s.width)
	dk, dv := s.act(s.rows+cached, keyHeads, s.width), s.act(s.rows+cached, keyHeads, s.width)
	lse := s.param(heads, s.rows)
	segments := kernels.Segments{Offset: cached, Groups: []kernels.HeadGroup{
		{From: 0, To: heads, Bounds: []int32{0, 40, int32(s.rows + cached)}},
	}}
	s.b.Attention(o, lse, q, k, v, segments, 0.3)
	s.keep("o", o, 0)
	s.keep("lse", lse, 0)
	s.b.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, segments, 0.3)
	s.keep("dq", dq, 0)
	s.keep("dk", dk, 0)
	s.keep("dv", dv, 0)
}

func losses(s *side) {
	vocabulary, none := 3*s.width+1, kernels.Tensor{}
	for _, w := range []kernels.Tensor{s.act(vocabulary, s.width), brainy(s, vocabulary, s.width)} {
		l, name := kernels.Linear{W: kernels.Dense{Tensor: w}}, " of "+w.DType().String()
		h, weights := s.gapped(s.rows, s.width), s.param(s.rows)
		losses, dh, dw := s.param(s.rows), s.act(s.rows, s.width), s.param(vocabulary, s.width)
		targets := s.ints(s.rows, -3, vocabulary)
		s.b.CrossEntropy(losses, dh, dw, h, l, targets, weights, 0.3)
		s.keep("losses"+name, losses, 1)
		// The target's part and that of the others cancel: each is of size 0.3.
		s.keep("dh"+name, dh, 0.6)
		s.keep("dw"+name, dw, 0.6)
		s.b.CrossEntropy(losses, none, none, h, l, targets, none, 1)
		s.keep("losses alone"+name, losses, 1)
	}
}
