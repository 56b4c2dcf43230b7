// Package bias adds a vector to rows: y[t] += b. Gradient: db += Σ over rows of dy[t].
package bias
