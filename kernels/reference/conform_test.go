package reference

import (
	"testing"

	"longlora/kernels/conform"
)

func TestNoLeak(t *testing.T) { conform.NoLeak(t, New()) }
