//go:build gpu

package cuda

import (
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cuda/emulator"
	"longlora/kernels/pattern"
)

// TestOrders: the threads' order changes no bit.
func TestOrders(t *testing.T) {
	defer emulator.SetOrder(emulator.Forward)
	s := newSide(t, open(t))
	for _, c := range scenarios {
		emulator.SetOrder(emulator.Forward)
		want := s.run(c.run, 70, 40, 1)
		for _, o := range emulator.Orders()[1:] {
			emulator.SetOrder(o)
			got := s.run(c.run, 70, 40, 1)
			for i, name := range s.names {
				if at := differ(got[i], want[i]); at >= 0 {
					t.Errorf("%s: %s: order %d changes element %d: %g, want %g", c.name, name, o, at,
						got[i][at], want[i][at])
				}
			}
		}
	}
}

func differ(a, b []float64) int {
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
			return i
		}
	}
	return -1
}

// TestBarriersMatter: without any one barrier, some order of threads gives other results, or the
// emulator finds what is wrong.
func TestBarriersMatter(t *testing.T) {
	b := open(t)
	defer emulator.SetOrder(emulator.Forward)
	defer emulator.SkipBarrier("")
	s := newSide(t, b)
	want := map[string][][]float64{}
	for _, c := range barred {
		want[c.name] = s.run(c.run, 150, 40, 1)
	}
	places := emulator.Barriers()
	if len(places) < 12 {
		t.Errorf("barriers at %v only", places)
	}
	for _, place := range places {
		if !missed(t, s, place, want) {
			t.Errorf("the barrier at %s can be removed, and nothing shows it", place)
		}
	}
}

// barred are scenarios whose kernels have barriers.
var barred = []struct {
	name string
	run  func(*side)
}{
	{"attention", func(s *side) { s.attend("", 2, 1, broken(s)) }},
	{"whole tiles", func(s *side) { s.rows = 330; s.attend("", 1, 1, whole(s.rows)) }},
	{"infinite values", infinite}, {"rmsnorm", norms},
	{"adapter", adapters}, {"crossentropy", losses},
}

// broken are segments that tiles cut.
func broken(s *side) kernels.Segments {
	return pattern.S2(pattern.Layout{DocLens: []int32{100, int32(s.rows) - 100}, Heads: 2, Group: 37})
}

// whole is one segment, in which most tiles are seen whole.
func whole(n int) kernels.Segments {
	return kernels.Segments{Groups: []kernels.HeadGroup{{From: 0, To: 1, Bounds: []int32{0, int32(n)}}}}
}

// infinite has values that are no numbers in the last rows, of which the others must see nothing.
func infinite(s *side) {
	q, k, v := s.act(s.rows, 1, 64), s.act(s.rows, 1, 64), s.act(s.rows, 1, 64)
	late := v.Slice(0, s.rows-20, s.rows)
	s.b.Scale(late, float32(math.Inf(1)))
	o, lse := s.act(s.rows, 1, 64), s.param(1, s.rows)
	s.b.Attention(o, lse, q, k, v, whole(s.rows), 0.3)
	s.keep("o", o, 0)
}

// missed reports whether leaving a barrier out changes any result.
func missed(t *testing.T, s *side, place string, want map[string][][]float64) bool {
	emulator.SkipBarrier(place)
	for _, o := range emulator.Orders() {
		emulator.SetOrder(o)
		for _, c := range barred {
			got, err := attempt(s, c.run)
			if err != nil {
				emulator.Recover()
				return true
			}
			for i := range got {
				if differ(got[i], want[c.name][i]) >= 0 {
					return true
				}
			}
		}
	}
	return false
}

// attempt is run without failing the test.
func attempt(s *side, f func(*side)) ([][]float64, error) {
	s.arena.Release(0)
	s.rng = rand.New(rand.NewPCG(1, 150))
	s.rows, s.width = 150, 40
	s.names, s.outputs, s.masses = nil, nil, nil
	f(s)
	return s.outputs, s.b.Sync()
}
