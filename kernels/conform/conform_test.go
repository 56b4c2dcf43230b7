package conform

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/kernels/reference"
)

// recorder stands in for a test that is expected to fail.
type recorder struct {
	testing.TB
	message string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Errorf(format string, args ...any) { r.message = fmt.Sprintf(format, args...) }

// failure returns the message with which f fails, "" if it does not.
func failure(t *testing.T, f func(testing.TB)) string {
	r, done := &recorder{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.message
}

// leaky lets the last token's value into a row in the middle, if it is large enough.
type leaky struct{ *reference.Backend }

func (l leaky) Attention(o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	l.Backend.Attention(o, lse, q, k, v, s, scale)
	n := o.Dim(0)
	last := v.Slice(0, n-1, n).Slice(1, 0, 1).Slice(2, 0, 1)
	if x := l.ReadFloat64(last)[0]; x > 100 || x < -100 {
		l.Copy(o.Slice(0, n/2, n/2+1).Slice(1, 0, 1).Slice(2, 0, 1), last)
	}
}

// careless errs by 16 roundings in one operator.
type careless struct{ *reference.Of[float32] }

func (c careless) SwiGLU(y, gate, up kernels.Tensor) {
	c.Of.SwiGLU(y, gate, up)
	c.Scale(y, 1+0x1p-20)
}

func TestAgreeCatchesAnError(t *testing.T) {
	run := func(b kernels.Backend) string {
		return failure(t, func(t testing.TB) { newJury(t, b).agree(gates, size{17, 33}) })
	}
	if got := run(reference.Naive()); got != "" {
		t.Errorf("the plain formulas fail: %s", got)
	}
	if got := run(careless{reference.Naive()}); !strings.Contains(got, "errs by") {
		t.Errorf("an error of 16 roundings fails with %q", got)
	}
}

func TestNoLeakCatchesALeak(t *testing.T) {
	run := func(b kernels.Backend) string {
		return failure(t, func(t testing.TB) { newMemory(t, b).attentionLeak(pattern.S2, 9, 4) })
	}
	if got := run(reference.New()); got != "" {
		t.Errorf("the reference fails: %s", got)
	}
	if got := run(leaky{reference.New()}); !strings.Contains(got, "change output") {
		t.Errorf("a leak fails with %q", got)
	}
}
