// Package oracle derives gradients of LLaMA-family models by automatic differentiation, to check
// the hand-written ones. A model is written as a Gorgonia graph of native operators in float64:
// nothing in it is shared with the code under test, neither formulas nor data structures.
//
// Three habits of Gorgonia 0.9.18 shape the graph. The gradient of InverseSqrt is wrong, so norms
// use Inverse(Sqrt(x)). Constants cannot be broadcast, so masks and tables are named inputs. Slices
// are views that some operators misread, so heads are selected by multiplication with 0/1 matrices,
// which is exact.
package oracle
