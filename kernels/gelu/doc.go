// Package gelu is the Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv 1606.08415), alone
// or as gate of another operand (Shazeer 2020, arXiv 2002.05202, equation 6, without the matrices).
//
// Forward: y = gelu(x)·u, where gelu(x) = x·Φ(x) with the normal distribution Φ, or, as the tanh form
// approximates it, x·(1 + tanh(h))/2 with h = sqrt(2/π)·(x + 0.044715·x³).
//
// Gradient: dx = dy·u·gelu'(x), du = dy·gelu(x). gelu'(x) = Φ(x) + x·exp(-x²/2)/sqrt(2π), or
// (1 + tanh(h))/2 + x·(1 - tanh²(h))/2·h' with h' = sqrt(2/π)·(1 + 3·0.044715·x²).
package gelu
