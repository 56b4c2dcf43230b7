package difference

import (
	"math"
	"testing"
)

func TestOf(t *testing.T) {
	x := 0.7
	f := func() float64 { return math.Sin(3*x) + x*x }
	got, want := Of(&x, f), 3*math.Cos(2.1)+1.4
	if math.Abs(got-want) > Tolerance {
		t.Errorf("got %.12g, want %.12g", got, want)
	}
	if x != 0.7 {
		t.Errorf("x is %g afterwards, want 0.7", x)
	}
}

// recorder stands in for a test that is expected to fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCheckCatchesASmallError(t *testing.T) {
	x := []float64{2}
	f := func() float64 { return x[0] * x[0] * x[0] }
	Check(t, "right", x, []float64{12}, f)
	for _, wrong := range []float64{12 + 1e-6, math.NaN()} {
		r := &recorder{TB: t}
		if Check(r, "wrong", x, []float64{wrong}, f); !r.failed {
			t.Errorf("derivative %g passed, want 12", wrong)
		}
	}
}
