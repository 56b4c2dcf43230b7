// Package embedding gathers rows of a table by token.
//
// Forward: y[t, :] = E[ids[t], :], for E [V, D].
//
// Gradient: dE[n, :] += Σ over t with ids[t] = n of dy[t, :], in order of t. Equal tokens share a
// row, so that the sum's order is part of the result.
package embedding
