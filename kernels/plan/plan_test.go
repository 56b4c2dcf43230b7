package plan_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"longlora/kernels"
	"longlora/kernels/attention"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/kernels/reference"
)

// TestPeaks runs the same random allocations on the planning backend and on real ones: the planned
// peak is theirs, it suffices, and a byte less does not.
func TestPeaks(t *testing.T) {
	processor, err := cpu.New(1)
	if err != nil {
		t.Fatal(err)
	}
	defer processor.Close()
	for _, b := range []kernels.Backend{processor, reference.New()} {
		t.Run(b.Name(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkPeak(t, b, drawScript(t)) })
		})
	}
}

func checkPeak(t *rapid.T, b kernels.Backend, script []step) {
	p := plan.New()
	planned := newArena(t, p, math.MaxInt64)
	run(p, planned, script)
	real := newArena(t, b, planned.Peak())
	defer real.Close()
	run(b, real, script)
	got := []int64{p.Peak(), planned.Peak(), planned.Mark()}
	if want := []int64{real.Peak(), real.Peak(), real.Mark()}; !slices.Equal(got, want) {
		t.Fatalf("peak of all, peak, height: planned %d, real %d", got, want)
	}
	if planned.Peak() == 0 {
		return
	}
	small := newArena(t, b, planned.Peak()-64)
	defer small.Close()
	defer func() {
		if recover() == nil {
			t.Fatalf("64 bytes less than %d suffice", planned.Peak())
		}
	}()
	run(b, small, script)
}

func newArena(t *rapid.T, b kernels.Backend, size int64) kernels.Arena {
	a, err := b.NewArena(size)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// step allocates a tensor and clears it, or releases the depth-th mark and all above.
type step struct {
	shape   []int
	dtype   kernels.DType
	release bool
	depth   int
}

func drawScript(t *rapid.T) []step {
	types := rapid.SampledFrom([]kernels.DType{kernels.F32, kernels.BF16, kernels.I32})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			shape:   rapid.SliceOfN(rapid.IntRange(0, 9), 1, kernels.MaxRank).Draw(t, "shape"),
			dtype:   types.Draw(t, "type"),
			release: rapid.IntRange(0, 3).Draw(t, "kind") == 0,
			depth:   rapid.IntRange(0, 5).Draw(t, "depth"),
		}
	}), 1, 30).Draw(t, "script")
}

func run(b kernels.Backend, a kernels.Arena, script []step) {
	marks := []int64{0}
	for _, s := range script {
		if s.release {
			marks = marks[:max(1, len(marks)-s.depth)]
			a.Release(marks[len(marks)-1])
			continue
		}
		b.Zero(a.Alloc(s.dtype, s.shape...))
		marks = append(marks, a.Mark())
	}
}

// TestTotalPeak has two arenas at a time.
func TestTotalPeak(t *testing.T) {
	b := plan.New()
	x, _ := b.NewArena(1 << 20)
	y, _ := b.NewArena(1 << 20)
	x.Alloc(kernels.F32, 16)
	y.Alloc(kernels.F32, 17)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	y.Alloc(kernels.BF16, 1)
	if b.Peak() != 64+128 {
		t.Errorf("peak %d, want 192", b.Peak())
	}
	if b.Reset(); b.Peak() != 192 { // 128+64 are still held
		t.Errorf("peak after Reset %d, want 192", b.Peak())
	}
	if _, err := b.NewArena(-1); err == nil {
		t.Error("reserved -1 bytes")
	}
}

// TestAttentionWork counts the pairs of query and key one by one.
func TestAttentionWork(t *testing.T) {
	for _, e := range pattern.Table() {
		for _, c := range [][2]int{{0, 0}, {5, 0}, {12, 0}, {0, 1}, {0, 3}, {5, 2}, {12, 4}, {0, 50}} {
			const keys, heads, d = 13, 3, 8
			offset := c[0]
			s := e.Pattern(pattern.Layout{DocLens: []int32{6, 7}, Heads: heads, Group: 4})
			s.Offset, s.Window = offset, c[1]
			pairs := 0
			for h := range heads {
				for i := range keys - offset {
					for j := range keys {
						if attention.Sees(s, h, i, j) {
							pairs++
						}
					}
				}
			}
			b := plan.New()
			a, _ := b.NewArena(1 << 20)
			q, k := a.Alloc(kernels.F32, keys-offset, heads, d), a.Alloc(kernels.F32, keys, 1, d)
			b.Attention(q, a.Alloc(kernels.F32, heads, keys-offset), q, k, k, s, 1)
			if want := float64(pairs * (2*2*d + 5)); b.FLOPs() != want {
				t.Errorf("%s after %d keys, window %d: %g operations, want %g", e.Name, offset, c[1],
					b.FLOPs(), want)
			}
		}
	}
}

// TestLinearWork compares with products counted by hand.
func TestLinearWork(t *testing.T) {
	b := plan.New()
	a, _ := b.NewArena(1 << 20)
	f32 := func(shape ...int) kernels.Tensor { return a.Alloc(kernels.F32, shape...) }
	const rows, in, out, rank = 5, 7, 11, 2
	x, y, u := f32(rows, in), f32(rows, out), f32(rows, rank)
	l := kernels.Linear{W: kernels.Dense{Tensor: f32(out, in)}}
	l.A, l.B = f32(rank, in), f32(out, rank)
	const base, low = rows * in * out, rows * rank * (in + out)
	b.Linear(y, x, l, u, false)
	g := kernels.LinearGrad{DA: f32(rank, in), DB: f32(out, rank)}
	b.LinearGrad(f32(rows, in), g, y, x, l, u)
	b.LinearGrad(kernels.Tensor{}, g, y, x, l, u) // no dx: nor its part through A
	want := fmt.Sprint([]plan.Work{
		{Operator: "LinearGrad", Calls: 2, FLOPs: 2 * (base + 2*low + 2*low - rows*rank*in)},
		{Operator: "Linear", Calls: 1, FLOPs: 2 * (base + low)},
	})
	if got := fmt.Sprint(b.Work()); got != want {
		t.Errorf("work is %s, want %s", got, want)
	}
}
