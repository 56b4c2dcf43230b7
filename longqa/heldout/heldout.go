// Package heldout keeps what is trained on free of the questions that are held out: material that
// has a run of words of a held-out question or answer is left out.
package heldout

import (
	"strings"

	"longlora/pipeline/decontaminate"
	"longlora/schemas"
)

// Train is the split that is trained on; all others are held out.
const Train = "train"

// Guard knows the questions and answers that are held out. It is filled by Hold and HoldRow, and
// then only read, by any number of goroutines.
type Guard struct {
	index *decontaminate.Index
	n     int64
}

// New returns a guard that knows nothing.
func New() *Guard {
	x, err := decontaminate.NewIndex(decontaminate.Options{Parts: []decontaminate.Part{
		decontaminate.Query, decontaminate.Answer,
	}})
	if err != nil {
		panic(err) // the parts exist
	}
	return &Guard{index: x}
}

// Hold adds a question with its answer under a name.
func (g *Guard) Hold(name, question, answer string) {
	g.n++
	g.index.Add(decontaminate.Item{ID: name, Queries: []string{question}, Answers: []string{answer}})
}

// HoldRow adds a row with its further turns, unless it is trained on.
func (g *Guard) HoldRow(e *schemas.Example) {
	if e.Split == Train {
		return
	}
	g.Hold(e.ID, e.Instruction, e.Output)
	for _, t := range e.Turns {
		g.Hold(e.ID, t.Question, t.Answer)
	}
}

// Questions is the number of questions that are held out.
func (g *Guard) Questions() int64 { return g.n }

// Hit returns the first run of words of a held-out question or answer that a text has, and the name
// of that question; "" if it has none.
func (g *Guard) Hit(text string) (words, name string) {
	if g.n == 0 {
		return "", ""
	}
	hits := g.index.Check(text)
	if len(hits) == 0 {
		return "", ""
	}
	return hits[0].NGram, hits[0].Item
}

// HitRow is Hit over what a row brings: its context, or, of a row without one, its answers.
// Questions are left out, for those of one kind are worded alike.
func (g *Guard) HitRow(e *schemas.Example) (words, name string) {
	if e.Context != "" {
		return g.Hit(e.Context)
	}
	answers := []string{e.Output}
	for _, t := range e.Turns {
		answers = append(answers, t.Answer)
	}
	return g.Hit(strings.Join(answers, "\n\n"))
}
