// Package buffer makes the long slices of floats that kernels work on.
package buffer

import "unsafe"

// Alignment is that of buffers, in bytes: a cache line, and the widest vector.
const Alignment = 64

// Floats returns n zeros that begin at a multiple of Alignment. The system provides their pages when
// they are first touched: large ones, where it has them, as products of wide matrices would
// otherwise spend their time on looking up pages.
func Floats(n int) []float32 {
	const slack = Alignment / 4
	words := make([]float32, n+slack)
	skip := int(-uintptr(unsafe.Pointer(&words[0])) % Alignment / 4)
	advise(words)
	return words[skip : skip+n : skip+n]
}

// Grow returns a buffer of at least n floats that hold anything: s if it is large enough.
func Grow(s []float32, n int) []float32 {
	if cap(s) >= n {
		return s[:cap(s)]
	}
	return Floats(max(n+n/8, 1024))
}
