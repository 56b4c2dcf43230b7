// Package rmsnorm divides rows by their root mean square (Zhang and Sennrich 2019, arXiv
// 1910.07467, equation 4).
//
// Forward, for each row x [D]:
//
//	r = 1 / sqrt(mean(x²) + eps)
//	y = x · r · w
//
// Gradient. With g = dy · w, since dr/dx_j = -r³ x_j / D:
//
//	dx += r·g - x · r³/D · Σ_j g_j x_j
//	dw += Σ over rows of dy · x · r
package rmsnorm
