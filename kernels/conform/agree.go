package conform

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/reference"
)

// Agree runs every operator of a float32 backend, forward and backward, over shapes around the
// sizes of tiles and vectors. An output's error is its root mean square distance from the float64
// reference, over enough random inputs to leave luck out; it may be twice that of the same formulas
// plainly evaluated in float32, and 2^-24 of the output's own size, the rounding of the result.
func Agree(t *testing.T, b kernels.Backend) {
	for _, c := range scenarios() {
		t.Run(c.name, func(t *testing.T) {
			j := newJury(t, b)
			for _, s := range sizes() {
				j.agree(c.run, s)
			}
		})
	}
}

// size is the number of tokens and of channels.
type size struct{ rows, width int }

func sizes() []size {
	if testing.Short() {
		return []size{{1, 1}, {13, 17}}
	}
	return []size{{1, 1}, {2, 3}, {13, 16}, {17, 33}, {67, 80}, {130, 47}}
}

// side is one backend's run of a scenario.
type side struct {
	*memory
	size
	outputs []output
}

type output struct {
	name   string
	values []float64
	mass   float64
}

// keep reads a result.
func (s *side) keep(name string, x kernels.Tensor) { s.keepDifference(name, x, 0) }

// keepDifference reads a result in which terms of size mass cancel, perhaps all of them: their
// rounding may be left.
func (s *side) keepDifference(name string, x kernels.Tensor, mass float64) {
	s.outputs = append(s.outputs, output{name, s.read(x), mass})
}

func (s *side) read(x kernels.Tensor) []float64 {
	if r, ok := s.b.(*reference.Backend); ok {
		return r.ReadFloat64(x)
	}
	narrow, wide := make([]float32, x.Len()), make([]float64, x.Len())
	s.b.Read(narrow, x)
	for i, v := range narrow {
		wide[i] = float64(v)
	}
	return wide
}

// errors are sums of squares of one output.
type errors struct{ size, naive, got, n, mass float64 }

// jury is the backend under test with those that judge it.
type jury struct {
	t                    testing.TB
	exact, naive, tested *memory
}

func newJury(t testing.TB, b kernels.Backend) *jury {
	t.Helper()
	return &jury{
		t, newMemory(t, reference.New()), newMemory(t, reference.Naive()), newMemory(t, b),
	}
}

// agree compares one scenario at one size.
func (j *jury) agree(run func(*side), s size) {
	j.t.Helper()
	all := map[string]*errors{}
	const enough, most = 1000, 200 // elements of an operand, repetitions
	for seed := range min(1+enough/(s.rows*s.width), most) {
		outputs := func(m *memory) []output {
			m.fresh(seed, s.rows)
			one := &side{memory: m, size: s}
			run(one)
			if err := m.b.Sync(); err != nil {
				j.t.Fatal(err)
			}
			return one.outputs
		}
		want, plain := outputs(j.exact), outputs(j.naive)
		for i, got := range outputs(j.tested) {
			if all[got.name] == nil {
				all[got.name] = &errors{mass: got.mass}
			}
			all[got.name].add(got.values, plain[i].values, want[i].values)
		}
	}
	for name, e := range all {
		e.check(j.t, fmt.Sprintf("%d rows of %d: %s", s.rows, s.width, name))
	}
}

func (e *errors) add(got, naive, want []float64) {
	for i, w := range want {
		e.size += w * w
		e.naive += (naive[i] - w) * (naive[i] - w)
		e.got += (got[i] - w) * (got[i] - w)
		e.n++
	}
}

func (e *errors) check(t testing.TB, what string) {
	t.Helper()
	mean := func(sum float64) float64 { return math.Sqrt(sum / e.n) }
	allowed := 2*mean(e.naive) + 0x1p-24*max(mean(e.size), e.mass)
	if got := mean(e.got); !(got <= allowed) {
		t.Errorf("%s errs by %.3g, plain float32 by %.3g: allowed are %.3g", what, got,
			mean(e.naive), allowed)
	}
}
