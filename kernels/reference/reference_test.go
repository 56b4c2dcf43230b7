package reference

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/bf16"
)

func newArena(t *testing.T, b *Backend) kernels.Arena {
	t.Helper()
	a, err := b.NewArena(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantPanic(t *testing.T, message string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if r, _ := recover().(string); !strings.Contains(r, message) {
			t.Errorf("panic %q, want one with %q", r, message)
		}
	}()
	f()
}

// TestRoundBF16 compares with package bf16 on the floats that it takes, at every exponent.
func TestRoundBF16(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for range 200_000 {
		x := math.Float32frombits(rng.Uint32())
		got, want := roundBF16(float64(x)), float64(bf16.Float(bf16.Round(x)))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("roundBF16(%g) = %g, want %g", x, got, want)
		}
	}
}

// TestRoundBF16Once has values between two float32s beside a tie: rounding to float32 first would
// make them the tie.
func TestRoundBF16Once(t *testing.T) {
	const tie = 1 + 0x1p-8
	for _, c := range []struct{ x, want float64 }{
		{tie, 1}, {tie + 0x1p-40, 1 + 0x1p-7}, {tie - 0x1p-40, 1},
		{1 + 3*0x1p-8, 1 + 0x1p-6}, {1 + 3*0x1p-8 - 0x1p-40, 1 + 0x1p-7},
	} {
		if got := roundBF16(c.x); got != c.want {
			t.Errorf("roundBF16(%.17g) = %.17g, want %.17g", c.x, got, c.want)
		}
	}
}

func TestStorage(t *testing.T) {
	b := New()
	a := newArena(t, b)
	full, brain := a.Alloc(kernels.F32, 2), a.Alloc(kernels.BF16, 2)
	b.WriteFloat64(full, []float64{math.Pi, 1.0 / 3})
	if got := b.ReadFloat64(full); got[0] != math.Pi || got[1] != 1.0/3 {
		t.Errorf("F32 holds %v, want float64s unrounded", got)
	}
	b.Copy(brain, full)
	if got := b.ReadFloat64(brain); got[0] != 3.140625 || got[1] != 0.333984375 {
		t.Errorf("BF16 holds %v, want [3.140625 0.333984375]", got)
	}
	b.Scale(brain, 1.0/3)
	for _, x := range b.ReadFloat64(brain) {
		if x != roundBF16(x) {
			t.Errorf("BF16 holds %g after an operator, no brain float", x)
		}
	}
}

func TestStrides(t *testing.T) {
	b := New()
	a := newArena(t, b)
	x := a.Alloc(kernels.F32, 3, 4)
	b.Write(x, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	part := x.Slice(1, 1, 3).Slice(0, 1, 3)
	got := make([]float32, 4)
	if b.Read(got, part); !slices.Equal(got, []float32{5, 6, 9, 10}) {
		t.Errorf("part is %v, want [5 6 9 10]", got)
	}
	b.Scale(part, -1)
	all := make([]float32, 12)
	b.Read(all, x)
	if want := []float32{0, 1, 2, 3, 4, -5, -6, 7, 8, -9, -10, 11}; !slices.Equal(all, want) {
		t.Errorf("whole is %v, want %v", all, want)
	}
	b.Zero(x.Slice(1, 4, 4).Slice(0, 3, 3)) // nothing, beyond the end
}

// TestDistrust has the oracle catch what a caller may do wrong.
func TestDistrust(t *testing.T) {
	b := New()
	a := newArena(t, b)
	x := a.Alloc(kernels.F32, 2, 2)
	if got := b.ReadFloat64(x); !math.IsNaN(got[3]) {
		t.Errorf("fresh memory holds %v, want NaN", got)
	}
	ids := a.Alloc(kernels.I32, 2)
	wantPanic(t, "never written", func() { b.Embedding(x, x, ids) })
	b.WriteInts(ids, []int32{0, 2})
	wantPanic(t, "token 2 at 1 outside [0, 2)", func() { b.Embedding(x, x, ids) })

	mark := a.Mark()
	y := a.Alloc(kernels.F32, 2, 2)
	a.Release(mark)
	wantPanic(t, "released", func() { b.Copy(y, x) })
	b.Zero(x)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	wantPanic(t, "released", func() { b.Zero(x) })
	wantPanic(t, "another backend's", func() { b.Zero(kernels.NewTensor(nil, 0, kernels.F32, 1)) })
	wantPanic(t, "absent", func() { b.RMSNorm(x, kernels.Tensor{}, x, kernels.Tensor{}, 1) })
}

func TestArena(t *testing.T) {
	a, err := New().NewArena(200) // four lines of 64 bytes
	if err != nil {
		t.Fatal(err)
	}
	a.Alloc(kernels.F32, 1)
	mark := a.Mark()
	a.Alloc(kernels.BF16, 33)
	if mark != 64 || a.Mark() != 192 {
		t.Errorf("heights %d, %d, want 64, 192", mark, a.Mark())
	}
	wantPanic(t, "no room for f32[17]", func() { a.Alloc(kernels.F32, 17) })
	a.Release(mark)
	if a.Alloc(kernels.I32, 16); a.Peak() != 192 {
		t.Errorf("peak %d, want 192", a.Peak())
	}
	wantPanic(t, "release to 500", func() { a.Release(500) })
	if _, err := New().NewArena(-1); err == nil {
		t.Error("reserved -1 bytes")
	}
}
