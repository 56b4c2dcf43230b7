package guard

import (
	"runtime/debug"
	"testing"
	"unsafe"
)

// TestFaults requires that an element before the start and one behind the end cannot be read.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		place Place
		index int
	}{{Start, -1}, {End, 100}} {
		x := Floats(t, 100, c.place)
		at := (*float32)(unsafe.Add(unsafe.Pointer(&x[0]), 4*c.index))
		var read float32
		if !faults(func() { read = *at }) {
			t.Errorf("element %d of 100 is read: %g", c.index, read)
		}
	}
}

func faults(f func()) (yes bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { yes = recover() != nil }()
	f()
	return false
}
