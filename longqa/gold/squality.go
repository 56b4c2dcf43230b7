package gold

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"longlora/schemas"
)

// squalityLicence covers answers and stories.
const squalityLicence = "CC-BY-4.0 AND LicenseRef-public-domain"

// squality is SQuALITY (Wang et al., EMNLP 2022): stories with five questions each and four long
// answers a question. A path is a .jsonl file, or the folder of several. It names no evidence: an
// answer rests on the whole story.
type squality struct{}

func (squality) Name() string { return "squality" }

func (squality) About() string {
	return "SQuALITY: questions about stories in the public domain, with long answers that people " +
		"wrote (https://github.com/nyu-mll/SQuALITY, answers CC BY 4.0)."
}

type squalityStory struct {
	Metadata struct {
		PassageID string `json:"passage_id"`
	} `json:"metadata"`
	Document  string `json:"document"`
	Questions []struct {
		Text      string `json:"question_text"`
		Number    int    `json:"question_number"`
		Responses []struct {
			Text string `json:"response_text"`
		} `json:"responses"`
	} `json:"questions"`
}

func (squality) Published() Published {
	return Published{
		Rows:   map[string]int{"train": 50 * 5 * 4, "validation": 25 * 5 * 4, "test": 52 * 5 * 4},
		Origin: "Wang et al., EMNLP 2022, section 3: 50, 25 and 52 stories, five questions, four answers",
	}
}

func (squality) Rows(path string) iter.Seq2[Row, error] {
	return rowsOf(path, "SQuALITY", func(r record, s squalityStory) ([]Row, error) {
		if s.Document == "" {
			return nil, errors.New("no document: is it a SQuALITY file?")
		}
		return s.rows(r.split), nil
	})
}

func (s *squalityStory) rows(split string) []Row {
	text := strings.TrimSpace(strings.ReplaceAll(s.Document, "\r\n", "\n")) + "\n"
	whole := schemas.Span{End: int64(utf8.RuneCountInString(text))}
	var rows []Row
	for _, q := range s.Questions {
		task := "question"
		if strings.Contains(q.Text, "plot") {
			task = "summary"
		}
		for i, a := range q.Responses {
			row := Row{Example: schemas.Example{
				ID:     fmt.Sprintf("squality-%s-%d-%d", s.Metadata.PassageID, q.Number, i+1),
				DocIDs: []string{"squality:" + s.Metadata.PassageID}, Genre: "story", Task: task,
				Instruction: strings.TrimSpace(q.Text), Context: text,
				Output: strings.TrimSpace(a.Text), Evidence: []schemas.Span{whole},
				AnswerSource: "gold:squality", Licence: squalityLicence, Split: split,
				Meta: map[string]string{},
			}}
			if row.Instruction == "" || row.Output == "" {
				row.Problem = "the question or the answer is empty"
			}
			rows = append(rows, row)
		}
	}
	return rows
}
