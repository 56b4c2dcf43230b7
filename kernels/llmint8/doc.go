// Package llmint8 holds frozen weights in eight bits, as LLM.int8() stores them (Dettmers et al. 2022,
// arXiv 2208.07339, section 2.1: vector-wise absolute maxima) and bitsandbytes' Linear8bitLt saves
// them: of row o of a matrix, with s_o the greatest magnitude in it,
//
//	q = round(127/s_o · w)    to nearest even
//	w ≈ q·s_o/127
//
// Activations are not quantised: products have what w is approximated by, and no columns are kept
// apart for outliers of x.
package llmint8
