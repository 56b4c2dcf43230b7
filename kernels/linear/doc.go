// Package linear multiplies by a weight matrix, with an optional LoRA adapter (Hu et al. 2021,
// arXiv 2106.09685, equation 3).
//
// Forward, for x [T, I], W [O, I], A [r, I], B [O, r], s = alpha/r:
//
//	y = x Wᵀ + s·u Bᵀ    with u = x' Aᵀ
//
// x' is x after dropout with probability p: an element is kept (Keep) and divided by 1-p, or
// zeroed.
//
// Gradient. With v = s·dy B, and M the factors 1/(1-p) and 0 of the mask:
//
//	dx += dy W + (v A)·M
//	dW += dyᵀ x
//	dA += vᵀ x'
//	dB += s·dyᵀ u
//
// DoRA (Liu et al. 2024, arXiv 2402.09353, equation 5), for magnitudes m [O] and g = m/n with
// n_o = ‖W_o + s·B_o A‖ (AdapterNorms), constant to the gradient (section 4.3). The mask of dropout
// is on the adapter's difference alone, as in PEFT:
//
//	y = x Wᵀ + (g-1)⊙(x' Wᵀ) + g⊙s·u Bᵀ    without dropout g⊙(x Wᵀ + s·u Bᵀ)
//
// Gradient. With dz = g⊙dy and v = s·dz B:
//
//	dx += dy W + ((dz-dy) W + v A)·M       without dropout dz W + v A
//	dA += vᵀ x'
//	dB += s·dzᵀ u
//	dm += Σ_t dy⊙(x' Wᵀ + s·u Bᵀ) / n
package linear
