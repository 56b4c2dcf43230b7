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
package linear
