package gold

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"longlora/schemas"
)

// quality is QuALITY (Pang et al., NAACL 2022): long texts with multiple-choice questions. A path
// is a QuALITY.v1.0.1.htmlstripped file of a split, or the folder of several; a line is a writer's
// questions about an article.
type quality struct{}

func (quality) Name() string { return "quality" }

func (quality) About() string {
	return "QuALITY: multiple-choice questions about stories and articles, with the answers that " +
		"readers agreed on (https://github.com/nyu-mll/quality, questions CC BY 4.0)."
}

func (quality) Published() Published {
	return Published{
		Rows:   map[string]int{"train": 2523, "validation": 2086, "test": 2128},
		Origin: "Pang et al., NAACL 2022, table 1",
	}
}

type qualitySet struct {
	ArticleID string            `json:"article_id"`
	SetID     string            `json:"set_unique_id"`
	Source    string            `json:"source"`
	Licence   string            `json:"license"`
	Title     string            `json:"title"`
	Article   string            `json:"article"`
	Questions []qualityQuestion `json:"questions"`
}

type qualityQuestion struct {
	Question  string   `json:"question"`
	ID        string   `json:"question_unique_id"`
	Options   []string `json:"options"`
	Gold      int      `json:"gold_label"` // from 1; none in the test split
	Difficult int      `json:"difficult"`
}

func (quality) Rows(path string) iter.Seq2[Row, error] {
	return rowsOf(path, "QuALITY", func(r record, s qualitySet) ([]Row, error) {
		if s.Article == "" || s.ArticleID == "" {
			return nil, errors.New("no article or article_id: is it a QuALITY file?")
		}
		text := document(s.Article)
		var rows []Row
		for i, q := range s.Questions {
			row := q.row(text)
			if row.ID = "quality-" + q.ID; q.ID == "" {
				row.ID = fmt.Sprintf("quality-%s-%d", r.id, i)
			}
			row.DocIDs, row.Split = []string{"quality:" + s.ArticleID}, r.split
			row.Licence = "CC-BY-4.0 AND " + qualityLicence(s.Source, s.Licence)
			row.Meta["title"], row.Meta["article_licence"] = s.Title, s.Licence
			rows = append(rows, row)
		}
		return rows, nil
	})
}

func (q *qualityQuestion) row(text string) Row {
	row := Row{Example: schemas.Example{
		Genre: "story", Task: "choice", Instruction: choices(q.Question, q.Options), Context: text,
		Evidence: whole(text), AnswerSource: "gold:quality",
		Meta: map[string]string{"difficult": fmt.Sprint(q.Difficult)},
	}}
	switch {
	case len(q.Options) < 2:
		row.Problem = fmt.Sprintf("%d options", len(q.Options))
	case q.Gold == 0:
		row.Reason, row.Problem = "no-published-answer", "the publisher keeps the answer back"
	case q.Gold < 0 || q.Gold > len(q.Options):
		row.Problem = fmt.Sprintf("gold_label %d of %d options", q.Gold, len(q.Options))
	default:
		row.Output = choice(q.Gold-1, q.Options[q.Gold-1])
		row.Meta["choice"] = letter(q.Gold - 1)
		row = checked(row)
	}
	return row
}

// choices writes a question with its options, a line each.
func choices(question string, options []string) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(question))
	for i, o := range options {
		b.WriteString("\n" + choice(i, o))
	}
	return b.String()
}

// choice is an option with its letter, as "(A) Text".
func choice(i int, text string) string { return "(" + letter(i) + ") " + strings.TrimSpace(text) }

func letter(i int) string { return string(rune('A' + i)) }

// qualityLicence is the licence of an article: the publisher gives it in words.
func qualityLicence(source, words string) string {
	both := strings.ToLower(source + " " + words)
	for _, known := range []struct{ word, licence string }{
		{"gutenberg", "LicenseRef-public-domain"}, {"public domain", "LicenseRef-public-domain"},
		{"by-nc-nd", "CC-BY-NC-ND-4.0"}, {"by-nc-sa", "CC-BY-NC-SA-4.0"}, {"by-nc", "CC-BY-NC-4.0"},
		{"by-sa", "CC-BY-SA-4.0"}, {"cc-by", "CC-BY-4.0"}, {"cc by", "CC-BY-4.0"},
		{"open american national corpus", "LicenseRef-OANC"}, {"slate", "LicenseRef-OANC"},
	} {
		if strings.Contains(both, known.word) {
			return known.licence
		}
	}
	return unknownLicence
}
