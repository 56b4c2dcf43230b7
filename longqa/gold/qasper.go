package gold

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"longlora/schemas"
)

// qasper is Qasper (Dasigi et al., NAACL 2021), version 0.3: questions about papers, answered by
// other readers with the paragraphs that they used. A path is a file, an object of papers by arXiv
// id, or the folder of several. A question is one row: the first answer is Output, all are in Meta.
type qasper struct{}

func (qasper) Name() string { return "qasper" }

func (qasper) About() string {
	return "Qasper: questions about NLP papers, with answers and the paragraphs they rest on " +
		"(https://allenai.org/data/qasper, CC BY 4.0)."
}

func (qasper) Published() Published {
	return Published{
		Rows:   map[string]int{"train": 2593, "validation": 1005, "test": 1451},
		Origin: "the set's card: 5,049 questions over 1,585 papers, 888, 281 and 416 by split",
	}
}

type qasperPaper struct {
	Title    string `json:"title"`
	Abstract string `json:"abstract"`
	FullText []struct {
		Name       string   `json:"section_name"` // "Section ::: Subsection"
		Paragraphs []string `json:"paragraphs"`
	} `json:"full_text"`
	Figures []struct {
		Caption string `json:"caption"`
	} `json:"figures_and_tables"`
	Questions []struct {
		Question string `json:"question"`
		ID       string `json:"question_id"`
		Answers  []struct {
			Answer qasperAnswer `json:"answer"`
		} `json:"answers"`
	} `json:"qas"`
}

type qasperAnswer struct {
	Unanswerable bool     `json:"unanswerable"`
	Extractive   []string `json:"extractive_spans"`
	YesNo        *bool    `json:"yes_no"`
	FreeForm     string   `json:"free_form_answer"`
	Evidence     []string `json:"evidence"`
}

// qasperUnanswerable is the answer where the annotator found none.
const qasperUnanswerable = "The paper does not answer this question."

func (qasper) Rows(path string) iter.Seq2[Row, error] {
	return rowsOf(path, "Qasper", func(r record, papers map[string]json.RawMessage) ([]Row, error) {
		var rows []Row
		for _, id := range keysInOrder(r.data) {
			var p qasperPaper
			if err := json.Unmarshal(papers[id], &p); err != nil || len(p.FullText) == 0 {
				return nil, errors.Join(fmt.Errorf("paper %s has no full_text: is it a Qasper file?", id), err)
			}
			rows = append(rows, p.rows(id, r.split)...)
		}
		return rows, nil
	})
}

// keysInOrder lists an object's keys as the file has them.
func keysInOrder(object json.RawMessage) []string {
	d := json.NewDecoder(bytes.NewReader(object))
	var keys []string
	if _, err := d.Token(); err != nil {
		return nil
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return keys
		}
		var skip json.RawMessage
		if d.Decode(&skip) != nil {
			return keys
		}
		keys = append(keys, key.(string))
	}
	return keys
}

func (p *qasperPaper) rows(id, split string) []Row {
	text, places := p.text()
	var rows []Row
	for _, q := range p.Questions {
		row := Row{Example: schemas.Example{
			ID: "qasper-" + q.ID, DocIDs: []string{"qasper:" + id}, Genre: "paper", Task: "question",
			Instruction: strings.TrimSpace(q.Question), Context: text, AnswerSource: "gold:qasper",
			Licence: "CC-BY-4.0", Split: split,
		}}
		var answers []string
		for _, a := range q.Answers {
			answers = append(answers, a.Answer.text())
		}
		row.Meta = answersMeta(answers)
		row.Meta["title"] = p.Title
		if len(answers) == 0 {
			row.Reason, row.Problem = "no-published-answer", "no answers"
		} else {
			row.Output = answers[0]
			first := q.Answers[0].Answer
			if first.Unanswerable {
				row.Meta["unanswerable"] = "gold"
			} else {
				row.Evidence, row.Problem = first.spans(text, places)
			}
		}
		rows = append(rows, checked(row))
	}
	return rows
}

func (a *qasperAnswer) text() string {
	switch {
	case a.Unanswerable:
		return qasperUnanswerable
	case a.YesNo != nil && *a.YesNo:
		return "Yes"
	case a.YesNo != nil:
		return "No"
	case len(a.Extractive) > 0:
		return strings.Join(a.Extractive, ", ")
	}
	return strings.TrimSpace(a.FreeForm)
}

// spans finds the evidence: whole paragraphs, or captions after "FLOAT SELECTED: ". An answer
// without evidence rests on the whole paper.
func (a *qasperAnswer) spans(text string, places map[string]schemas.Span) ([]schemas.Span, string) {
	var spans []schemas.Span
	for _, e := range a.Evidence {
		e = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(e), "FLOAT SELECTED:"))
		if e == "" {
			continue
		}
		s, ok := places[e]
		if !ok {
			return nil, fmt.Sprintf("evidence %.60q is no paragraph of the paper", e)
		}
		if !slices.Contains(spans, s) {
			spans = append(spans, s)
		}
	}
	if len(spans) == 0 {
		return whole(text), ""
	}
	return merged(spans), ""
}

// text writes a paper in Markdown and says where each paragraph and caption is.
func (p *qasperPaper) text() (string, map[string]schemas.Span) {
	var b strings.Builder
	chars, places := int64(0), map[string]schemas.Span{}
	write := func(s string) {
		b.WriteString(s)
		chars += int64(utf8.RuneCountInString(s))
	}
	paragraph := func(s string) {
		if s = strings.TrimSpace(s); s == "" {
			return
		}
		if b.Len() > 0 {
			write("\n")
		}
		if _, seen := places[s]; !seen {
			places[s] = schemas.Span{Start: chars, End: chars + int64(utf8.RuneCountInString(s))}
		}
		write(s + "\n")
	}
	paragraph("# " + p.Title)
	paragraph("## Abstract")
	paragraph(p.Abstract)
	for _, s := range p.FullText {
		parts := strings.Split(s.Name, ":::")
		if name := strings.TrimSpace(parts[len(parts)-1]); name != "" {
			paragraph(strings.Repeat("#", min(len(parts)+1, 6)) + " " + name)
		}
		for _, text := range s.Paragraphs {
			paragraph(text)
		}
	}
	for i, f := range p.Figures {
		if i == 0 {
			paragraph("## Figures and tables")
		}
		paragraph(f.Caption)
	}
	return b.String(), places
}
