// Package pack puts tokenized documents into sequences of a bounded length, without padding.
//
// A document that is longer than a sequence goes through an over-length policy first; a packing then
// decides which pieces share a sequence. All that is cut or dropped is counted, and named through
// Options.Reject.
package pack
