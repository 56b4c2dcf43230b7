// Package rope holds rotary position embeddings (arXiv 2104.09864) and their extensions to longer
// contexts: what a model's config.json says about them, the frequencies and tables that follow, and
// how a context is extended.
//
// The pair j of a head of size d at position m turns by the angle m·w_j, w_j = theta^(-2j/d) for
// the default kind; other kinds change w_j and may scale cosine and sine. All arithmetic follows
// Hugging Face's transformers in its own precision, float32, because the weights were trained
// with it: at position 100,000 one unit in the last place of w_j is a thousandth of a radian.
package rope
