package cuda

import "longlora/kernels"

// What this backend lacks. A run that would need it is refused before it begins (trainer/run).

// AdapterNorms panics: there is no DoRA here.
func (b *Backend) AdapterNorms(kernels.Tensor, kernels.Linear) { panic("cuda: AdapterNorms") }

// LogitLoss panics: there are no adapters of heads here.
func (b *Backend) LogitLoss(_, _, _, _ kernels.Tensor, _ float32) { panic("cuda: LogitLoss") }

// unsupported is what the operators of this file panic with: whoever chooses the device refuses
// models that need them.
const unsupported = "cuda: this operator is not on the GPU yet"

// refuseCap panics if scores or logits are bounded.
func refuseCap(limit float32) {
	if limit > 0 {
		panic(unsupported)
	}
}

// SoftCap implements kernels.Backend.
func (b *Backend) SoftCap(y kernels.Tensor, limit float32) { panic(unsupported) }
