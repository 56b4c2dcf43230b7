package chat

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"longlora/internal/defaults"
	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
)

func defaultTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Parse("tokenizer.json", defaults.TokenizerFile())
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func newTalk(t *testing.T, fsys fs.FS, name string, eos ...int32) *Talk {
	t.Helper()
	talk, err := NewTalk(fsys, defaultTokenizer(t), name, eos)
	if err != nil {
		t.Fatal(err)
	}
	return talk
}

func TestTalk(t *testing.T) {
	tok := defaultTokenizer(t)
	const template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
	own := fstest.MapFS{
		"chat_template.jinja":    {Data: []byte(template)},
		"generation_config.json": {Data: []byte(`{"eos_token_id": [7, 8]}`)},
	}
	messages := json.RawMessage(`[{"role": "user", "content": [{"type": "text", "text": "func "},
		{"type": "text", "text": "main"}]}]`)
	talk := newTalk(t, own, "", 5)
	ids, err := talk.Prompt(t.Context(), Request{Messages: messages, Generate: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := tok.Encode(nil, "[user] func main\n", false); !slices.Equal(ids, want) {
		t.Errorf("ids %v, want %v", ids, want)
	}
	if eos, _ := tok.EOS(); !slices.Equal(talk.Stops(), []int32{5, eos, 7, 8}) || talk.Name() != Own {
		t.Errorf("stops %v, name %s", talk.Stops(), talk.Name())
	}
	named := newTalk(t, fstest.MapFS{}, "")
	if named.Name() != prompt.Default().Name() {
		t.Errorf("without a template: %s", named.Name())
	}
	ids, err = named.Prompt(t.Context(), Request{Messages: messages})
	if err != nil {
		t.Fatal(err)
	}
	want, err := prompt.Encode(tok, prompt.Default(),
		[]prompt.Message{{Role: prompt.User, Text: "func main"}})
	if err != nil || !slices.Equal(ids, want.IDs) {
		t.Errorf("ids %v, want %v, %v", ids, want.IDs, err)
	}
}

func TestTalkRefuses(t *testing.T) {
	talk := newTalk(t, fstest.MapFS{}, "alpaca")
	const asked = `{"role": "user", "content": "a"}`
	for _, c := range []struct{ messages, tools, want string }{
		{`"x"`, "", "want a list of objects"},
		{`[]`, "", "the list is empty"},
		{`[{"role": "user"}]`, "", "needs role and content"},
		{`[{"role": "tool", "content": "x"}]`, "", `has the role "tool"`},
		{`[{"role": "user", "content": [{"type": "image_url"}]}]`, "", `part of type "image_url"`},
		{"[" + asked + `, {"role": "assistant", "content": "b"}]`, "", "there is nothing to answer"},
		{"[" + asked + "]", "[{}]", "the template alpaca knows no"},
		{`[{"role": "user", "content": " "}]`, "", "message 0 of the user is empty"},
	} {
		r := Request{Messages: json.RawMessage(c.messages), Tools: json.RawMessage(c.tools)}
		if _, err := talk.Prompt(t.Context(), r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	tok := defaultTokenizer(t)
	if _, err := NewTalk(fstest.MapFS{}, tok, Own, nil); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("no template: %v", err)
	}
	if _, err := NewTalk(fstest.MapFS{}, tok, "nobody", nil); err == nil {
		t.Error("an unknown template is taken")
	}
}
