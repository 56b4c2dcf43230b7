package kernels

// Later is a Backend that runs behind its caller, so that a training step can be handed over without
// waiting for anything: what the caller would decide by a value that it reads, it decides itself.
type Later interface {
	Backend
	// Group hands the operators that f queues over as one piece, which is replayed faster when one
	// alike comes again. It waits for nothing.
	Group(f func() error) error
	// ReadLater begins to read a contiguous F32 tensor as it is after what was queued so far.
	ReadLater(src Tensor) Reading
	// Watch closes the gate if t, contiguous and F32, holds what is no finite number.
	Watch(t Tensor)
	// Clip computes the norm of all the tensors, as SumSquares, closes the gate if it is not finite,
	// and leaves there min(1, clip/norm), or 1 if clip is 0, for AdamW's steps with Gate. It begins to
	// read the norm.
	Clip(clip float64, ts ...Tensor) Reading
	// OpenGate opens the gate again.
	OpenGate()
}

// Reading is a value that is on its way to the caller.
type Reading interface {
	// Wait waits for it, but for nothing that was queued afterwards, and copies it to dst. It returns
	// the first error of what was queued before that no Wait or Sync has returned.
	Wait(dst []float32) error
}
