package conform

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/pattern"
)

// NoLeak requires, for every pattern and every operator that works token by token, that the outputs
// up to a token have the same bits whatever the later tokens hold. Lengths are 1 to 67 and around
// the tile sizes of real kernels; in short mode, 1 to 13 and those.
func NoLeak(t *testing.T, b kernels.Backend) {
	lengths, every := []int{127, 128, 129, 257}, 67
	if testing.Short() {
		every = 13
	}
	for n := 1; n <= every; n++ {
		lengths = append(lengths, n)
	}
	for _, e := range pattern.Table() {
		t.Run("attention/"+e.Name, func(t *testing.T) {
			m := newMemory(t, b)
			for _, n := range lengths {
				for _, group := range groups(n) {
					m.attentionLeak(e.Pattern, n, group)
				}
			}
		})
	}
	t.Run("rows", func(t *testing.T) {
		m := newMemory(t, b)
		for _, n := range lengths {
			m.rowsLeak(n)
		}
	})
}

// groups returns the sizes of groups for rows of n tokens.
func groups(n int) []int {
	if n > 67 {
		return []int{33, 64, 127}
	}
	return []int{1, 3, 4, 7, 16, 33, 64}
}

// attentionLeak packs n tokens into documents of which at least one is longer than a group, if any
// can be.
func (m *memory) attentionLeak(p pattern.Pattern, n, group int) {
	const heads, keyHeads, dim = 4, 2, 8
	m.fresh(n, group)
	lens := []int32{int32(n)}
	if first := 1 + 2*n/3; n%2 == 1 && first < n {
		lens = []int32{int32(first), int32(n - first)}
	}
	s := p(pattern.Layout{DocLens: lens, Heads: heads, Group: group, Across: n%4 == 3})
	q, o := m.normal(n, heads*dim), m.normal(n, heads*dim)
	k, v := m.normal(n, keyHeads*dim), m.normal(n, keyHeads*dim)
	lse := m.normal(heads, n)
	m.leak(fmt.Sprintf("%d tokens in documents of %v, group %d", n, lens, group), n,
		[]kernels.Tensor{q, k, v}, []kernels.Tensor{o}, func() {
			m.b.Attention(o.SplitLast(dim), lse, q.SplitLast(dim), k.SplitLast(dim),
				v.SplitLast(dim), s, 0.3)
		})
}

// rowsLeak runs the operators whose rows are tokens, one after another.
func (m *memory) rowsLeak(n int) {
	const d, out, rank = 19, 35, 3
	m.fresh(n)
	w := m.normal(d)
	x, y, rstd := m.normal(n, d), m.normal(n, d), m.normal(n, 1)
	l := kernels.Linear{W: kernels.Dense{Tensor: m.normal(out, d)}, Scale: 0.5}
	l.A, l.B = m.normal(rank, d), m.normal(out, rank)
	gate, up, act, u := m.normal(n, out), m.normal(n, out), m.normal(n, out), m.normal(n, rank)
	cos, sin, pos := m.normal(n, 2), m.normal(n, 2), m.ints(n, n)
	turned := m.normal(n, 8)
	head := kernels.Linear{W: kernels.Dense{Tensor: m.normal(out, d)}}
	none := kernels.Tensor{}
	targets, losses := m.ints(n, out), m.normal(n, 1)
	m.leak(fmt.Sprintf("%d tokens", n), n, []kernels.Tensor{x, turned},
		[]kernels.Tensor{y, rstd, gate, up, act, losses, turned}, func() {
			m.b.RMSNorm(y, rstd.Reshape(n), x, w, 1e-5)
			m.b.Linear(gate, y, l, u, false)
			m.b.Linear(up, y, l, u, false)
			m.b.SwiGLU(act, gate, up)
			m.b.RoPE(turned.SplitLast(4), cos, sin, pos, false)
			m.b.CrossEntropy(losses.Reshape(n), none, none, y, head, targets, none, 1)
		})
}

// leak runs f, then again and again after changing tokens of the inputs from the last one on, and
// wants the rows of the outputs before them as they were.
func (m *memory) leak(what string, tokens int, inputs, outputs []kernels.Tensor, f func()) {
	m.t.Helper()
	start := m.snapshot(inputs)
	f()
	want := m.snapshot(outputs)
	for _, cut := range m.cuts(tokens) {
		m.restore(inputs, start)
		for _, x := range inputs {
			m.disturb(x.Slice(0, cut, tokens))
		}
		f()
		for i, got := range m.snapshot(outputs) {
			width := len(got) / tokens
			for at := range cut * width {
				if math.Float32bits(got[at]) != math.Float32bits(want[i][at]) {
					m.t.Fatalf("%s: tokens from %d on change output %d of token %d: %g, before %g",
						what, cut, i, at/width, got[at], want[i][at])
				}
			}
		}
	}
}

// cuts returns all places of short rows, and some of longer ones: the first, the last and any.
func (m *memory) cuts(n int) (cuts []int) {
	const short = 12
	if n <= short {
		for cut := n - 1; cut > 0; cut-- {
			cuts = append(cuts, cut)
		}
		return cuts
	}
	return []int{n - 1, 1 + m.rng.IntN(n-1), 1}
}

// disturb makes values another: far greater, and now and then infinite or no number, which not even
// a probability of 0 undoes.
func (m *memory) disturb(x kernels.Tensor) {
	values := make([]float32, x.Len())
	for i := range values {
		switch m.rng.IntN(16) {
		case 0:
			values[i] = float32(math.NaN())
		case 1:
			values[i] = float32(math.Inf(m.rng.IntN(2)*2 - 1))
		default:
			values[i] = 1e4 * float32(m.rng.NormFloat64())
		}
	}
	m.b.Write(x, values)
}
