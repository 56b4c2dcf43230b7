package hf

import (
	"fmt"
	"slices"
)

// maxGrowth is the greatest number of tokens that Grow adds: more are no tokens of a script, but
// those of another model.
const maxGrowth = 256

// Grow makes the model's vocabulary larger: the embedding and the head get rows that are the mean
// of those there are, as LongLoRA's scripts initialise the tokens that they add
// (smart_tokenizer_and_embedding_resize). It must not be called concurrently with anything.
func (f *Folder) Grow(vocab int) error {
	if vocab < f.rows || vocab > f.rows+maxGrowth {
		return fmt.Errorf("model %s: cannot make a vocabulary of %d tokens one of %d: it can grow by at "+
			"most %d; give the base that the adapter was trained on", f.Name, f.rows, vocab, maxGrowth)
	}
	f.Config.Model.Vocab = vocab
	return nil
}

// perToken reports whether a tensor has a row for each token.
func (f *Folder) perToken(name string) bool {
	return name == f.Config.Model.EmbedName() || name == f.Config.Model.HeadName()
}

// storedShape returns the shape that a tensor has in the files if it has shape in the model.
func (f *Folder) storedShape(name string, shape []int) []int {
	if !f.perToken(name) || len(shape) != 2 || shape[0] != f.Config.Model.Vocab {
		return shape
	}
	return []int{f.rows, shape[1]}
}

// grown adds the rows of Grow to the stored values of a tensor.
func (f *Folder) grown(name string, values []float32) []float32 {
	more := f.Config.Model.Vocab - f.rows
	if !f.perToken(name) || more == 0 {
		return values
	}
	width := len(values) / f.rows
	sums := make([]float64, width)
	for row := range slices.Chunk(values, width) {
		for i, v := range row {
			sums[i] += float64(v)
		}
	}
	for range more {
		for _, s := range sums {
			values = append(values, float32(s/float64(f.rows)))
		}
	}
	return values
}

// Stored returns the number of tokens of the stored embedding.
func (f *Folder) Stored() int { return f.rows }
