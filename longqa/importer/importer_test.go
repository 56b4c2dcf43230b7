package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"longlora/internal/defaults"
	"longlora/longqa/gold"
	"longlora/longqa/material"
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func own(t *testing.T, format string) Own {
	t.Helper()
	f, err := FindFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	return Own{Format: f, Set: "team", Licence: "CC-BY-4.0", LongTurn: 40}
}

// read prints each row as what is in it, or its problem.
func read(t *testing.T, o Own, path string) []string {
	t.Helper()
	var got []string
	for r, err := range o.Rows(path) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Problem != "" {
			got = append(got, r.Reason+": "+r.Problem)
			continue
		}
		line := fmt.Sprintf("%s|%s|%s|%q|%q|%q|%v", r.ID, r.Split, r.Genre, r.Instruction, r.Context,
			r.Output, r.QuestionFirst)
		for _, turn := range r.Turns {
			line += fmt.Sprintf("|%q|%q", turn.Question, turn.Answer)
		}
		if s := r.Meta["system"]; s != "" {
			line += "|system " + s
		}
		got = append(got, line)
	}
	return got
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("A line of the text.\n", 4)
	path := file(t, "chats.jsonl", strings.Join([]string{
		`{"id":"one","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":` +
			`"Why?"},{"role":"assistant","content":" So. "},{"role":"user","content":"Sure?"},` +
			`{"role":"assistant","content":"Yes."}],"context":"A text.\r\n","split":"test"}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"Who?\n\n` +
			strings.ReplaceAll(long, "\n", `\n`) + `"}]},{"role":"assistant","content":"She."}]}`,
		"", `{"messages": [{"role":"user"`,
		`{"messages":[{"role":"user","content":"Alone?"}]}`,
		`{"messages":[{"role":"assistant","content":"First."},{"role":"user","content":"?"}]}`,
		`{"messages":[{"role":"tool","content":"x"}]}`, `{"conversations":[]}`, `[1]`,
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"split":"dev"}`,
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""}]}`,
		`{"messages":[{"role":"user","content":[{"type":"image","text":""}]},` +
			`{"role":"assistant","content":"b"}]}`,
	}, "\n"))
	got := read(t, own(t, "messages"), path)
	want := []string{
		`one|test|text|"Why?"|"A text.\n"|"So."|false|"Sure?"|"Yes."|system Be brief.`,
		fmt.Sprintf("team-chats-2|train|text|%q|%q|%q|true", "Who?", long, "She."),
		"not-json: chats.jsonl line 4: not JSON",
		"malformed: chats.jsonl line 5: the last of 1 turns is the user's, so that it has no answer",
		"malformed: chats.jsonl line 6: prompt: message 0 is the assistant's, want the user's",
		`malformed: chats.jsonl line 7: messages[0]: the role "tool" is none of system, user, assistant`,
		"malformed: chats.jsonl line 8: no field messages",
		"malformed: chats.jsonl line 9: the row is no object",
		`malformed: chats.jsonl line 10: split "dev"; write train, validation or test`,
		"malformed: chats.jsonl line 11: prompt: message 1 of the assistant is empty",
		`malformed: chats.jsonl line 12: messages[0].content: a part of type "image", only text is read`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func TestShareGPTAndAlpaca(t *testing.T) {
	path := file(t, "a.json", `[{"conversations":[{"from":"human","value":"Hi?"},{"from":"gpt",
 "value":"Hello."}],"system":"S.","licence":"MIT"}]`)
	got := read(t, own(t, "sharegpt"), path)
	want := []string{`team-a-1|train|short|"Hi?"|""|"Hello."|false|system S.`}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("sharegpt (-want +got):\n%s", d)
	}
	path = file(t, "b.json", `[{"instruction":"Sum up.","input":"1 2","output":"3"},
 {"instruction":"And?","output":"No.","history":[["Q1","A1"]]},{"output":"x"},
 {"instruction":7,"output":"seven"}, {"instruction":{},"output":"x"}]`)
	o := own(t, "alpaca")
	o.ContextField = "input_text"
	got = read(t, o, path)
	want = []string{
		`team-b-1|train|short|"Sum up.\n\n1 2"|""|"3"|false`,
		`team-b-2|train|short|"Q1"|""|"A1"|false|"And?"|"No."`,
		"malformed: b.json element 3: no field instruction",
		`team-b-4|train|short|"7"|""|"seven"|false`,
		"malformed: b.json element 5: the field instruction is no text",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("alpaca (-want +got):\n%s", d)
	}
	// A long input is the context, a short one too where it is named.
	path = file(t, "c.json", `[{"instruction":"Sum up.","input":"`+strings.Repeat("A line. ", 6)+`",
 "output":"Lines."}, {"instruction":"Add.","input":"1 2","output":"3"}]`)
	for _, c := range []struct{ field, second string }{
		{"", `team-c-2|train|short|"Add.\n\n1 2"|""|"3"|false`},
		{"input", `team-c-2|train|text|"Add."|"1 2\n"|"3"|false`},
	} {
		o := own(t, "alpaca")
		o.ContextField = c.field
		want := []string{
			fmt.Sprintf("team-c-1|train|text|%q|%q|%q|false", "Sum up.",
				strings.TrimSpace(strings.Repeat("A line. ", 6))+"\n", "Lines."), c.second,
		}
		if d := cmp.Diff(want, read(t, o, path)); d != "" {
			t.Errorf("context field %q (-want +got):\n%s", c.field, d)
		}
	}
}

