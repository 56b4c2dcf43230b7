package kernels

// World is the set of ranks that train together. Training code is written for any size; Solo is the
// world of one.
type World interface {
	Rank() int
	Size() int
	// AllReduceSum replaces each tensor by its sum over all ranks, in rank order.
	AllReduceSum(ts ...Tensor) error
	// AllReduceScalar returns the sum of x over all ranks, in rank order.
	AllReduceScalar(x float64) (float64, error)
}

// Solo is the World of one rank: its collectives change nothing.
type Solo struct{}

// Rank returns 0.
func (Solo) Rank() int { return 0 }

// Size returns 1.
func (Solo) Size() int { return 1 }

// AllReduceSum leaves the tensors as they are.
func (Solo) AllReduceSum(...Tensor) error { return nil }

// AllReduceScalar returns x.
func (Solo) AllReduceScalar(x float64) (float64, error) { return x, nil }
