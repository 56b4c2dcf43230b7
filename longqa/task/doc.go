// Package task derives questions with known answers from views of material. Each task is one file
// and one line of the table All.
//
// A question about code is only asked where two readings agree: that of the type checker, which
// sees the whole program, and that of someone who has the context alone and goes by names. So an
// answer can always be found in the context, and package check can compute it again from there.
package task
