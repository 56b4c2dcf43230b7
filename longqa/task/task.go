package task

import (
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// Task proposes questions of one kind.
type Task interface {
	// Name is the row's task, as "callers".
	Name() string
	// Propose returns some questions about a scope, drawn evenly over it, about as many as
	// proposals. It may be called concurrently.
	Propose(s *Scope, d *dice.Dice) []Candidate
}

// Candidate is a question with its answer.
type Candidate struct {
	// Key names what is asked; the same is not asked twice in a dataset.
	Key string
	// Source is where the answer comes from, as "derived:callers".
	Source           string
	Question, Answer string
	// Evidence are the places that give the answer, in the view; none if the view has no answer.
	Evidence []material.Range
	// Located: the answer names files, so the headings of the files that hold the evidence are
	// evidence too.
	Located bool
	// Titled: the answer names a document, so the headings of the documents that hold the evidence are
	// evidence too.
	Titled bool
	// Remove are the places that would give the answer away.
	Remove []material.Range
	// Plant are the pieces that the question is about and the view does not have by itself. Questions
	// that plant and questions that do not are never asked about the same context.
	Plant []*material.Piece
	// Meta is for a checker.
	Meta map[string]string
}

// All is the table of tasks.
func All() []Task {
	return []Task{
		summary{}, callers{}, chain{}, implementers{}, methodsOf{}, declaration{}, constant{},
		returned{}, comparison{}, ordering{}, unanswerable{}, section{},
		passages{}, origin{}, wordCount{}, speaker{}, citation{}, table{},
		passKey{}, keyValue{}, needles{}, variables{},
	}
}

// Names lists the tasks in the table's order.
func Names() []string {
	var names []string
	for _, t := range All() {
		names = append(names, t.Name())
	}
	return names
}

// Planting reports whether a task's questions are about planted lines.
func Planting(name string) bool {
	switch name {
	case "passkey", "keyvalue", "needles", "variables":
		return true
	}
	return false
}

// proposals is about how many questions a task proposes for one scope.
const proposals = 14
