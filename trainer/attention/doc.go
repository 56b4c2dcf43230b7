// Package attention says by which pattern each layer of a model attends at each step of its
// training: a schedule over the steps, as "s2:0.8,full:0.2", and layers that keep to a pattern of
// their own, as "0-3:full,4-:s2". Training mostly sparse and finishing with full attention gives
// back what S²-Attn loses, at a fraction of full attention's cost.
package attention
