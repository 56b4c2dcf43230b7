// Package prompt renders conversations as the texts that instruction-tuned models know, and as
// token ids with the spans that are to be learned: the answers and what ends them.
//
// A template gives pieces: texts, and tokens that are named. Texts that follow each other are
// tokenized as one, so that a boundary between pieces never changes the ids; the spans come from
// the tokens' offsets, never from tokenizing twice. A text that spells a special token stays text.
//
// Adding a template is one file and one line of the table.
package prompt
