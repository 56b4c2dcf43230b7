// Package layernorm moves rows to mean 0 and variance 1 (Ba et al. 2016, arXiv 1607.06450, section
// 3.1).
//
// Forward, for each row x [D]:
//
//	m = mean(x)
//	r = 1 / sqrt(mean((x-m)²) + eps)
//	y = (x-m) · r · w + b
//
// Gradient. With g = dy · w and c = x - m:
//
//	dx += r·(g - mean(g)) - c · r³ · mean(g·c)
//	dw += Σ over rows of dy · c · r
//	db += Σ over rows of dy
package layernorm
