// Package generate continues a sequence of tokens with a model: cached decoding, greedy or sampled.
package generate