// Put together again, question and material give the turn.
func TestSeparate(t *testing.T) {
	for _, c := range []struct {
		turn, question string
		first          bool
	}{
		{"Text here.\n\nMore.\n\nWhy?", "Why?", false}, {"Why?\n\nText here.\n\nMore.", "Why?", true},
		{"Why?\n\nText.\n\nHow?", "How?", false}, {"Read on.\n\nText.\n\nEnd.", "End.", false},
		{"为什么？\n\n正文。", "为什么？", true}, {"One paragraph?", "One paragraph?", true},
		{strings.Repeat("x", 3000) + "\n\n" + strings.Repeat("y", 3000), "", true},
	} {
		question, text, first := separate(c.turn)
		if c.question == "" {
			c.question = c.turn
		}
		if question != c.question || first != c.first {
			t.Errorf("%.40q: got %.40q, %v, want %.40q, %v", c.turn, question, first, c.question, c.first)
		}
		again := question
		if text != "" && first {
			again = question + "\n\n" + strings.TrimSpace(text)
		} else if text != "" {
			again = strings.TrimSpace(text) + "\n\n" + question
		}
		if again != c.turn {
			t.Errorf("%.40q: put together %.40q", c.turn, again)
		}
	}
}

func options(t *testing.T, s gold.Source, path string) Options {
	t.Helper()
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Out: filepath.Join(t.TempDir(), "out"), Source: s, Path: path, Tokenizer: tok,
		Bands: []material.Band{{From: 0, To: 100}},
	}
}

func TestRun(t *testing.T) {
	rows := `{"id":"a","messages":[{"role":"user","content":"Q?"},{"role":"assistant","content":"A."},` +
		`{"role":"user","content":"R?"},{"role":"assistant","content":"B."}],"context":"T."}` + "\n"
	path := file(t, "x.jsonl", rows+"{}\n"+rows+strings.Replace(strings.Replace(rows, `"a"`, `"b"`, 1),
		`"context"`, `"licence":"CC-BY-NC-4.0","context"`, 1))
	o := options(t, own(t, "messages"), path)
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Errorf("dropped rows within no limit: got %v", err)
	}
	o.MaxDropped = limit.Share(0.8)
	var err error
	if o.Gate, err = licence.New(nil, []string{"*-NC-*"}); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"malformed": 1, "duplicate-id": 1, licence.Reason: 1}
	if d := cmp.Diff(want, r.Manifest.Rejected); d != "" {
		t.Errorf("rejected (-want +got):\n%s", d)
	}
	d, err := shard.Open(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range shard.Rows[schemas.Example](d, "") {
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Turns) != 1 || e.Turns[0].Answer != "B." || e.NTokens == 0 || e.Context != "T.\n" {
			t.Errorf("row %+v", e)
		}
	}
	o.ExpectCounts, o.Overwrite = true, true
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no counts") {
		t.Errorf("counts of one's own data: got %v", err)
	}
}

// A published set that is not whole fails under --expect-counts, with the publisher's number.
func TestExpectCounts(t *testing.T) {
	s, err := gold.Find("stanford-alpaca")
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, "alpaca_data.json", `[{"instruction":"Name one.","input":"","output":"One."}]`)
	o := options(t, s, path)
	const differs = "1 rows of train, the publisher has 52002"
	r, err := Run(t.Context(), o)
	if err != nil || !strings.Contains(r.Differs, differs) {
		t.Fatalf("got %+v, %v", r, err)
	}
	o.ExpectCounts, o.Overwrite = true, true
	_, err = Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), differs) {
		t.Errorf("got %v", err)
	}
	published := gold.Published{Rows: map[string]int{"a": 2, "b": 1}, Origin: "its README"}
	for want, got := range map[string]map[string]int{
		"": {"a": 2},
		"1 rows of b2, of which the publisher gives no count (its README)": {"b2": 1, "b": 1},
	} {
		if d := differences(published, got); d != want {
			t.Errorf("%v: %q, want %q", got, d, want)
		}
	}
}
