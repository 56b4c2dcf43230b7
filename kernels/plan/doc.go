// Package plan is the backend that computes nothing: it counts the bytes of arenas and the
// arithmetic of operators. Code runs on it first, to learn how large an arena it needs and how much
// work it is.
//
// Heights are exactly those of every other backend's arenas. Arithmetic is the number of operations
// that a plain evaluation of the formulas takes: a product, a sum, a quotient, a root and an
// exponential are one each. What happens once a row and not once an element is left out, and so are
// dropout's masks; every row of a cross-entropy counts as one with a target, since the values of
// tensors are unknown.
package plan
