package gemm

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"
	"unsafe"

	"longlora/kernels/bf16"
	"longlora/kernels/guard"
	"longlora/kernels/parallel"
	"longlora/kernels/simd"
)

// each runs f on every tier and precision.
func each(t *testing.T, f func(*testing.T, simd.Tier, Precision)) {
	for _, tier := range simd.Tiers() {
		t.Run(tier.String(), func(t *testing.T) { f(t, tier, Float) })
		t.Run(tier.String()+"/brain", func(t *testing.T) { f(t, tier, Brain) })
	}
}

// problem is a product with operands of any layout and the float64 answer.
type problem struct {
	m, n, k int
	a       A
	b       B
	c       C
	add     bool
	brain   bool // operands are rounded to brain floats
	want    []float64
	mass    []float64 // Σ |a·b| + |c|: what rounding errors are relative to
}

// layout returns strides of a [rows, cols] matrix with gaps, transposed or not, and the elements
// from its first to its last.
func layout(rng *rand.Rand, rows, cols int, transposed bool) (size, row, col int) {
	gap := rng.Intn(4)
	row, col = cols+gap, 1
	if transposed {
		row, col = 1, rows+gap
	}
	return (rows-1)*row + (cols-1)*col + 1, row, col
}

func newProblem(t testing.TB, rng *rand.Rand, m, n, k int, ta, tb, half, add bool,
	precision Precision) *problem {
	p := &problem{m: m, n: n, k: k, add: add, brain: precision == Brain}
	sizeA, ar, ac := layout(rng, m, k, ta)
	sizeB, br, bc := layout(rng, k, n, tb)
	p.a = A{Data: guarded(t, rng, sizeA), Row: ar, Col: ac}
	p.b = B{F32: guarded(t, rng, sizeB), Row: br, Col: bc, Scale: []float32{0, 1, 0.7}[rng.Intn(3)]}
	if half {
		words := guard.Floats(t, (sizeB+1)/2, guard.End)
		p.b.BF16 = unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), 2*len(words))[sizeB%2:]
		for i, x := range p.b.F32 {
			p.b.BF16[i] = uint16(math.Float32bits(x) >> 16)
			p.b.F32[i] = math.Float32frombits(uint32(p.b.BF16[i]) << 16)
		}
	}
	p.c = C{normal(rng, m*(n+3)-3), n + 3}
	p.solve()
	if half {
		p.b.F32 = nil
	}
	return p
}

