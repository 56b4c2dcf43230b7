//go:build gpu

package cuda

import (
	"testing"

	"longlora/kernels/conform"
	"longlora/kernels/cuda/emulator"
)

func TestMain(m *testing.M) { emulator.Main(m) }

// open returns a backend that is closed at the end of the test.
func open(t testing.TB) *Backend {
	t.Helper()
	b, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestNoLeak(t *testing.T) { conform.NoLeak(t, open(t)) }
