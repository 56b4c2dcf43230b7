package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"longlora/internal/tokenizer"
)

// The texts of the pass-key test as LongLoRA and Landmark Attention (arXiv 2305.16300, section 4.2)
// use them.
const (
	passTask = "There is an important info hidden inside a lot of irrelevant text. Find it and " +
		"memorize them. I will quiz you about the important information there.\n"
	passFiller = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and " +
		"back again. "
	passLine     = "\nThe pass key is %d. Remember it. %d is the pass key.\n"
	passQuestion = "\nWhat is the pass key? The pass key is"
)

// PassKey asks for a number that stands somewhere in a long filler text.
type PassKey struct {
	Tokenizer *tokenizer.Tokenizer
	// Generate continues a prompt greedily by up to n tokens.
	Generate func(ctx context.Context, prompt []int32, n int) ([]int32, error)
	// Trials is the number of prompts for each length; the number stands at depths spread evenly
	// over the text.
	Trials int
	Seed   uint64
}

// Recall is the result for one length of prompt.
type Recall struct {
	// Tokens is the greatest length of prompt and answer together.
	Tokens   int     `json:"tokens"`
	Trials   int     `json:"trials"`
	Correct  int     `json:"correct"`
	Accuracy float64 `json:"accuracy"`
}

// Measure runs all trials of one length.
func (p *PassKey) Measure(ctx context.Context, length int) (Recall, error) {
	r := Recall{Tokens: length, Trials: p.Trials}
	rng := rand.New(rand.NewPCG(p.Seed, uint64(length)))
	for i := range p.Trials {
		key := 10_000 + rng.IntN(90_000)
		depth := (float64(i) + 0.5) / float64(p.Trials)
		prompt, room, err := p.prompt(length, depth, key)
		if err != nil {
			return r, fmt.Errorf("pass-key: %w", err)
		}
		ids, err := p.Generate(ctx, prompt, room)
		if err != nil {
			return r, fmt.Errorf("pass-key: %w", err)
		}
		answer, err := p.Tokenizer.Decode(ids, true)
		if err != nil {
			return r, fmt.Errorf("pass-key: %w", err)
		}
		if strings.HasPrefix(strings.TrimSpace(answer), fmt.Sprint(key)) {
			r.Correct++
		}
	}
	r.Accuracy = float64(r.Correct) / float64(max(r.Trials, 1))
	return r, nil
}

// prompt returns the longest prompt that leaves room for the answer within length tokens, and that
// room: the tokens of the number and one more. depth is the part of the filler that stands before
// the number.
func (p *PassKey) prompt(length int, depth float64, key int) (ids []int32, room int, err error) {
	room = len(p.Tokenizer.Encode(nil, fmt.Sprintf(" %d", key), false)) + 1
	encode := func(fillers int) []int32 {
		before := int(depth*float64(fillers) + 0.5)
		return p.Tokenizer.Encode(nil, passTask+strings.Repeat(passFiller, before)+
			fmt.Sprintf(passLine, key, key)+strings.Repeat(passFiller, fillers-before)+
			passQuestion, true)
	}
	if ids = encode(0); len(ids)+room > length {
		return nil, 0, fmt.Errorf("a length of %d tokens is too short: the question and its answer "+
			"alone take %d", length, len(ids)+room)
	}
	low, high := 0, length // fillers that fit, fillers that do not: each has a token at least
	for high-low > 1 {
		middle := (low + high) / 2
		if try := encode(middle); len(try)+room <= length {
			ids, low = try, middle
		} else {
			high = middle
		}
	}
	return ids, room, nil
}
