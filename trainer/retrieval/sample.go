package retrieval

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"

	"longlora/internal/tokenizer"
)

// Sample is a prompt with what should be said. Its fields are those of a line of the stored file.
type Sample struct {
	Task string `json:"task"`
	// Length is the greatest number of tokens of prompt and answer together, Depth the part of the
	// filler before the fact that is asked for.
	Length int     `json:"length"`
	Depth  float64 `json:"depth"`
	Seed   uint64  `json:"seed"`
	// Tokens are those of the prompt, MaxNew what there is room for.
	Tokens  int      `json:"tokens"`
	MaxNew  int      `json:"max_new"`
	Prompt  string   `json:"prompt"`
	Answers []string `json:"answers"`
	// Output is what the model said, Score its worth.
	Output string  `json:"output"`
	Score  float64 `json:"score"`

	ids []int32
}

// slack is the number of tokens of an answer beyond those of the expected words.
const slack = 8

// Make returns the longest sample that fits, a pure function of its arguments.
func (t Task) Make(tok *tokenizer.Tokenizer, length int, depth float64, seed uint64) (Sample, error) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d %g", t.Name, length, depth) // never fails
	p := t.make(rand.New(rand.NewPCG(seed, h.Sum64())), depth)
	slices.SortStableFunc(p.facts, func(a, b fact) int {
		switch {
		case a.depth < b.depth:
			return -1
		case a.depth > b.depth:
			return 1
		}
		return 0
	})
	s := Sample{Task: t.Name, Length: length, Depth: depth, Seed: seed, Answers: p.answers}
	s.MaxNew = len(tok.Encode(nil, " "+strings.Join(p.answers, ", "), false)) + slack
	fits := func(fillers int) bool {
		text := p.text(fillers)
		ids := tok.Encode(nil, text, true)
		if len(ids)+s.MaxNew > length {
			return false
		}
		s.Prompt, s.ids, s.Tokens = text, ids, len(ids)
		return true
	}
	if !fits(0) {
		return s, fmt.Errorf("%s: a length of %d tokens is too short for the facts and the question",
			t.Name, length)
	}
	low, high := 0, length // fillers that fit, fillers that do not: each has a token at least
	for high-low > 1 {
		if middle := (low + high) / 2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	fits(low)
	return s, nil
}

// text puts a puzzle together with so many pieces of filler.
func (p *puzzle) text(fillers int) string {
	var out strings.Builder
	out.WriteString(p.intro)
	next := 0
	for _, f := range p.facts {
		for ; next < int(f.depth*float64(fillers)+0.5); next++ {
			out.WriteString(p.filler(next))
		}
		out.WriteString(f.text)
	}
	for ; next < fillers; next++ {
		out.WriteString(p.filler(next))
	}
	out.WriteString(p.question)
	return out.String()
}

// Score returns the part of the answers that stand in the output as whole words.
func Score(output string, answers []string) float64 {
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(output, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		words[w] = true
	}
	found := 0
	for _, a := range answers {
		if words[a] {
			found++
		}
	}
	return float64(found) / float64(max(len(answers), 1))
}
