// Package bitsandbytes reads the weights that transformers saves of models quantised by bitsandbytes: of
// a linear layer in four bits its codes, the scales of their blocks, quantised again or not, and a state
// in JSON; in eight bits its codes and the scales of its rows. Packages nf4 and llmint8 say what they
// stand for.
package bitsandbytes
