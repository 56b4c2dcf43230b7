// Package reference is the backend that other backends and the models' gradients are held against:
// the operators' naive formulas, in float64, over whole models.
//
// The reference computes in float64. The same formulas in float32 (Naive) are the measure of error:
// a float32 backend errs by at most twice as much.
//
// Storage. An element is a float64 whatever its type, so that F32 tensors are never rounded between
// operators: what is compared with a reference is the other side's rounding, all of it. A BF16
// tensor, in contrast, holds brain floats only, rounded to nearest even by whatever writes it:
// storing in BF16 is a choice of the model, which the oracle has to make as well, not an
// approximation of arithmetic. Heights and peaks of arenas are those of the real types.
//
// An oracle also distrusts its caller. Fresh tensors hold NaN, so that reading what was never
// written shows; a tensor that lies above a released mark cannot be used any more; shapes are
// checked (package check).
package reference
