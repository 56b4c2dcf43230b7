//go:build gpu

package cli_test

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"longlora/kernels/cuda/emulator"
)

// TestGPUScripts trains with the emulator as driver, which the program loads as it would the real one.
func TestGPUScripts(t *testing.T) {
	library, err := emulator.Build()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/gpu",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"shards": shards},
		Setup: func(e *testscript.Env) error {
			e.Setenv("LONGLORA_CUDA_DRIVER", library)
			e.Setenv("LONGLORA_CUBLASLT", library)
			return nil
		},
	})
}