// guarded returns n values at either end of pages that fault.
func guarded(t testing.TB, rng *rand.Rand, n int) []float32 {
	x := guard.Floats(t, n, guard.Place(rng.Intn(2)))
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func (p *problem) solve() {
	scale := p.b.scale()
	operand := func(x float32) float64 {
		if p.brain {
			x = bf16.Float(bf16.Round(x))
		}
		return float64(x)
	}
	for i := range p.m {
		for j := range p.n {
			var sum, mass float64
			if p.add {
				sum = float64(p.c.Data[i*p.c.Row+j])
				mass = math.Abs(sum)
			}
			for x := range p.k {
				v := operand(p.a.Data[i*p.a.Row+x*p.a.Col]) *
					operand(p.b.F32[x*p.b.Row+j*p.b.Col]*scale)
				sum += v
				mass += math.Abs(v)
			}
			p.want, p.mass = append(p.want, sum), append(p.mass, mass)
		}
	}
}

// check compares c with the answer and its gaps with what they held before.
func (p *problem) check(t testing.TB, got []float32) {
	t.Helper()
	for i := range p.m {
		for j := range min(p.c.Row, len(got)-i*p.c.Row) {
			v := got[i*p.c.Row+j]
			if j >= p.n {
				if v != p.c.Data[i*p.c.Row+j] {
					t.Fatalf("wrote past row %d", i)
				}
				continue
			}
			// k products and k sums, each rounded by at most 2^-24 of the mass so far. Products of
			// brain floats are exact.
			at := i*p.n + j
			if diff := math.Abs(float64(v) - p.want[at]); diff > float64(p.k+2)*0x1p-24*p.mass[at] {
				t.Fatalf("[%d, %d] is %g, want %g", i, j, v, p.want[at])
			}
		}
	}
}

func (p *problem) run(t testing.TB, d *Driver) []float32 {
	c := C{guard.Floats(t, len(p.c.Data), guard.End), p.c.Row}
	copy(c.Data, p.c.Data)
	if !p.add { // what is overwritten may hold anything
		for i := range p.m {
			for j := range p.n {
				c.Data[i*c.Row+j] = float32(math.NaN())
			}
		}
	}
	d.Multiply(c, p.a, p.b, p.m, p.n, p.k, p.add)
	return c.Data
}

// sizes are small ones, ones around every tile's edge and around blocks.
var sizes = []int{1, 2, 3, 4, 5, 7, 8, 13, 14, 15, 16, 17, 28, 31, 32, 33, 48, 63, 64, 65, 67,
	blockK - 1, blockK, blockK + 1, blockN + 9, 2*wordsK + 1}

func TestMultiply(t *testing.T) {
	each(t, func(t *testing.T, tier simd.Tier, precision Precision) {
		pool := parallel.New(2)
		defer pool.Close()
		d := NewDriver(pool, tier, precision)
		rng := rand.New(rand.NewSource(1))
		sizes, products := sizes, 120
		if testing.Short() {
			sizes, products = sizes[:16], 60
		}
		pick := func() int { return sizes[rng.Intn(len(sizes))] }
		for range products {
			m, n, k := pick(), pick(), pick()
			bit := func() bool { return rng.Intn(2) == 1 }
			ta, tb, half, add := bit(), bit(), bit(), bit()
			t.Run(fmt.Sprintf("%dx%dx%d/%v%v%v%v", m, n, k, ta, tb, half, add), func(t *testing.T) {
				p := newProblem(t, rng, m, n, k, ta, tb, half, add, precision)
				p.check(t, p.run(t, d))
			})
		}
	})
}

// FuzzMultiply holds all tiers and precisions to the float64 answer on one problem.
func FuzzMultiply(f *testing.F) {
	f.Add(uint16(14), uint16(32), uint16(64), uint8(0), int64(1))
	f.Add(uint16(15), uint16(33), uint16(65), uint8(2), int64(2))
	f.Add(uint16(1), uint16(1), uint16(1), uint8(15), int64(3))
	f.Add(uint16(67), uint16(48), uint16(2*blockK+1), uint8(5), int64(4))
	pool := parallel.New(2)
	f.Cleanup(pool.Close)
	f.Fuzz(func(t *testing.T, m, n, k uint16, flags uint8, seed int64) {
		rng := rand.New(rand.NewSource(seed))
		for _, precision := range []Precision{Float, Brain} {
			p := newProblem(t, rng, int(m%97)+1, int(n%131)+1, int(k%700)+1, flags&1 != 0,
				flags&2 != 0, flags&4 != 0, flags&8 != 0, precision)
			for _, tier := range simd.Tiers() {
				p.check(t, p.run(t, NewDriver(pool, tier, precision)))
			}
		}
	})
}

// TestConflictingStrides has A's rows a page apart, so that they are copied.
func TestConflictingStrides(t *testing.T) {
	each(t, func(t *testing.T, tier simd.Tier, precision Precision) {
		pool := parallel.New(1)
		defer pool.Close()
		d := NewDriver(pool, tier, precision)
		rng := rand.New(rand.NewSource(1))
		for _, transposed := range []bool{false, true} {
			p := newProblem(t, rng, 17, 65, 40, false, false, false, true, precision)
			p.a = A{Data: normal(rng, 41*pageFloats), Row: pageFloats, Col: 1}
			if transposed {
				p.a.Row, p.a.Col = 1, pageFloats
			}
			p.want, p.mass = nil, nil
			p.solve()
			p.check(t, p.run(t, d))
		}
	})
}

func TestEmpty(t *testing.T) {
	pool := parallel.New(1)
	defer pool.Close()
	d := NewDriver(pool, simd.Best(), Float)
	c := []float32{1, 2, 3, 4}
	d.Multiply(C{c, 2}, A{}, B{}, 2, 2, 0, true)
	if !slices.Equal(c, []float32{1, 2, 3, 4}) {
		t.Errorf("adding a product of depth 0 gives %v", c)
	}
	d.Multiply(C{c, 2}, A{}, B{}, 2, 1, 0, false)
	if !slices.Equal(c, []float32{0, 2, 0, 4}) {
		t.Errorf("a product of depth 0 gives %v", c)
	}
	d.Multiply(C{}, A{}, B{}, 0, 5, 5, false)
}

// TestSameBits requires that an element does not depend on the number of threads, nor on how many
// rows and columns are computed with it.
func TestSameBits(t *testing.T) {
	each(t, func(t *testing.T, tier simd.Tier, precision Precision) {
		rng := rand.New(rand.NewSource(1))
		for _, shape := range [][3]int{{75, 37, blockK + 9}, {33, 75, blockK + 9}, {40, 40, 64}} {
			p := newProblem(t, rng, shape[0], shape[1], shape[2], false, true, false, true,
				precision)
			var want []float32
			for _, threads := range []int{1, 2, 3, 8} {
				pool := parallel.New(threads)
				d := NewDriver(pool, tier, precision)
				got := p.run(t, d)
				if want == nil {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Errorf("%v: %d threads change the result", shape, threads)
				}
				for i := range p.m {
					one := *p
					one.m, one.a.Data = 1, p.a.Data[i*p.a.Row:]
					one.c.Data = p.c.Data[i*p.c.Row:][:p.n]
					if got := one.run(t, d); !slices.Equal(got[:p.n], want[i*p.c.Row:][:p.n]) {
						t.Fatalf("%v: row %d alone differs", shape, i)
					}
				}
				pool.Close()
			}
		}
	})
}

func BenchmarkMultiply(b *testing.B) {
	for _, s := range []struct {
		name    string
		m, n, k int
		ta, tb  bool
	}{
		{"peak/14x32x256", 14, 32, 256, false, false},
		{"forward/4096x192x192", 4096, 192, 192, false, true},
		{"forward/4096x512x192", 4096, 512, 192, false, true},
		{"backward/4096x192x512", 4096, 192, 512, false, false},
		{"weight/192x512x4096", 192, 512, 4096, true, false},
		{"lora/4096x8x192", 4096, 8, 192, false, true},
		{"head/1024x4096x192", 1024, 4096, 192, false, true},
		{"square/1024", 1024, 1024, 1024, false, false},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", s.name, threads), func(b *testing.B) {
				benchmarkMultiply(b, s.m, s.n, s.k, s.ta, s.tb, threads)
			})
		}
	}
}

func benchmarkMultiply(b *testing.B, m, n, k int, ta, tb bool, threads int) {
	pool := parallel.New(threads)
	defer pool.Close()
	d := NewDriver(pool, simd.Best(), Float)
	a, right := A{Data: make([]float32, m*k), Row: k, Col: 1}, B{F32: make([]float32, k*n), Row: n, Col: 1}
	if ta {
		a.Row, a.Col = 1, m
	}
	if tb {
		right.Row, right.Col = 1, k
	}
	c := C{make([]float32, m*n), n}
	b.ResetTimer()
	for b.Loop() {
		d.Multiply(c, a, right, m, n, k, false)
	}
	flops := 2 * float64(m) * float64(n) * float64(k) * float64(b.N)
	b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
