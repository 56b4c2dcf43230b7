//go:build gpu

package cuda

import (
	"fmt"
	"strings"
	"testing"

	"longlora/kernels"
)

// TestLacking: what is not on the GPU is refused, never computed as something else.
func TestLacking(t *testing.T) {
	s := newSide(t, open(t))
	s.run(func(s *side) {
		x, y, u, none := s.act(s.rows, s.width), s.act(s.rows, s.width), s.param(s.rows, 1), kernels.Tensor{}
		l := kernels.Linear{W: kernels.Dense{Tensor: s.act(s.width, s.width)}, A: s.param(1, s.width),
			B: s.param(s.width, 1), Magnitude: s.param(s.width), Norm: s.param(s.width)}
		head := kernels.Linear{W: l.W, Cap: 1}
		losses, targets := s.param(s.rows), s.ints(s.rows, 0, s.width)
		for _, c := range []struct {
			what string
			f    func()
		}{
			{"DoRA", func() { s.b.Linear(y, x, l, u, false) }},
			{"DoRA", func() { s.b.LinearGrad(none, kernels.LinearGrad{}, y, x, l, u) }},
			{"DoRA", func() { s.b.AdapterNorms(l.Norm, l) }},
			{"a soft cap", func() { s.b.SoftCap(y, 1) }},
			{"a soft cap", func() { s.b.CrossEntropy(losses, none, none, x, head, targets, none, 1) }},
			{"an adapter of the head", func() { s.b.LogitLoss(losses, u, targets, none, 1) }},
		} {
			if got := refusal(c.f); !strings.Contains(got, c.what+" is not on the GPU yet") {
				t.Errorf("%q, want one about %s", got, c.what)
			}
		}
	}, 3, 8, 1)
}

// refusal is what f panics with.
func refusal(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}
