package gold

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The sets below are small files in the publishers' layouts, with the faults that real files have.

const qualityLine = `{"article_id": "20001", "set_unique_id": "20001_A", "batch_num": "23", ` +
	`"writer_id": "1", "source": "Gutenberg", "title": "T", "author": "A", "topic": "x", "url": "u", ` +
	`"license": "This eBook is for the use of anyone", "article": "A long story.\r\nIt ends.", ` +
	`"questions": [{"question": "Who?", "question_unique_id": "20001_A_1", "options": ` +
	`["An", " Bo ", "Cy", "Di"], "writer_label": 2, "gold_label": 2, "validation": [], ` +
	`"speed_validation": [], "difficult": 1}, {"question": "Why?", "question_unique_id": "20001_A_2", ` +
	`"options": ["a", "b", "c", "d"]}, {"question": "When?", "question_unique_id": "20001_A_3", ` +
	`"options": ["a", "b"], "gold_label": 3}]}`

func TestQuALITY(t *testing.T) {
	dir := write(t, map[string]string{"QuALITY.v1.0.1.htmlstripped.dev": "", "dev.jsonl": qualityLine})
	got := rows(t, "quality", dir)
	whole := "A long story.\nIt ends.\n"
	want := []string{
		"quality-20001_A_1|validation|choice|(B) Bo||" + whole,
		"quality-20001_A_2|validation|choice||the publisher keeps the answer back|" + whole,
		"quality-20001_A_3|validation|choice||gold_label 3 of 2 options|" + whole,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	r := first(t, "quality", dir)
	if r.Instruction != "Who?\n(A) An\n(B) Bo\n(C) Cy\n(D) Di" || r.Meta["choice"] != "B" ||
		r.Licence != "CC-BY-4.0 AND LicenseRef-public-domain" {
		t.Errorf("got %q, choice %q, licence %q", r.Instruction, r.Meta["choice"], r.Licence)
	}
}

// first is the first row of a set.
func first(t *testing.T, name, path string) Row {
	t.Helper()
	s, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range s.Rows(path) {
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Fatal("no row")
	return Row{}
}

const qasperFile = `{"1706.1": {"title": "On Möbius", "abstract": "We study.", "full_text": [
 {"section_name": "Intro", "paragraphs": ["First paragraph.", "", "Second one."]},
 {"section_name": "Model ::: Loss", "paragraphs": ["It is small."]}],
 "figures_and_tables": [{"file": "1-Table1-1.png", "caption": "Table 1: Sizes."}],
 "qas": [
 {"question": "How large?", "question_id": "q1", "nlp_background": "two", "answers": [
  {"answer": {"unanswerable": false, "extractive_spans": ["small", "tiny"], "yes_no": null,
   "free_form_answer": "", "evidence": ["It is small.", "FLOAT SELECTED: Table 1: Sizes."],
   "highlighted_evidence": ["It is small."]}},
  {"answer": {"unanswerable": false, "extractive_spans": [], "yes_no": null,
   "free_form_answer": "Not large.", "evidence": []}}]},
 {"question": "Is it new?", "question_id": "q2", "answers": [{"answer": {"unanswerable": false,
   "extractive_spans": [], "yes_no": false, "free_form_answer": "", "evidence": ["Second one."]}}]},
 {"question": "Who paid?", "question_id": "q3", "answers": [{"answer": {"unanswerable": true,
   "extractive_spans": [], "yes_no": null, "free_form_answer": "", "evidence": []}}]},
 {"question": "Where?", "question_id": "q4", "answers": [{"answer": {"unanswerable": false,
   "extractive_spans": [], "yes_no": null, "free_form_answer": "There", "evidence": ["Gone."]}}]},
 {"question": "None?", "question_id": "q5", "answers": []}]}}`

func TestQasper(t *testing.T) {
	dir := write(t, map[string]string{"qasper-test-v0.3.json": qasperFile})
	got := rows(t, "qasper", dir)
	want := []string{
		"qasper-q1|test|question|small, tiny||It is small.|Table 1: Sizes.",
		"qasper-q2|test|question|No||Second one.",
		"qasper-q3|test|question|" + qasperUnanswerable + "|",
		`qasper-q4|test|question|There|evidence "Gone." is no paragraph of the paper`,
		"qasper-q5|test|question||no answers",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	r := first(t, "qasper", dir)
	text := "# On Möbius\n\n## Abstract\n\nWe study.\n\n## Intro\n\nFirst paragraph.\n\nSecond one.\n\n" +
		"### Loss\n\nIt is small.\n\n## Figures and tables\n\nTable 1: Sizes.\n"
	if d := cmp.Diff(text, r.Context); d != "" {
		t.Errorf("context (-want +got):\n%s", d)
	}
	if r.Meta[MetaAnswers] != `["small, tiny","Not large."]` {
		t.Errorf("answers %s", r.Meta[MetaAnswers])
	}
}

func TestLEval(t *testing.T) {
	dir := write(t, map[string]string{"Exam/quality.jsonl": `{"instructions": ["A or B?", "C?"],
 "outputs": ["A"], "input": "Long text.", "source": "quality", "evaluation": "exam"}`,
		"Exam/gsm100.jsonl": `{"instructions": ["1+1?"], "outputs": ["2"], "input": ""}`})
	got := rows(t, "leval", dir)
	want := []string{
		"leval-Exam/gsm100-1-0|test|question|2|",
		"leval-Exam/quality-1-0|test|question|A||Long text.\n",
		"leval-Exam/quality-1-1|test|question||the question or the answer is empty|Long text.\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if r := first(t, "leval", dir); r.Part != "gsm100" || r.Licence != "GPL-3.0-only AND MIT" {
		t.Errorf("part %q, licence %q", r.Part, r.Licence)
	}
}

func TestLongBench(t *testing.T) {
	dir := write(t, map[string]string{"trec.jsonl": `{"input": "Question: Why?", "context": "Many.",
 "answers": ["Reason", "Cause"], "length": 12, "dataset": "trec", "language": "en",
 "all_classes": ["Reason", "City"], "_id": "ab"}`,
		"gov_report.jsonl": `{"input": "", "context": "A report.", "answers": ["Short."], "length": 2,
 "dataset": "gov_report", "language": "en", "all_classes": null, "_id": "cd"}`})
	got := rows(t, "longbench", dir)
	want := []string{
		"longbench-gov_report-cd|test|summary|Short.||A report.\n",
		"longbench-trec-ab|test|classification|Reason||Many.\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	e := write(t, map[string]string{"qasper_e.jsonl": `{"input": "Why?", "context": "A paper.", ` +
		`"answers": ["So."], "dataset": "qasper", "language": "en", "all_classes": null, "_id": "x"}`})
	if r := first(t, "longbench", e); r.Part != "qasper_e" || r.Meta["dataset"] != "qasper" {
		t.Errorf("part %q of %q", r.Part, r.Meta["dataset"])
	}
	if r := first(t, "longbench", dir); r.Instruction != longBenchTasks["gov_report"].instruction {
		t.Errorf("instruction %q", r.Instruction)
	}
}

func TestLongBench2(t *testing.T) {
	dir := write(t, map[string]string{"data.json": `[{"_id": "x", "domain": "d", "sub_domain": "s",
 "difficulty": "easy", "length": "short", "question": "Which?", "choice_A": "a", "choice_B": "b",
 "choice_C": "c", "choice_D": "d", "answer": "C", "context": "Text."}, {"_id": "y", "question": "?",
 "choice_A": "a", "answer": "E", "context": "Text."}]`})
	got := rows(t, "longbench2", dir)
	want := []string{
		"longbench2-x|test|choice|(C) c||Text.\n",
		`longbench2-y|test|choice||answer "E" is no choice|Text.` + "\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func TestStanfordAlpaca(t *testing.T) {
	dir := write(t, map[string]string{"alpaca_data.json": `[
 {"instruction": "Name a colour.", "input": "", "output": "Red."},
 {"instruction": "Translate.", "input": "chat", "output": "cat"},
 {"instruction": "Empty?", "input": "", "output": ""}]`})
	got := rows(t, "stanford-alpaca", dir)
	want := []string{
		"stanford-alpaca-alpaca_data-1|train|instruction|Red.|",
		"stanford-alpaca-alpaca_data-2|train|instruction|cat||chat\n",
		"stanford-alpaca-alpaca_data-3|train|instruction||the question or the answer is empty",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

// narrativeFiles is the repository's layout with one downloaded story as plain text between a
// distributor's words, one as a page in Windows-1252, and one that is not there.
func narrativeFiles() map[string]string {
	story := strings.Repeat("word ", 120)
	return map[string]string{
		"documents.csv": "document_id,set,kind,story_url,story_file_size,wiki_url,wiki_title," +
			"story_word_count,story_start,story_end\n" +
			"aa,train,gutenberg,u,1,w,T,9,\"ONCE , there\",the END .\n" +
			"bb,test,movie,u,1,w,T,9,,\ncc,valid,movie,u,1,w,T,9,,\n",
		"qaps.csv": "document_id,set,question,answer1,answer2,question_tokenized," +
			"answer1_tokenized,answer2_tokenized\n" +
			"aa,train,\"Who, then?\",The fox,A fox,x,x,x\naa,train,Why?,Fun,Fun,x,x,x\n" +
			"bb,test,Where?,Here,There,x,x,x\ncc,valid,When?,Now,Then,x,x,x\n",
		"third_party/wikipedia/summaries.csv": "document_id,set,summary,summary_tokenized\n" +
			"aa,train,A fox runs.,x\nbb,test,A film.,x\ncc,valid,Another.,x\n",
		"tmp/aa.content": "Header of a distributor\r\nOnce, there " + story + "the end.\r\nLicence.",
		"tmp/bb.content": "<html><head><title>No</title></head><body><script>no()</script><pre>Caf\xe9 &amp; " +
			story + "</pre></body></html>",
	}
}

func TestNarrativeQA(t *testing.T) {
	dir := write(t, narrativeFiles())
	var got []string
	for _, line := range rows(t, "narrativeqa", dir) {
		got = append(got, strings.ReplaceAll(line, strings.Repeat("word ", 120), "… "))
	}
	aa := "Once, there … the end.\n"
	want := []string{
		"narrativeqa-aa-0|train|question|The fox||" + aa, "narrativeqa-aa-1|train|question|Fun||" + aa,
		"narrativeqa-bb-0|test|question|Here||Café & " + strings.Repeat("word ", 119) + "word\n",
		"narrativeqa-cc-0|validation|question|Now|tmp/cc.content is not there; run the set's " +
			"download_stories.sh",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	got = rows(t, "narrativeqa-summaries", dir)
	if len(got) != 4 || got[0] != "narrativeqa-summaries-aa-0|train|question|The fox||A fox runs.\n" {
		t.Errorf("summaries: %q", got)
	}
	if r := first(t, "narrativeqa", dir); r.Meta[MetaAnswers] != `["The fox","A fox"]` ||
		r.Licence != "Apache-2.0 AND LicenseRef-public-domain" {
		t.Errorf("answers %s, licence %s", r.Meta[MetaAnswers], r.Licence)
	}
}

// Every set names counts with their origin, and they add up to the publisher's totals.
func TestPublished(t *testing.T) {
	totals := map[string]int{
		"qmsum": 1808, "squality": 2540, "narrativeqa": 46765, "narrativeqa-summaries": 46765,
		"quality": 6737, "qasper": 5049, "leval": 2043, "longbench": 4750 + 3668, "longbench2": 503,
		"stanford-alpaca": 52002,
	}
	for _, s := range sources {
		if s.Name() == "go-doc" {
			continue // nobody published counts: they depend on the version of Go
		}
		p := s.Published()
		sum := 0
		for _, n := range p.Rows {
			sum += n
		}
		if sum != totals[s.Name()] || p.Origin == "" {
			t.Errorf("%s: %d rows in all, want %d (%q)", s.Name(), sum, totals[s.Name()], p.Origin)
		}
		if !strings.Contains(s.About(), "https://") {
			t.Errorf("%s: no link: %s", s.Name(), s.About())
		}
	}
	if len(totals) != len(sources)-1 {
		t.Error(fmt.Sprint(len(totals), " totals, ", len(sources), " sources"))
	}
}

// Comments answer, signatures are read, and what explains nothing is left out.
func TestGoDoc(t *testing.T) {
	tree := write(t, map[string]string{
		"VERSION": "go1.26.0\n", "LICENSE": "x", "src/go.mod": "module std\n\ngo 1.26\n",
		"src/thing/thing.go": "package thing\n\n// Join puts the parts of a list together with a text " +
			"between every two of them,\n// and returns what comes out; an empty list gives an empty text " +
			"and no error.\nfunc Join(parts []string, sep string) (joined string, err error) {\n" +
			"\tfor _, p := range parts {\n\t\tjoined += p + sep\n\t}\n\treturn joined, nil\n}\n\n" +
			"// Short is short.\nfunc Short(a, b int) int {\n\tif a < b {\n\t\treturn a\n\t}\n\treturn b\n}\n",
	})
	got := rows(t, "go-doc", tree)
	if len(got) != 3 || !strings.Contains(got[0],
		"|explain|Join puts the parts of a list together with a "+
			"text between every two of them, and returns what comes out;") ||
		!strings.Contains(got[1], "|parameters|It takes `parts []string`, `sep string`. It returns "+
			"`joined string`, `err error`.|") || !strings.Contains(got[2], "It takes `a int`, `b int`. It") {
		t.Errorf("got %q", got)
	}
	if strings.Contains(got[0], "// Join") {
		t.Error("the comment stands in the context")
	}
}
