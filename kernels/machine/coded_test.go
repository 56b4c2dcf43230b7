package machine

import (
	"bytes"
	"testing"

	"longlora/kernels"
)

// TestWords: bytes in words come back, and lie in a tensor as Bytes finds them.
func TestWords(t *testing.T) {
	a, err := NewArena(1 << 10)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for n := range 10 {
		b := bytes.Repeat([]byte{0xff}, n)
		for i := range b {
			b[i] -= byte(i)
		}
		words := WordsOf(b)
		if len(words) != Words(n) || !bytes.Equal(BytesOf(words)[:n], b) {
			t.Fatalf("%d bytes: %x of %x", n, BytesOf(words), b)
		}
		held := a.Alloc(kernels.I32, len(words))
		copy(I32(held), words)
		want := append(b, make([]byte, 4*len(words)-n)...)
		if got := Bytes(held); !bytes.Equal(got, want) {
			t.Errorf("%d bytes lie as %x, want %x", n, got, want)
		}
	}
}
