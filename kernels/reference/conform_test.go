package reference_test

import (
	"testing"

	"longlora/kernels/conform"
	"longlora/kernels/reference"
)

func TestNoLeak(t *testing.T) { conform.NoLeak(t, reference.New()) }
