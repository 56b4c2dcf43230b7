// Package decode runs many generations on one model, in turn: each active one reads a part of its
// prompt or chooses a token, then the next. What was read stays cached, so that a prompt that
// begins like an earlier one is read from where they part.
//
// A Server has bounds: of generations that run, of those that wait, of memory for cached keys and
// values. Beyond them Submit returns ErrBusy at once. A generation whose context ends is dropped.
package decode
