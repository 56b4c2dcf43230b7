// Package decode runs many generations on one model, together: a step computes the next token of
// every one that has read its prompt and reads a part of the others' prompts, in one pass over the
// weights. So a long prompt holds up nobody for longer than a part of it takes.
//
// What was read stays cached, so that a prompt that begins like an earlier one is read from where
// they part. On the CPU a generation's tokens are the same whoever is beside it, whatever is cached
// and however its prompt was cut: products and attention have the same bits.
//
// A Server has bounds: of generations that run, of those that wait, and of memory for keys and
// values, which is reserved when it starts. Beyond them Submit returns ErrBusy at once. Where
// generations outgrow the memory, the latest waits and reads again what it had read. A generation
// whose context ends is dropped.
package decode
