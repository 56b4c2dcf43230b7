package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// The texts of the published test.
const (
	upstreamTask = "There is an important info hidden inside a lot of irrelevant text. Find it and " +
		"memorize them. I will quiz you about the important information there."
	upstreamGarbage = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and " +
		"back again."
	upstreamLine     = "The pass key is %d. Remember it. %[1]d is the pass key."
	upstreamQuestion = "What is the pass key? The pass key is"
	// upstreamRepeats is how often the garbage stands in the text that is cut.
	upstreamRepeats = 5000
)

// UpstreamPrompt is the prompt of LongLoRA's passkey_retrivial.py (commit 0e0622b): characters of
// garbage around the pass key, cut where they may be, by NumPy's random numbers, whose upper bounds
// are excluded.
func UpstreamPrompt(garbage int, seed uint32) (prompt, answer string, err error) {
	all := strings.Repeat(upstreamGarbage+" ", upstreamRepeats)
	all = all[:len(all)-1]
	if garbage < 1 || garbage > len(all) {
		return "", "", fmt.Errorf("pass-key: %d characters of garbage, want 1 to %d", garbage, len(all))
	}
	r := newNumpy(seed)
	before := r.randint(0, garbage)
	key := r.randint(1, 50_000)
	return strings.Join([]string{upstreamTask, all[:before], fmt.Sprintf(upstreamLine, key),
		all[:garbage-before], upstreamQuestion}, "\n"), fmt.Sprint(key), nil
}

// UpstreamGarbage is how many characters of garbage the published test takes for about length
// tokens: 3.75 a token, a multiple of 1,024; 0 is too little for it.
func UpstreamGarbage(length int) int { return int(3.75*float64(length)) / 1024 * 1024 }

// MeasureUpstream runs the published test at about length tokens: seeds from 0 on, and the tokens of
// the answer compared as they are.
// Tokens of the result is the mean length of the prompts, as the published script prints it.
func (p *PassKey) MeasureUpstream(ctx context.Context, length int) (Recall, error) {
	r := Recall{Trials: p.Trials}
	tokens := 0
	for i := range p.Trials {
		prompt, answer, err := UpstreamPrompt(UpstreamGarbage(length), uint32(i))
		if err != nil {
			return r, err
		}
		ids := p.Tokenizer.Encode(nil, prompt, true)
		want := p.Tokenizer.Encode(nil, answer, false)
		got, err := p.Generate(ctx, ids, len(want))
		if err != nil {
			return r, fmt.Errorf("pass-key: %w", err)
		}
		tokens += len(ids)
		if slices.Equal(got, want) {
			r.Correct++
		}
	}
	r.Tokens = tokens / max(p.Trials, 1)
	r.Accuracy = float64(r.Correct) / float64(max(r.Trials, 1))
	return r, nil
}
