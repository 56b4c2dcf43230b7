// Package adamw updates parameters by Adam with decoupled weight decay (Loshchilov and Hutter 2017,
// arXiv 1711.05101, algorithm 2), and sums squares, of which gradient clipping is made.
//
// At step n, counted from 1, with g already scaled by GradScale:
//
//	m  = Beta1·m + (1-Beta1)·g
//	v  = Beta2·v + (1-Beta2)·g²
//	p -= LR·(m/(1-Beta1ⁿ) / (sqrt(v/(1-Beta2ⁿ)) + Eps) + WeightDecay·p)
package adamw
