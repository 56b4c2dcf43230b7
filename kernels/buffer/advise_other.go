//go:build !linux

package buffer

// advise does nothing: large pages are the system's affair.
func advise([]float32) {}
