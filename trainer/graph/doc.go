// Package graph runs a model's training step as a Gorgonia graph of our operators: only the forward
// computation is written, in model.go, and Gorgonia derives the gradients. It is for those who try
// a new architecture; package model, whose gradients are written by hand, is faster and smaller.
//
// Each operator is an external operation of Gorgonia over the compute seam (operator.go,
// operators.go). Gorgonia's operations are pure functions with one result, so an operator that has
// several keeps the others in memory of its own, and nodes that pick one of them. All results lie
// in one arena that is planned before: nothing is computed again, and nothing is given back within
// a step, so that memory is about twice that of package model.
package graph
