package cpu_test

import (
	"fmt"
	"math"
	"math/rand"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/guard"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// trial is one operator on one tier: operands of any layout, between pages that fault, with values
// and layouts that depend on the seed alone. Results that are overwritten hold NaN before.
type trial struct {
	t           testing.TB
	b           *cpu.Backend
	rng         *rand.Rand
	rows, width int
	brain       bool                                // products of brain floats
	apart       int                                 // distance of rows that have gaps; 0: any small one
	far         func(t testing.TB, n int) []float32 // memory of such rows
	frames      []frame
	results     []outcome
}

// frame is a tensor in memory of which it need not be the whole.
type frame struct {
	memory []float32
	view   kernels.Tensor
}

// outcome is a result, and by how much two tiers may differ: by tolerance times the greatest of
// mass, the root mean square of all elements and the element itself.
type outcome struct {
	name            string
	values          []float32
	tolerance, mass float64
}

// tensor returns a tensor whose base is at any multiple of its element's size, whose rows may have
// gaps, and which ends at, or begins behind, a page that faults. All is NaN.
func (x *trial) tensor(d kernels.DType, gap int, shape ...int) kernels.Tensor {
	last := len(shape) - 1
	wide := append([]int(nil), shape...)
	wide[last] += gap
	skip, n := x.rng.Intn(5), 1
	for i, s := range shape {
		step := 1
		for _, w := range wide[i+1:] {
			step *= w
		}
		n += (s - 1) * step
	}
	place := guard.Place(x.rng.Intn(2))
	if place == guard.Start {
		skip = 0
	}
	memory := x.memory(((skip+n)*int(d.Size())+3)/4, place)
	skip = len(memory)*4/int(d.Size()) - n // up to the end
	if place == guard.Start {
		skip = 0
	}
	base := machine.Over(memory, d, 1)
	t := kernels.NewTensor(base.Memory(), skip, d, wide...).Slice(last, 0, shape[last])
	x.frames = append(x.frames, frame{memory, t})
	return t
}

// memory returns n floats between pages that fault, or as many as are far apart without pages until
// they are touched.
func (x *trial) memory(n int, place guard.Place) []float32 {
	if x.apart > 0 && n > x.apart {
		return x.far(x.t, n)
	}
	return guard.Floats(x.t, n, place)
}

// gap is a distance between rows.
func (x *trial) gap() int {
	small := x.rng.Intn(2) * (1 + x.rng.Intn(5))
	if x.apart > 0 {
		return x.apart
	}
	return small
}

// empty returns a result that is overwritten.
func (x *trial) empty(shape ...int) kernels.Tensor { return x.tensor(kernels.F32, x.gap(), shape...) }

// normal returns normal values times scale.
func (x *trial) normal(scale float32, shape ...int) kernels.Tensor {
	return x.fill(x.empty(shape...), scale)
}

// dense is normal without gaps.
func (x *trial) dense(scale float32, shape ...int) kernels.Tensor {
	return x.fill(x.tensor(kernels.F32, 0, shape...), scale)
}

// weight returns normal values, brain floats or floats.
func (x *trial) weight(scale float32, shape ...int) kernels.Tensor {
	d := []kernels.DType{kernels.F32, kernels.BF16}[x.rng.Intn(2)]
	return x.fill(x.tensor(d, x.gap(), shape...), scale)
}

func (x *trial) fill(t kernels.Tensor, scale float32) kernels.Tensor {
	values := make([]float32, t.Len())
	for i := range values {
		values[i] = scale * float32(x.rng.NormFloat64())
	}
	x.b.Write(t, values)
	return t
}

// ints returns n numbers in [least, limit).
func (x *trial) ints(n, least, limit int) kernels.Tensor {
	t := x.tensor(kernels.I32, 0, n)
	values := make([]int32, n)
	for i := range values {
		values[i] = int32(least + x.rng.Intn(limit-least))
	}
	x.b.WriteInts(t, values)
	return t
}

// keep records a result.
func (x *trial) keep(name string, t kernels.Tensor, tolerance, mass float64) {
	values := make([]float32, t.Len())
	x.b.Read(values, t)
	x.results = append(x.results, outcome{name, values, tolerance, mass})
}

// rounded is a tolerance for what depends on operands that one tier may round to another brain
// float than the other: sums of 2^-8 of each term, most of which agree.
func (x *trial) rounded(tolerance float64) float64 {
	if x.brain {
		return max(tolerance, 0x1p-6)
	}
	return tolerance
}

// checkGaps requires that nothing outside the views was written.
func (x *trial) checkGaps() {
	x.t.Helper()
	for _, f := range x.frames {
		d := int(f.view.DType().Size())
		inside := make([]bool, len(f.memory)*4/d)
		eachElement(f.view, func(at int) { inside[at] = true })
		for i := range inside {
			word := math.Float32bits(f.memory[i*d/4])
			want := math.Float32bits(float32(math.NaN()))
			if d == 2 {
				word, want = word>>(16*(i%2))&0xffff, want>>(16*(i%2))&0xffff
			}
			if !inside[i] && word != want {
				x.t.Fatalf("element %d outside %v is written", i, f.view)
			}
		}
	}
}

// eachElement calls f with the place in memory of each element.
func eachElement(t kernels.Tensor, f func(at int)) {
	for i := range t.Len() {
		at := t.Offset()
		for axis := t.Rank() - 1; axis >= 0; axis-- {
			at += i % t.Dim(axis) * t.Stride(axis)
			i /= t.Dim(axis)
		}
		f(at)
	}
}

// backends are all tiers in both precisions; those of one precision begin with the portable one.
func backends(t testing.TB) map[kernels.DType][]*cpu.Backend {
	all := map[kernels.DType][]*cpu.Backend{}
	for _, p := range []kernels.DType{kernels.F32, kernels.BF16} {
		for _, tier := range simd.Tiers() {
			b, err := cpu.OpenTier(cpu.Options{Threads: 2, Precision: p}, tier)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			all[p] = append(all[p], b)
		}
	}
	return all
}

// compare runs an operator on all backends and holds them to the portable one.
func compare(t testing.TB, all map[kernels.DType][]*cpu.Backend, op operator, rows, width int,
	seed int64) {
	t.Helper()
	for precision, tiers := range all {
		var want []outcome
		for _, b := range tiers {
			x := &trial{t: t, b: b, rng: rand.New(rand.NewSource(seed)), rows: rows, width: width,
				brain: precision == kernels.BF16}
			op.run(x)
			x.checkGaps()
			if want == nil {
				want = x.results
			}
			for i, r := range x.results {
				if err := r.differs(want[i]); err != nil {
					t.Fatalf("%s: %v, %d rows of %d, seed %d: %v", b.Name(), op.name, rows, width, seed,
						err)
				}
			}
		}
	}
}

func (r outcome) differs(want outcome) error {
	var square float64
	for _, w := range want.values {
		square += float64(w) * float64(w)
	}
	scale := max(r.mass, math.Sqrt(square/float64(max(len(want.values), 1))))
	for i, w := range want.values {
		got, limit := float64(r.values[i]), r.tolerance*max(scale, math.Abs(float64(w)))
		if diff := math.Abs(got - float64(w)); !(diff <= limit) {
			return fmt.Errorf("%s: element %d is %g, the portable tier has %g: off by %.3g of %.3g",
				r.name, i, got, w, diff, limit)
		}
	}
	return nil
}

// TestOperatorsAgree holds every tier to the portable one for each operator, on all small sizes and
// on those around tiles and blocks.
func TestOperatorsAgree(t *testing.T) {
	all := backends(t)
	edges := []int{1, 14, 15, 16, 17, 31, 32, 33, 67}
	for _, op := range operators {
		t.Run(op.name, func(t *testing.T) {
			run := func(rows, width int) {
				t.Run(fmt.Sprint(rows, width), func(t *testing.T) {
					compare(t, all, op, rows, width, int64(rows*1000+width))
				})
			}
			step := 1
			if testing.Short() {
				step = 5
			}
			for n := 1; n <= 67; n += step {
				run(n, 68-n)
				if n%2 == 0 {
					run(edges[n%len(edges)], n)
				}
			}
			for _, width := range []int{95, 112, 128, 160, 257, 321} {
				run(5, width)
				run(width, 5)
			}
		})
	}
}

// FuzzOperators is TestOperatorsAgree on any operator, size and layout.
func FuzzOperators(f *testing.F) {
	for i := range operators {
		f.Add(uint8(i), uint16(15), uint16(33), int64(i))
	}
	all := backends(f)
	f.Fuzz(func(t *testing.T, op uint8, rows, width uint16, seed int64) {
		compare(t, all, operators[int(op)%len(operators)], 1+int(rows)%150, 1+int(width)%150, seed)
	})
}
