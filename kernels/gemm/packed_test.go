package gemm

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"unsafe"

	"longlora/kernels/bf16"
	"longlora/kernels/guard"
	"longlora/kernels/parallel"
	"longlora/kernels/simd"
)

// TestPacked requires that products of some rows at a time with an operand that was packed, as a
// whole or piece by piece, have the bits of one product.
func TestPacked(t *testing.T) {
	each(t, func(t *testing.T, tier simd.Tier, precision Precision) {
		pool := parallel.New(2)
		defer pool.Close()
		d := NewDriver(pool, tier, precision)
		rng := rand.New(rand.NewSource(1))
		for i := range 40 {
			m, n, k := 1+rng.Intn(67), 1+rng.Intn(67), 1+rng.Intn(67)
			if i%8 == 0 {
				k = blockK + 1 + rng.Intn(2*wordsK)
			}
			bit := func() bool { return rng.Intn(2) == 1 }
			ta, tb, half, add := bit(), bit(), bit(), bit()
			t.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(t *testing.T) {
				p := newProblem(t, rng, m, n, k, ta, tb, half, add, precision)
				want := p.run(t, d)
				dst := guard.Floats(t, d.PackedSize(n, k), guard.End)
				p.rows(t, d, d.Pack(dst, p.b, n, k), want)
				pieces := d.Place(guard.Floats(t, d.PackedSize(n, k), guard.Start), n, k)
				for from := 0; from < k; from += 10 {
					d.PackRows(1, pieces, p.b.From(from, 0), from, min(from+10, k))
				}
				p.rows(t, d, pieces, want)
			})
		}
	})
}

// rows computes the problem a few rows at a time.
func (p *problem) rows(t *testing.T, d *Driver, b Packed, want []float32) {
	t.Helper()
	c := C{append([]float32(nil), p.c.Data...), p.c.Row}
	for i := 0; i < p.m; i += 9 {
		part := C{c.Data[i*c.Row:], c.Row}
		d.Rows(i%2, part, p.a.From(i, 0), b, min(9, p.m-i), p.add)
	}
	for i := range p.m {
		if !slices.Equal(c.Data[i*c.Row:][:p.n], want[i*c.Row:][:p.n]) {
			t.Fatalf("row %d differs", i)
		}
	}
}

// TestBrainOperand requires that a left operand of brain floats gives the bits of one of floats
// with the same values, in any layout.
func TestBrainOperand(t *testing.T) {
	each(t, func(t *testing.T, tier simd.Tier, precision Precision) {
		pool := parallel.New(2)
		defer pool.Close()
		d := NewDriver(pool, tier, precision)
		rng := rand.New(rand.NewSource(1))
		for range 60 {
			m, n, k := 1+rng.Intn(67), 1+rng.Intn(67), 1+rng.Intn(67)
			t.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(t *testing.T) {
				p := newProblem(t, rng, m, n, k, rng.Intn(2) == 1, rng.Intn(2) == 1, false, true,
					precision)
				words := guard.Floats(t, (len(p.a.Data)+1)/2, guard.End)
				brains := unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), 2*len(words))
				brains = brains[len(brains)-len(p.a.Data):]
				for i, x := range p.a.Data {
					brains[i] = bf16.Round(x)
					p.a.Data[i] = bf16.Float(brains[i])
				}
				want := p.run(t, d)
				p.a = A{BF16: brains, Row: p.a.Row, Col: p.a.Col}
				if got := p.run(t, d); !slices.Equal(got, want) {
					t.Error("results differ")
				}
			})
		}
	})
}
