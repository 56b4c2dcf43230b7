package gold

import (
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"

	"longlora/schemas"
)

// lEval is L-Eval (An et al., ACL 2024): long documents with several instructions each. A path is a
// .jsonl file of a task, or a folder of several, as LEval-data. Its files are a test set.
type lEval struct{}

func (lEval) Name() string { return "leval" }

func (lEval) About() string {
	return "L-Eval: instructions about long documents of 18 tasks; a test set " +
		"(https://github.com/OpenLMLab/LEval, GPL-3.0, the documents as their publishers license them)."
}

func (lEval) Published() Published {
	return Published{
		Rows: map[string]int{
			"coursera": 172, "gsm100": 100, "quality": 202, "topic_retrieval_longchat": 150, "tpo": 269,
			"financial_qa": 52, "gov_report_summ": 13, "legal_contract_qa": 130, "meeting_summ": 156,
			"multidoc_qa": 136, "narrative_qa": 182, "natural_question": 104, "news_summ": 11,
			"paper_assistant": 60, "patent_summ": 13, "review_summ": 120, "scientific_qa": 160,
			"tv_show_summ": 13,
		},
		Origin: "the repository's README, tables of statistics: 411 documents, 2,043 instructions",
	}
}

// lEvalLicences are those of the sets that a task's documents come from, where the publisher names
// one: QuALITY's Gutenberg stories, GSM8K, QMSum, CUAD, MultiDoc2Dial, NarrativeQA, Natural
// Questions, BigPatent, Qasper.
var lEvalLicences = map[string]string{
	"quality": "CC-BY-4.0 AND LicenseRef-public-domain", "gsm100": "MIT", "meeting_summ": "MIT",
	"legal_contract_qa": "CC-BY-4.0", "multidoc_qa": "Apache-2.0", "narrative_qa": "Apache-2.0",
	"natural_question": "Apache-2.0 AND CC-BY-SA-3.0", "patent_summ": "CC-BY-4.0",
	"scientific_qa": "CC-BY-4.0",
}

type lEvalDocument struct {
	Instructions []string `json:"instructions"`
	Outputs      []string `json:"outputs"`
	Input        *string  `json:"input"`
	Source       string   `json:"source"`
	Evaluation   string   `json:"evaluation"`
}

func (lEval) Rows(dir string) iter.Seq2[Row, error] {
	return rowsOf(dir, "L-Eval", func(r record, d lEvalDocument) ([]Row, error) {
		if d.Input == nil || len(d.Instructions) == 0 {
			return nil, errors.New("no input or instructions: is it an L-Eval file?")
		}
		part := strings.TrimSuffix(path.Base(r.file), path.Ext(r.file))
		licence := lEvalLicences[part]
		if licence == "" {
			licence = unknownLicence
		}
		var rows []Row
		for i, question := range d.Instructions {
			row := Row{Part: part, Example: schemas.Example{
				ID: fmt.Sprintf("leval-%s-%d", r.id, i), DocIDs: []string{"leval:" + r.id},
				Genre: genreOf(part), Task: lEvalTask(part), Instruction: strings.TrimSpace(question),
				AnswerSource: "gold:leval", Licence: "GPL-3.0-only AND " + licence, Split: "test",
				Meta: map[string]string{
					"dataset": part, "source": d.Source, "evaluation": d.Evaluation,
				},
			}}
			if i < len(d.Outputs) {
				row.Output = strings.TrimSpace(d.Outputs[i])
			}
			if strings.TrimSpace(*d.Input) != "" { // many-shot instructions hold all by themselves
				row.Context = document(*d.Input)
				row.Evidence = whole(row.Context)
			}
			rows = append(rows, checked(row))
		}
		return rows, nil
	})
}

func lEvalTask(part string) string {
	if strings.Contains(part, "summ") {
		return "summary"
	}
	return "question"
}

// genreOf reads a genre from the name of a benchmark's part.
func genreOf(part string) string {
	for _, g := range []struct{ word, genre string }{
		{"meeting", "meeting"}, {"qmsum", "meeting"}, {"vcsum", "meeting"}, {"narrative", "book"},
		{"quality", "story"}, {"sci_fi", "story"}, {"scientific", "paper"}, {"paper", "paper"},
		{"qasper", "paper"}, {"report", "report"}, {"financial", "report"}, {"news", "report"},
		{"lcc", "code"}, {"repobench", "code"}, {"codeu", "code"},
	} {
		if strings.Contains(part, g.word) {
			return g.genre
		}
	}
	return "text"
}
