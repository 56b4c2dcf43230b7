// Package swiglu is the gated activation of LLaMA's feed-forward layer (Shazeer 2020, arXiv
// 2002.05202, equation 6, without the matrices).
//
// Forward: y = silu(g)·u with silu(g) = g·σ(g) and σ(g) = 1/(1+exp(-g)).
//
// Gradient: dg = dy·u·σ(g)·(1 + g·(1-σ(g))), du = dy·silu(g).
package swiglu
