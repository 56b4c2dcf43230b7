package export

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

func dataset(t *testing.T) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "examples")
	var files []shardtest.File[schemas.Example]
	for _, split := range []string{"test", "train"} {
		file := shardtest.File[schemas.Example]{Split: split}
		for _, first := range []bool{true, false} {
			file.Rows = append(file.Rows, schemas.Example{
				ID: split, Licence: "MIT", Split: split, QuestionFirst: first,
				Instruction: "Is \"a\" < b?", Context: "a & b\n", Output: "Yes, é.",
			})
		}
		files = append(files, file)
	}
	o := shard.Options{Kind: schemas.KindExample, Name: "examples"}
	return shardtest.Write(t, dir, o, files...)
}

func TestLongAlpaca(t *testing.T) {
	f, err := Find("longalpaca")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out.json")
	r, err := Write(t.Context(), dataset(t), f, path, Options{Split: "train"})
	if err != nil || r.Written != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]string
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{
		{"instruction": "Is \"a\" < b?\n\na & b\n", "output": "Yes, é."},
		{"instruction": "a & b\n\nIs \"a\" < b?", "output": "Yes, é."},
	}
	for _, row := range want {
		row["id"], row["answer_source"], row["licence"] = "train", "", "MIT"
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if !strings.Contains(string(data), "< b") {
		t.Error("< is escaped, for no reason")
	}
}

// Question and material stand apart, and a system message in a field of its own.
func TestAlpaca(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	r, err := Write(t.Context(), chats(t), alpaca{}, path, Options{MaxDropped: limit.Share(0.5)})
	if err != nil || r.Written != 1 || r.Unfit["several-turns"] != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `[` + "\n" + `{"instruction":"R?","input":"","output":"B.","id":"b","answer_source":"gold:y",` +
		`"licence":"CC-BY-NC-4.0"}` + "\n]\n"
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	var text strings.Builder
	err = alpaca{}.Row(&text, 1, &schemas.Example{
		ID: "c", Licence: "MIT", AnswerSource: "gold:z", Instruction: "Q?", Context: "Text.\n", Output: "A.",
		QuestionFirst: true, Meta: map[string]string{"system": "Be brief."},
	})
	if want := ",\n" + `{"system":"Be brief.","instruction":"Q?","input":"Text.\n","output":"A.",` +
		`"id":"c","answer_source":"gold:z","licence":"MIT"}`; err != nil || text.String() != want {
		t.Errorf("got %s, %v, want %s", &text, err, want)
	}
}

func TestWriteRefuses(t *testing.T) {
	f := formats[0]
	path := filepath.Join(t.TempDir(), "out.json")
	if _, err := Write(t.Context(), dataset(t), f, path, Options{Split: "dev"}); err == nil ||
		!strings.Contains(err.Error(), "has the splits [test train]") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
	if _, err := Find("csv"); err == nil {
		t.Error("an unknown format was found")
	}
}

// chats has a row with a system message and a second turn.
func chats(t *testing.T) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "chats")
	rows := []schemas.Example{{
		ID: "a", Licence: "CC-BY-4.0", AnswerSource: "gold:x", Split: "train", Instruction: "Q?",
		Context: "Text.\n", Output: "A.", Turns: []schemas.Turn{{Question: "Sure?", Answer: "Yes."}},
		Meta: map[string]string{"system": "Be brief."},
	}, {
		ID: "b", Licence: "CC-BY-NC-4.0", AnswerSource: "gold:y", Split: "train", Instruction: "R?",
		Output: "B.",
	}}
	return shardtest.Write(t, dir, shard.Options{Kind: schemas.KindExample, Name: "chats"},
		shardtest.File[schemas.Example]{Split: "train", Rows: rows})
}

// Every format that holds conversations writes all turns with their roles, in its own words.
func TestConversations(t *testing.T) {
	for name, want := range map[string]string{
		"messages": `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":` +
			`"Text.\n\nQ?"},{"role":"assistant","content":"A."},{"role":"user","content":"Sure?"},` +
			`{"role":"assistant","content":"Yes."}],"id":"a","answer_source":"gold:x","licence":` +
			`"CC-BY-4.0"}` + "\n" + `{"messages":[{"role":"user","content":"R?"},{"role":"assistant",` +
			`"content":"B."}],"id":"b","answer_source":"gold:y","licence":"CC-BY-NC-4.0"}` + "\n",
		"sharegpt": `{"conversations":[{"from":"system","value":"Be brief."},{"from":"human","value":` +
			`"Text.\n\nQ?"},{"from":"gpt","value":"A."},{"from":"human","value":"Sure?"},` +
			`{"from":"gpt","value":"Yes."}],"id":"a","answer_source":"gold:x","licence":"CC-BY-4.0"}` +
			"\n" + `{"conversations":[{"from":"human","value":"R?"},{"from":"gpt","value":"B."}],` +
			`"id":"b","answer_source":"gold:y","licence":"CC-BY-NC-4.0"}` + "\n",
	} {
		f, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "out.jsonl")
		if _, err := Write(t.Context(), chats(t), f, path, Options{}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, string(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// What a layout cannot hold is counted against a limit; licences are gated.
func TestDrops(t *testing.T) {
	d := chats(t)
	path := filepath.Join(t.TempDir(), "out")
	_, err := Write(t.Context(), d, longAlpaca{}, path, Options{})
	if err == nil || !strings.Contains(err.Error(), "several-turns") {
		t.Errorf("a row of two turns: got %v", err)
	}
	r, err := Write(t.Context(), d, longAlpaca{}, path, Options{MaxDropped: limit.Share(0.5)})
	if err != nil || r.Written != 1 || r.Unfit["several-turns"] != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	gate, err := licence.New(nil, []string{"*-NC-*"})
	if err != nil {
		t.Fatal(err)
	}
	r, err = Write(t.Context(), d, messages{}, path, Options{Gate: gate})
	if err != nil || r.Written != 1 || r.Denied != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}
