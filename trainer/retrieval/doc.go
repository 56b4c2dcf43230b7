// Package retrieval measures what a model finds in a long text: facts are hidden at a depth of a
// filler, and a question asks for them. A grid of lengths, depths and seeds gives the mean score of
// each cell with its standard error. Answers are greedy and prompts are kept, so that others can
// score or ask again.
//
// The tasks are a table. They are in the manner of Landmark Attention's pass-key (arXiv 2305.16300)
// and of RULER's (arXiv 2404.06654): several needles of which one is asked for, keys with values,
// and variables that are assigned to each other. The score is RULER's string match: the part of the
// expected answers that stand in the output. The texts are this project's own, so that results
// compare with each other and not with published ones.
package retrieval
