package gold

import (
	"errors"
	"iter"
	"strings"

	"longlora/schemas"
)

// stanfordAlpaca is the set of Stanford Alpaca (Taori et al., 2023): short instructions with an
// optional input. Its answers are a model's, published as they are. A path is alpaca_data.json or a
// file in its layout.
type stanfordAlpaca struct{}

func (stanfordAlpaca) Name() string { return "stanford-alpaca" }

func (stanfordAlpaca) About() string {
	return "Stanford Alpaca: short instructions with answers by text-davinci-003 " +
		"(https://github.com/tatsu-lab/stanford_alpaca, CC BY-NC 4.0)."
}

func (stanfordAlpaca) Published() Published {
	return Published{
		Rows: map[string]int{"train": 52002}, Origin: "the repository's README: 52,002 instructions",
	}
}

type alpacaRow struct {
	Instruction *string `json:"instruction"`
	Input       string  `json:"input"`
	Output      string  `json:"output"`
}

func (stanfordAlpaca) Rows(path string) iter.Seq2[Row, error] {
	return rowsOf(path, "Stanford Alpaca", func(r record, a alpacaRow) ([]Row, error) {
		if a.Instruction == nil {
			return nil, errors.New("no instruction: is it an Alpaca file?")
		}
		row := Row{Example: schemas.Example{
			ID: "stanford-alpaca-" + r.id, DocIDs: []string{"stanford-alpaca:" + r.id}, Genre: "short",
			Task: "instruction", Instruction: strings.TrimSpace(*a.Instruction),
			Output: strings.TrimSpace(a.Output), AnswerSource: "teacher:text-davinci-003",
			Licence: "CC-BY-NC-4.0", Split: r.split, QuestionFirst: true, Meta: map[string]string{},
		}}
		if strings.TrimSpace(a.Input) != "" {
			row.Context = document(a.Input)
			row.Evidence = whole(row.Context)
		}
		return []Row{checked(row)}, nil
	})
}
