package gold

import (
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"

	"longlora/schemas"
)

// longBench is LongBench (Bai et al., ACL 2024): 21 tasks in English, Chinese and code. A path is a
// .jsonl file of a task, or the folder of all, as data/ of the publisher's archive. It is a test
// set.
type longBench struct{}

func (longBench) Name() string { return "longbench" }

func (longBench) About() string {
	return "LongBench: long-context tasks in English, Chinese and code; a test set " +
		"(https://github.com/THUDM/LongBench, MIT, the material as its publishers license it)."
}

func (longBench) Published() Published {
	rows := map[string]int{"multifieldqa_en": 150, "lcc": 500, "repobench-p": 500}
	for _, name := range []string{
		"narrativeqa", "qasper", "multifieldqa_zh", "hotpotqa", "2wikimqa", "musique", "dureader",
		"gov_report", "qmsum", "multi_news", "vcsum", "trec", "triviaqa", "samsum", "lsht",
		"passage_count", "passage_retrieval_en", "passage_retrieval_zh",
	} {
		rows[name] = 200
	}
	for _, name := range []string{
		"hotpotqa", "2wikimqa", "gov_report", "triviaqa", "samsum", "trec", "passage_retrieval_en",
		"passage_count", "lcc", "repobench-p",
	} {
		rows[name+longBenchE] = 300
	}
	rows["multifieldqa_en_e"], rows["qasper_e"], rows["multi_news_e"] = 150, 224, 294
	return Published{
		Rows:   rows,
		Origin: "the repository's task.md: 4,750 rows of 21 tasks, LongBench-E 3,668 of 13",
	}
}

// longBenchE is at the end of the names of LongBench-E's files, whose rows are of the same tasks.
const longBenchE = "_e"

type longBenchRow struct {
	Input    string   `json:"input"`
	Context  string   `json:"context"`
	Answers  []string `json:"answers"`
	Dataset  string   `json:"dataset"`
	Language string   `json:"language"`
	Classes  []string `json:"all_classes"`
	ID       string   `json:"_id"`
}

// longBenchTasks are the tasks whose rows have no input of their own, or whose sets name a licence.
var longBenchTasks = map[string]struct{ instruction, licence string }{
	"narrativeqa": {licence: "Apache-2.0"}, "qasper": {licence: "CC-BY-4.0"},
	"hotpotqa": {licence: "CC-BY-SA-4.0"}, "2wikimqa": {licence: "Apache-2.0"},
	"musique": {licence: "CC-BY-4.0"}, "qmsum": {licence: "MIT"},
	"samsum":     {licence: "CC-BY-NC-ND-4.0"},
	"gov_report": {instruction: "Write a summary of one page of this report by the government."},
	"multi_news": {instruction: "Write a summary of one page of all these news."},
	"vcsum":      {instruction: "请为这段会议记录写一段总结。"},
	"passage_count": {instruction: "Some of these paragraphs may be repeated. How many different " +
		"paragraphs are there? Answer with the number."},
	"lcc": {instruction: "Write the next line of this code."},
}

func (longBench) Rows(dir string) iter.Seq2[Row, error] {
	return rowsOf(dir, "LongBench", func(r record, l longBenchRow) ([]Row, error) {
		if l.Context == "" || l.Dataset == "" {
			return nil, errors.New("no context or dataset: is it a LongBench file?")
		}
		part := l.Dataset
		if file := strings.TrimSuffix(path.Base(r.file), path.Ext(r.file)); file == part+longBenchE {
			part = file
		}
		task := longBenchTasks[l.Dataset]
		if task.licence == "" {
			task.licence = unknownLicence
		}
		row := Row{Part: part, Example: schemas.Example{
			ID: "longbench-" + l.Dataset + "-" + l.ID, DocIDs: []string{"longbench:" + r.id},
			Genre: genreOf(l.Dataset), Task: longBenchTask(l.Dataset),
			Instruction: strings.TrimSpace(l.Input), Context: document(l.Context),
			AnswerSource: "gold:longbench", Licence: "MIT AND " + task.licence, Split: "test",
			Meta: answersMeta(l.Answers),
		}}
		if l.ID == "" {
			row.ID = "longbench-" + r.id
		}
		if row.Instruction == "" {
			row.Instruction = task.instruction
		}
		row.Evidence = whole(row.Context)
		row.Meta["dataset"], row.Meta["language"] = l.Dataset, l.Language
		if len(l.Classes) > 0 {
			row.Meta["classes"] = list(l.Classes)
		}
		if len(l.Answers) > 0 {
			row.Output = l.Answers[0]
		}
		return []Row{checked(row)}, nil
	})
}

func longBenchTask(dataset string) string {
	switch dataset {
	case "gov_report", "qmsum", "multi_news", "vcsum", "samsum":
		return "summary"
	case "lcc", "repobench-p":
		return "completion"
	case "trec", "lsht":
		return "classification"
	case "passage_count", "passage_retrieval_en", "passage_retrieval_zh":
		return "retrieval"
	}
	return "question"
}

// longBench2 is LongBench v2 (Bai et al., ACL 2025): 503 questions with four choices over 8k to 2M
// words. A path is its data.json or a .jsonl file. It is a test set.
type longBench2 struct{}

func (longBench2) Name() string { return "longbench2" }

func (longBench2) About() string {
	return "LongBench v2: multiple-choice questions over very long contexts; a test set " +
		"(https://github.com/THUDM/LongBench, Apache-2.0, the material as its publishers license it)."
}

func (longBench2) Published() Published {
	return Published{
		Rows:   map[string]int{"test": 503},
		Origin: "Bai et al., ACL 2025, section 3",
	}
}

type longBench2Row struct {
	ID         string `json:"_id"`
	Domain     string `json:"domain"`
	SubDomain  string `json:"sub_domain"`
	Difficulty string `json:"difficulty"`
	Length     string `json:"length"`
	Question   string `json:"question"`
	A          string `json:"choice_A"`
	B          string `json:"choice_B"`
	C          string `json:"choice_C"`
	D          string `json:"choice_D"`
	Answer     string `json:"answer"`
	Context    string `json:"context"`
}

func (longBench2) Rows(path string) iter.Seq2[Row, error] {
	return rowsOf(path, "LongBench v2", func(r record, l longBench2Row) ([]Row, error) {
		if l.Context == "" || l.A == "" {
			return nil, errors.New("no context or choice_A: is it a LongBench v2 file?")
		}
		options := []string{l.A, l.B, l.C, l.D}
		text := document(l.Context)
		row := Row{Part: "test", Example: schemas.Example{
			ID: "longbench2-" + l.ID, DocIDs: []string{"longbench2:" + r.id}, Genre: "text",
			Task: "choice", Instruction: choices(l.Question, options), Context: text,
			Evidence: whole(text), AnswerSource: "gold:longbench2",
			Licence: "Apache-2.0 AND " + unknownLicence, Split: "test",
			Meta: map[string]string{
				"domain": l.Domain, "sub_domain": l.SubDomain, "difficulty": l.Difficulty,
				"length": l.Length, "choice": l.Answer,
			},
		}}
		i := strings.Index("ABCD", l.Answer)
		if len(l.Answer) != 1 || i < 0 {
			row.Problem = fmt.Sprintf("answer %q is no choice", l.Answer)
		} else {
			row.Output = choice(i, options[i])
		}
		return []Row{checked(row)}, nil
	})
}
