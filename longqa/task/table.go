package task

import (
	"strings"
	"unicode/utf8"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// table asks for an entry of a table, by the first cell of its row and the head of its column.
type table struct{}

func (table) Name() string { return "table" }

// maxCell is the greatest length of a cell that is asked for, in code points.
const maxCell = 120

func (t table) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	places := s.cells()
	for _, c := range dice.Shuffled(d, places) {
		if len(found) == proposals {
			break
		}
		found = append(found, Candidate{
			Key:    c.line.Piece.Document.ID + " " + c.row + " / " + c.column + " / " + c.text,
			Source: "derived:table", Evidence: []material.Range{c.head, c.line},
			Question: s.Book.Say(d, phrase.Cell, s.Book.Quote(c.row), s.Book.Quote(c.column)),
			Answer:   s.Book.Say(d, phrase.CellIs, s.Book.Quote(c.text)),
			Meta:     s.textMeta("row", c.row, "column", c.column),
		})
	}
	return found
}

// cell is an entry of a table.
type cell struct {
	row, column, text string
	head, line        material.Range
}

// cells are the entries that are the only ones in the view with their row and column.
func (s *Scope) cells() []cell {
	var all []cell
	times := map[[2]string]int{}
	for _, run := range s.stretches {
		for _, t := range prose.Tables(run.source) {
			head, ok := run.at(t.Head)
			for _, r := range t.Rows {
				line, fine := run.at(r.Line)
				for i, text := range r.Cells[1:min(len(r.Cells), len(t.Columns))] {
					c := cell{r.Cells[0], t.Columns[i+1], text, head, line}
					times[[2]string{c.row, c.column}]++
					if ok && fine && t.Sound && t.Figures(i+1) && named(c.row) && askable(c.column) &&
						askable(c.text) {
						all = append(all, c)
					}
				}
			}
		}
	}
	var unique []cell
	for _, c := range all {
		if times[[2]string{c.row, c.column}] == 1 {
			unique = append(unique, c)
		}
	}
	return unique
}

func askable(text string) bool {
	n := utf8.RuneCountInString(text)
	return n > 0 && n <= maxCell && phrase.Quotable(text) && !strings.Contains(text, "](") &&
		text != "-" && text != "—" && text != "–"
}

// named reports whether a first cell names its row: a figure alone does not say of what.
func named(row string) bool { return askable(row) && prose.Letters(row) > 0 }
