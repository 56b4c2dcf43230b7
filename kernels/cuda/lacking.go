package cuda

import "longlora/kernels"

// What this backend lacks. A run that would need it is refused before it begins (trainer/run).

// AdapterNorms panics: there is no DoRA here.
func (b *Backend) AdapterNorms(kernels.Tensor, kernels.Linear) { panic("cuda: AdapterNorms") }

// LogitLoss panics: there are no adapters of heads here.
func (b *Backend) LogitLoss(_, _, _, _ kernels.Tensor, _ float32) { panic("cuda: LogitLoss") }
