package cuda

import "longlora/kernels"

// What this backend lacks. A run that would need it is refused before it begins (trainer/run,
// model.Config's OnGPU).

// lacking panics, and says what there is not.
func lacking(what string) { panic("cuda: " + what + " is not on the GPU yet") }

// AdapterNorms panics.
func (b *Backend) AdapterNorms(kernels.Tensor, kernels.Linear) { lacking("DoRA") }

// refuseDoRA panics if a layer's adapter is one.
func refuseDoRA(l kernels.Linear) {
	if !l.Magnitude.IsZero() {
		lacking("DoRA")
	}
}

// LogitLoss panics.
func (b *Backend) LogitLoss(_, _, _, _ kernels.Tensor, _ float32) { lacking("an adapter of the head") }

// SoftCap panics.
func (b *Backend) SoftCap(_ kernels.Tensor, limit float32) { refuseCap(limit) }

// refuseCap panics if values are bounded.
func refuseCap(limit float32) {
	if limit > 0 {
		lacking("a soft cap")
	}
}
