package cpu

import (
	"testing"

	"longlora/kernels"
)

func TestNew(t *testing.T) {
	t.Setenv("LONGLORA_SIMD", "portable")
	b, err := New(3)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Name() != "cpu/portable" || b.Threads() != 3 {
		t.Errorf("backend is %s with %d threads, want cpu/portable with 3", b.Name(), b.Threads())
	}
	t.Setenv("LONGLORA_SIMD", "sse")
	if _, err := New(1); err == nil {
		t.Error("an unknown tier is taken")
	}
}

func TestPrecision(t *testing.T) {
	t.Setenv("LONGLORA_SIMD", "portable")
	b, err := Open(Options{Threads: 1, Precision: kernels.BF16})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Name() != "cpu/portable/bf16" {
		t.Errorf("backend is %s, want cpu/portable/bf16", b.Name())
	}
	if _, err := Open(Options{Precision: kernels.I32}); err == nil {
		t.Error("integers are taken as precision")
	}
}
