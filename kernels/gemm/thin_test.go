package gemm

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"unsafe"

	"longlora/kernels/guard"
	"longlora/kernels/parallel"
	"longlora/kernels/simd"
)

// TestThin requires that products of few rows, which read rows of B where they lie, have the bits
// of products that pack the same B: bits of the transpose of B, which are never thin.
func TestThin(t *testing.T) {
	each(t, func(t *testing.T, tier simd.Tier, precision Precision) {
		pool := parallel.New(2)
		defer pool.Close()
		d := NewDriver(pool, tier, precision)
		rng := rand.New(rand.NewSource(1))
		thin := d.Kernels().thin
		for i := range 100 {
			m := 1 + rng.Intn(thinStrips*thin.rows+1)
			n, k := thin.cols+rng.Intn(4*thin.cols), thin.step+rng.Intn(6*thin.step)
			switch {
			case i%10 == 0:
				n, k = 5*thin.cols+3, thinSerial/(2*thin.cols) // two threads, several blocks along k
			case i%5 == 0:
				k += blockK
			}
			half, add := i%2 == 1, rng.Intn(2) == 1
			k += k % 2 * rng.Intn(2)
			t.Run(fmt.Sprintf("%dx%dx%d/%v%v", m, n, k, half, add), func(t *testing.T) {
				p := newProblem(t, rng, m, n, k, false, true, half, add, precision)
				p.b.Scale = 1
				got := p.run(t, d)
				p.b = p.b.turned(t, k, n)
				if want := p.run(t, d); !slices.Equal(got, want) {
					t.Error("results differ")
				}
			})
		}
	})
}

// turned returns a copy of b [k, n] whose columns are neighbours.
func (b B) turned(t *testing.T, k, n int) B {
	c := B{Row: n, Col: 1, Scale: b.Scale}
	words := guard.Floats(t, k*n, guard.End)
	if b.F32 != nil {
		c.F32 = words
	} else {
		c.BF16 = unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), 2*k*n)[k*n:]
	}
	for i := range k {
		for j := range n {
			if b.F32 != nil {
				c.F32[i*n+j] = b.F32[i*b.Row+j*b.Col]
			} else {
				c.BF16[i*n+j] = b.BF16[i*b.Row+j*b.Col]
			}
		}
	}
	return c
}

// TestThinIsUsed requires thin tiles where they are meant: for rows of weights of either storage.
func TestThinIsUsed(t *testing.T) {
	pool := parallel.New(1)
	defer pool.Close()
	for _, tier := range simd.Tiers() {
		d := NewDriver(pool, tier, Float)
		floats, brains := make([]float32, 64*64), make([]uint16, 64*64)
		for _, c := range []struct {
			m    int
			b    B
			want bool
		}{
			{1, B{F32: floats, Row: 1, Col: 64}, true},
			{thinStrips * d.tiles.thin.rows, B{F32: floats, Row: 1, Col: 64, Scale: 1}, true},
			{1, B{BF16: brains, Row: 1, Col: 64}, d.tiles.thin.halves},
			{thinStrips*d.tiles.thin.rows + 1, B{F32: floats, Row: 1, Col: 64}, false},
			{1, B{F32: floats, Row: 64, Col: 1}, false},
			{1, B{F32: floats, Row: 1, Col: 64, Scale: 2}, false},
		} {
			p := d.product(C{}, A{Data: floats, Row: 64, Col: 1}, c.m, 64, 64, false)
			p.b = c.b
			if got := p.isThin(); got != c.want {
				t.Errorf("%v: %d rows, b %d, %d times %g: thin is %v", tier, c.m, c.b.Row, c.b.Col,
					c.b.Scale, got)
			}
		}
	}
}
