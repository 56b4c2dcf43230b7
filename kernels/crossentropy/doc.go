// Package crossentropy is the loss of predicting the next token, with the head's matrix product in
// it, so that the [T, V] logits never exist as a whole.
//
// Forward, for h [T, D], head W [V, D], target n of row t:
//
//	z    = h[t] Wᵀ                                                      [V]
//	loss = log Σ_v exp(z_v) - z_n    with the greatest z subtracted before exp
//
// Gradient of L = scale·Σ_t weights[t]·loss[t]:
//
//	dz_v  = scale·weights[t]·(softmax(z)_v - [v = n])
//	dh[t] = dz W
//	dW   += Σ_t dzᵀ h[t]
//
// A row without a target has loss 0 and gradient 0.
package crossentropy
