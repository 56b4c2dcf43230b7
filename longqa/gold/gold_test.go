package gold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"longlora/internal/testdata"
)

const meeting = `{"topic_list": [],
"general_query_list": [{"query": "Summarize.", "answer": "They met."}],
"specific_query_list": [
 {"query": "Who spoke second?", "answer": "Bö did.",
  "relevant_text_span": [["2", "2"], ["1", "1"]]},
 {"query": "What of span?", "answer": "Bad.", "relevant_text_span": [["1", "9"]]},
 {"query": "No answer?", "answer": " ", "relevant_text_span": [["0", "0"]]}],
"meeting_transcripts": [{"speaker": "Än", "content": "Hello  there ."},
 {"speaker": "Bö", "content": "Yes ."}, {"speaker": "Än", "content": "Bye ."}]}`

const story = `{"metadata": {"passage_id": "42"},
 "document": "\r\n A story.\r\nIt ends.\n", "questions": [
 {"question_text": "What is the plot of the story?", "question_number": 1,
  "responses": [{"response_text": "One."}, {"response_text": "Two."}]},
 {"question_text": "Who is it about?", "question_number": 2,
  "responses": [{"response_text": ""}]}]}`

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// rows prints each row as its id, split, evidence in the context and problem.
func rows(t *testing.T, name, path string) []string {
	t.Helper()
	s, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r, err := range s.Rows(path) {
		if err != nil {
			t.Fatal(err)
		}
		line := []string{r.ID, r.Split, r.Task, r.Output, r.Problem}
		for _, e := range r.Evidence {
			line = append(line, string([]rune(r.Context)[e.Start:e.End]))
		}
		got = append(got, strings.Join(line, "|"))
	}
	return got
}

func TestQMSum(t *testing.T) {
	dir := write(t, map[string]string{
		"train/m1.json": meeting, "val.jsonl": strings.ReplaceAll(meeting, "\n", " ") + "\n",
	})
	got := rows(t, "qmsum", dir)
	whole := "Än: Hello there .\nBö: Yes .\nÄn: Bye .\n"
	want := []string{
		"qmsum-train/m1-summary-0|train|summary|They met.||" + whole,
		"qmsum-train/m1-query-0|train|query|Bö did.||Bö: Yes .\n|Än: Bye .\n",
		"qmsum-train/m1-query-1|train|query|Bad.|span [1 9] in 3 turns",
		"qmsum-train/m1-query-2|train|query||the query or the answer is empty|Än: Hello there .\n",
		"qmsum-val-1-summary-0|validation|summary|They met.||" + whole,
		"qmsum-val-1-query-0|validation|query|Bö did.||Bö: Yes .\n|Än: Bye .\n",
		"qmsum-val-1-query-1|validation|query|Bad.|span [1 9] in 3 turns",
		"qmsum-val-1-query-2|validation|query||the query or the answer is empty|Än: Hello there .\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func TestSQuALITY(t *testing.T) {
	dir := write(t, map[string]string{"test.jsonl": strings.ReplaceAll(story, "\n", " ")})
	got := rows(t, "squality", filepath.Join(dir, "test.jsonl"))
	whole := "A story.\nIt ends.\n"
	want := []string{
		"squality-42-1-1|test|summary|One.||" + whole, "squality-42-1-2|test|summary|Two.||" + whole,
		"squality-42-2-1|test|question||the question or the answer is empty|" + whole,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func TestRefuses(t *testing.T) {
	dir := write(t, map[string]string{
		"bad/x.json": "{", "other/x.json": `{"a": 1}`, "empty/x.txt": "text",
	})
	for _, c := range []struct{ path, want string }{
		{"bad", "not JSON"}, {"empty", "holds no .json"}, {"none", "no such file"},
		{"other", "is it a"},
	} {
		for _, name := range Names() {
			if strings.HasPrefix(name, "narrativeqa") || name == "go-doc" {
				continue // they are no JSON; see TestNarrativeQA, TestGoDoc
			}
			s, _ := Find(name)
			var failed error
			for _, err := range s.Rows(filepath.Join(dir, c.path)) {
				failed = err
			}
			if failed == nil || !strings.Contains(failed.Error(), c.want) {
				t.Errorf("%s %s: got %v, want %q in it", name, c.path, failed, c.want)
			}
		}
	}
	if _, err := Find("books"); err == nil || !strings.Contains(err.Error(), "qmsum, squality") {
		t.Errorf("unknown source: got %v", err)
	}
}

// The publishers' own counts: QMSum has 162 training meetings with 1,257 queries and 35 validation
// meetings with 272 (Zhong et al. 2021, table 1); SQuALITY trains on 50 stories, five questions and
// four answers each (Wang et al. 2022, section 3).
func TestPublishedCounts(t *testing.T) {
	type set struct {
		source, path string
		want         map[string]int
	}
	sets := []set{
		{"qmsum", "QMSum", map[string]int{"train": 1257, "validation": 272}},
		{"squality", "SQuALITY", map[string]int{"train": 50 * 5 * 4}},
	}
	if testing.Short() {
		sets = []set{{"qmsum", "QMSum/val.jsonl", map[string]int{"validation": 272}}}
	}
	for _, c := range sets {
		s, err := Find(c.source)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for r, err := range s.Rows(testdata.Shared(t, "qa", c.path)) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Problem != "" {
				t.Errorf("%s: %s", r.ID, r.Problem)
			}
			got[r.Split]++
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.source, d)
		}
	}
}
