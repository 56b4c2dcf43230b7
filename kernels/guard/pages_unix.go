//go:build unix

package guard

import (
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// pages returns whole pages for n floats, between two that fault, and their number of floats.
func pages(t testing.TB, n int) ([]float32, int) {
	t.Helper()
	page := os.Getpagesize()
	bytes := max((4*n+page-1)/page, 1) * page
	all, err := syscall.Mmap(-1, 0, bytes+2*page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("map %d bytes: %v", bytes+2*page, err)
	}
	for _, fence := range [][]byte{all[:page], all[page+bytes:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatalf("protect a page: %v", err)
		}
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Errorf("unmap: %v", err)
		}
	})
	return unsafe.Slice((*float32)(unsafe.Pointer(&all[page])), bytes/4), bytes / 4
}
