package buffer

import (
	"syscall"
	"unsafe"
)

// large is the size of a large page on the machines that have them, in bytes.
const large = 2 << 20

// advise asks for large pages for the part of x that can have them. A system without any says no,
// which is as well.
func advise(x []float32) {
	size := 4 * len(x)
	if size < 2*large {
		return
	}
	skip := int(-uintptr(unsafe.Pointer(&x[0])) % large)
	whole := (size - skip) / large * large
	b := unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), size)[skip : skip+whole]
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE)
}
