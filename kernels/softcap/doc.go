// Package softcap bounds values softly: y = cap·tanh(x/cap) (Gemma Team 2024, arXiv 2408.00118,
// section 2). Its gradient, dx = dy·(1 - (y/cap)²), is part of the operators whose scores it bounds,
// attention and crossentropy.
package softcap
