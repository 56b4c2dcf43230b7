// Package rope rotates queries and keys by their positions (Su et al. 2021, arXiv 2104.09864,
// section 3.2), in the layout of Hugging Face's LLaMA: element j of a head turns with j+Dh/2.
//
// Forward, at position p, for j in [0, Dh/2):
//
//	y[j]      = x[j]·cos[p, j] - x[j+Dh/2]·sin[p, j]
//	y[j+Dh/2] = x[j+Dh/2]·cos[p, j] + x[j]·sin[p, j]
//
// The tables hold the angles of any scaling (package trainer/rope), and its attention factor, which
// makes the map a rotation times a number. Gradient: the transpose, the same with -sin.
package rope
