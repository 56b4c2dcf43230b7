// Package pattern holds attention patterns as data: which keys each query sees, as the bounds of
// causal segments for each group of heads. The attention operator executes any of them, so that a
// new pattern is a function here and a line of Table, not a kernel.
//
// Shifted sparse attention (S²-Attn) is that of LongLoRA (arXiv 2309.12307, section 3.2) without
// its wrap-around group: the published algorithm rolls the sequence by half a group, and the tokens
// that come round the end see the future. Here the shifted heads begin with half a group instead.
package pattern
