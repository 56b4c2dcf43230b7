package buffer

import (
	"testing"
	"unsafe"
)

func TestFloats(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 3 << 19, 5<<20 + 3} {
		x := Floats(n)
		if len(x) != n || cap(x) != n {
			t.Fatalf("%d floats of capacity %d, want %d", len(x), cap(x), n)
		}
		if n > 0 && uintptr(unsafe.Pointer(&x[0]))%Alignment != 0 {
			t.Errorf("%d floats begin at %p", n, &x[0])
		}
		for i, v := range x {
			if v != 0 {
				t.Fatalf("element %d is %g, want 0", i, v)
			}
		}
	}
}

func TestGrow(t *testing.T) {
	x := Grow(nil, 10)
	if len(x) < 10 {
		t.Fatalf("%d floats, want at least 10", len(x))
	}
	if y := Grow(x[:3], len(x)); &y[0] != &x[0] || len(y) != len(x) {
		t.Error("a large enough buffer is not used again")
	}
	if y := Grow(x, len(x)+1); len(y) <= len(x) {
		t.Errorf("%d floats, want more than %d", len(y), len(x))
	}
}
