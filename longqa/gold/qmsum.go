package gold

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"longlora/schemas"
)

// qmsum is QMSum (Zhong et al., NAACL 2021): meetings with queries, answers, and the turns that
// give them. A path is the folder of a split's files, one .json a meeting, a .jsonl file with a
// meeting a line, or the folder of both.
type qmsum struct{}

func (qmsum) Name() string { return "qmsum" }

func (qmsum) About() string {
	return "QMSum: queries about meetings, with summaries that people wrote and the turns they are " +
		"from (https://github.com/Yale-LILY/QMSum, MIT)."
}

type qmsumMeeting struct {
	General  []qmsumQuery `json:"general_query_list"`
	Specific []qmsumQuery `json:"specific_query_list"`
	Turns    []struct {
		Speaker string `json:"speaker"`
		Content string `json:"content"`
	} `json:"meeting_transcripts"`
}

type qmsumQuery struct {
	Query  string     `json:"query"`
	Answer string     `json:"answer"`
	Spans  [][]string `json:"relevant_text_span"` // first and last turn
}

func (qmsum) Published() Published {
	return Published{
		Rows:   map[string]int{"train": 1257, "validation": 272, "test": 279},
		Origin: "Zhong et al., NAACL 2021, table 1: queries of 162, 35 and 35 meetings",
	}
}

func (qmsum) Rows(path string) iter.Seq2[Row, error] {
	return rowsOf(path, "QMSum", func(r record, m qmsumMeeting) ([]Row, error) {
		if len(m.Turns) == 0 {
			return nil, errors.New("no meeting_transcripts: is it a QMSum file?")
		}
		return m.rows(r), nil
	})
}

// rows are a meeting's queries.
func (m *qmsumMeeting) rows(r record) []Row {
	text, at := m.transcript()
	whole := schemas.Span{End: at[len(at)-1]}
	var rows []Row
	add := func(q qmsumQuery, task string, n int) {
		row := Row{Example: schemas.Example{
			ID:     fmt.Sprintf("qmsum-%s-%s-%d", r.id, task, n),
			DocIDs: []string{"qmsum:" + r.id}, Genre: "meeting", Task: task,
			Instruction: strings.TrimSpace(q.Query), Context: text, Output: strings.TrimSpace(q.Answer),
			AnswerSource: "gold:qmsum", Licence: "MIT", Split: r.split, Meta: map[string]string{},
		}}
		row.Evidence, row.Problem = spansOf(q.Spans, at)
		if task == "summary" {
			row.Evidence, row.Problem = []schemas.Span{whole}, ""
		}
		if row.Instruction == "" || row.Output == "" {
			row.Problem = "the query or the answer is empty"
		}
		rows = append(rows, row)
	}
	for i, q := range m.General {
		add(q, "summary", i)
	}
	for i, q := range m.Specific {
		add(q, "query", i)
	}
	return rows
}

// transcript writes a turn a line; at[i] is where turn i begins, in code points.
func (m *qmsumMeeting) transcript() (text string, at []int64) {
	var b strings.Builder
	at = []int64{0}
	for _, t := range m.Turns {
		line := t.Speaker + ": " + strings.Join(strings.Fields(t.Content), " ") + "\n"
		b.WriteString(line)
		at = append(at, at[len(at)-1]+int64(utf8.RuneCountInString(line)))
	}
	return b.String(), at
}

// spansOf turns ranges of turns into ranges of code points; turns count from 0, the last inclusive.
func spansOf(turns [][]string, at []int64) (spans []schemas.Span, problem string) {
	for _, t := range turns {
		if len(t) != 2 {
			return nil, fmt.Sprintf("a span of %d numbers", len(t))
		}
		from, err1 := strconv.Atoi(t[0])
		to, err2 := strconv.Atoi(t[1])
		if err1 != nil || err2 != nil || from < 0 || to < from || to+1 >= len(at) {
			return nil, fmt.Sprintf("span %v in %d turns", t, len(at)-1)
		}
		spans = append(spans, schemas.Span{Start: at[from], End: at[to+1]})
	}
	if len(spans) == 0 {
		return nil, "no span"
	}
	return merged(spans), ""
}

// merged puts spans in order and joins those that overlap.
func merged(spans []schemas.Span) []schemas.Span {
	slices.SortFunc(spans, func(a, b schemas.Span) int { return cmp.Compare(a.Start, b.Start) })
	out := spans[:1]
	for _, s := range spans[1:] {
		if last := &out[len(out)-1]; s.Start < last.End {
			last.End = max(last.End, s.End)
		} else {
			out = append(out, s)
		}
	}
	return out
}
