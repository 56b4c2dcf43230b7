package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"longlora/internal/testdata"
)

// TestMain lets the test binary be the process that renders, as the trainer is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		if err := Work(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func folder(template string) fs.FS {
	config, err := json.Marshal(map[string]any{"chat_template": template, "bos_token": "<s>",
		"eos_token": map[string]any{"content": "</s>", "lstrip": false}, "pad_token": nil})
	if err != nil {
		panic(err) // texts encode
	}
	return fstest.MapFS{"tokenizer_config.json": {Data: config}}
}

type golden struct {
	Cases []struct {
		Name      string          `json:"name"`
		Messages  json.RawMessage `json:"messages"`
		Tools     json.RawMessage `json:"tools"`
		Generate  bool            `json:"generate"`
		Variables json.RawMessage `json:"variables"`
	} `json:"cases"`
	Rendered []struct {
		Template string  `json:"template"`
		Case     string  `json:"case"`
		Text     *string `json:"text"`
		Error    string  `json:"error"`
		SHA256   string  `json:"sha256"`
	} `json:"rendered"`
}

// TestGolden holds every template and conversation against transformers (scripts/oracle/chat.py):
// the same text, or an error with the words of the template where that raises one.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/chat.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	templates := map[string]*Template{}
	requests := map[string]Request{}
	for _, c := range g.Cases {
		if string(c.Tools) == "null" {
			c.Tools = nil
		}
		requests[c.Name] = Request{c.Messages, c.Tools, c.Generate, c.Variables}
	}
	for _, r := range g.Rendered {
		if templates[r.Template] == nil {
			templates[r.Template] = open(t, r.Template)
		}
		got, err := templates[r.Template].job(requests[r.Case]).render()
		sum := sha256.Sum256([]byte(got))
		switch {
		case r.Error == "other": // of Python's types: see the package's comment
		case r.Error != "" && (err == nil || !strings.Contains(err.Error(), r.Error)):
			t.Errorf("%s, %s: error %v, want %q", r.Template, r.Case, err, r.Error)
		case r.Error != "":
		case err != nil:
			t.Errorf("%s, %s: %v", r.Template, r.Case, err)
		case r.Text != nil && got != *r.Text:
			t.Errorf("%s, %s: %q, want %q", r.Template, r.Case, got, *r.Text)
		case r.SHA256 != "" && hex.EncodeToString(sum[:]) != r.SHA256:
			t.Errorf("%s, %s: %q has another hash", r.Template, r.Case, got)
		}
	}
}

// open opens a template of testdata, or of ../shared/data, with the special tokens of the script.
func open(t *testing.T, name string) *Template {
	t.Helper()
	var fsys fs.FS
	if dir, ok := strings.CutPrefix(name, "shared:"); ok {
		fsys = os.DirFS(testdata.Shared(t, "tokenizers", dir))
	} else {
		source, err := os.ReadFile(filepath.Join("testdata", "templates", name))
		if err != nil {
			t.Fatal(err)
		}
		fsys = folder(string(source))
	}
	template, err := Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// TestProcess renders as the trainer does, in a process of its own.
func TestProcess(t *testing.T) {
	template, err := Open(folder("{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Render(t.Context(), Request{Messages: json.RawMessage(`[{"content": "ü🙂"}]`)})
	if err != nil || got != "<s>ü🙂" {
		t.Errorf("%q, %v", got, err)
	}
	if template, err = Open(folder("{{ raise_exception('not like this') }}")); err != nil {
		t.Fatal(err)
	}
	_, err = template.Render(t.Context(), Request{Messages: json.RawMessage(`[]`)})
	if err == nil || !strings.Contains(err.Error(), "chat template: not like this") {
		t.Errorf("%v", err)
	}
}

// TestBounds renders programs that would run, grow or call without end.
func TestBounds(t *testing.T) {
	messages := json.RawMessage(`[{"role": "user", "content": "x"}]`)
	for name, c := range map[string]struct{ source, want string }{
		"calls": {"{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "calls itself without end"},
		"grows": {"{% set ns = namespace(x='abcdefgh') %}{% for i in range(60) %}" +
			"{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "grows without end"},
		"range":  {"{% for i in range(100000000000) %}x{% endfor %}", "without end"},
		"syntax": {"{% for %}", "jinja"},
	} {
		template, err := Open(folder(c.source))
		if err != nil {
			t.Fatal(err)
		}
		got, err := template.Render(t.Context(), Request{Messages: messages})
		// A busy machine may come to the bound of time before that of memory.
		if err == nil || !strings.Contains(err.Error(), c.want) &&
			!strings.Contains(err.Error(), "it loops, or is too slow") {
			t.Errorf("%s: %.80q, %v, want %q", name, got, err, c.want)
		}
	}
}

// TestDeadline ends a template that loops when whoever asked has gone.
func TestDeadline(t *testing.T) {
	loop := "{% for i in range(3000) %}{% for j in range(3000) %}{% for k in range(3000) %}" +
		"{% set x = i %}{% endfor %}{% endfor %}{% endfor %}"
	template, err := Open(folder(loop))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = template.Render(ctx, Request{Messages: json.RawMessage("[]")})
	if err != context.DeadlineExceeded || time.Since(start) > maxTime/2 {
		t.Errorf("error %v after %v", err, time.Since(start))
	}
}

func TestOpen(t *testing.T) {
	if _, err := Open(fstest.MapFS{}); err != ErrNoTemplate {
		t.Errorf("no template: %v", err)
	}
	list := `{"chat_template": [{"name": "tool_use", "template": "a"}, {"name": "default", "template": "b"}]}`
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"list":   {fstest.MapFS{"tokenizer_config.json": {Data: []byte(list)}}, "b"},
		"file":   {fstest.MapFS{"chat_template.jinja": {Data: []byte("c")}}, "c"},
		"broken": {fstest.MapFS{"tokenizer_config.json": {Data: []byte("{")}}, ""},
		"long":   {fstest.MapFS{"chat_template.jinja": {Data: make([]byte, maxTemplate+1)}}, ""},
	} {
		template, err := Open(c.files)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if err != nil || template.source != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
