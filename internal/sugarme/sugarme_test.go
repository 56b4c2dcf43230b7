package sugarme

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/pretrained"

	"longlora/internal/defaults"
	ours "longlora/internal/tokenizer"
)

// gpt2Kind is the default tokenizer's file with GPT-2's splitter, which the library can read.
func gpt2Kind(t *testing.T) []byte {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(defaults.TokenizerFile(), &file); err != nil {
		t.Fatal(err)
	}
	file["pre_tokenizer"] = map[string]any{
		"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t *testing.T, data []byte) *ours.Tokenizer {
	t.Helper()
	tok, err := ours.Parse("tokenizer.json", data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

var texts = []string{
	"", "a", "Hello, world!", "The quick brown fox", "if x {\n\treturn\n}", "it's 12345", "été 狐狸 🙂",
	"  a  b ", "a\n\nb", "a \n b", "\r\n", "x\t\ty", "<|end_of_text|>", "x<|end_of_text|>y",
	"e\u0301\u00a0\u200b", "don't\n\n\n  we'll",
}

// Through the library, our model gives our ids and offsets.
func TestModelInsideTheLibrary(t *testing.T) {
	tok := parse(t, defaults.TokenizerFile())
	library := tokenizer.NewTokenizer(New(tok))
	for _, text := range texts {
		ids, offsets := tok.EncodeOffsets(text, false)
		got, err := library.EncodeSingle(text)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Ids) != len(ids) {
			t.Errorf("%q: %d tokens, want %d", text, len(got.Ids), len(ids))
			continue
		}
		for i, id := range ids {
			if got.Ids[i] != int(id) || got.Offsets[i][0] != offsets[i].Start ||
				got.Offsets[i][1] != offsets[i].End {
				t.Errorf("%q: token %d is %d %v, want %d %v", text, i, got.Ids[i], got.Offsets[i], id, offsets[i])
			}
		}
	}
}

func TestVocabulary(t *testing.T) {
	m := New(parse(t, defaults.TokenizerFile()))
	vocab := m.GetVocab()
	if len(vocab) != 4096 || m.GetVocabSize() != 4096 {
		t.Errorf("%d tokens, size %d, want 4096", len(vocab), m.GetVocabSize())
	}
	for token, id := range vocab {
		if back, ok := m.IdToToken(id); !ok || back != token {
			t.Errorf("token %q has id %d, which is %q", token, id, back)
		}
		if got, ok := m.TokenToId(token); !ok || got != id {
			t.Errorf("token %q has id %d, want %d", token, got, id)
		}
	}
	for _, id := range []int{-1, 4096, 1 << 40} {
		if token, ok := m.IdToToken(id); ok {
			t.Errorf("id %d is %q", id, token)
		}
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	m := New(parse(t, defaults.TokenizerFile()))
	if err := m.Save(dir, "my"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "my-tokenizer.json"))
	if err != nil || !bytes.Equal(data, defaults.TokenizerFile()) {
		t.Errorf("%d bytes saved, %v", len(data), err)
	}
	if err := m.Save(filepath.Join(dir, "none")); err == nil {
		t.Error("saved into a folder that does not exist")
	}
}

// protected runs f and reports a panic as an error.
func protected(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

// Where the library's own encoder is known to differ from the reference. If one of these tests fails,
// the library has changed: see whether it can take over.
func TestKnownDifferences(t *testing.T) {
	file := gpt2Kind(t)
	tok := parse(t, file)
	theirs, err := pretrained.FromReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	differs := []string{
		"a\n\nb", "x\t\ty", // no look-ahead: white space stays together
		"<|end_of_text|>", "x<|end_of_text|>y", // special tokens in the text are lost
	}
	for _, text := range texts {
		want := tok.Encode(nil, text, false)
		got, err := theirs.EncodeSingle(text)
		if err != nil {
			t.Fatal(err)
		}
		same := slices.EqualFunc(got.Ids, want, func(a int, b int32) bool { return a == int(b) })
		if same == slices.Contains(differs, text) {
			t.Errorf("%q: the library gives %v, we %v", text, got.Ids, want)
		}
	}
}

func TestKnownFailures(t *testing.T) {
	if err := protected(func() error {
		_, err := pretrained.FromReader(bytes.NewReader(defaults.TokenizerFile()))
		return err
	}); err == nil {
		t.Error("the library now reads patterns with a look-ahead")
	}
	theirs, err := pretrained.FromReader(bytes.NewReader(gpt2Kind(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"\xff", "a\xc3"} {
		if err := protected(func() error {
			_, err := theirs.EncodeSingle(text)
			return err
		}); err == nil {
			t.Errorf("%q: the library now takes text that is not UTF-8", text)
		}
		if tokens, err := New(parse(t, defaults.TokenizerFile())).Tokenize(text); err != nil ||
			len(tokens) == 0 {
			t.Errorf("%q: our model gives %d tokens, %v", text, len(tokens), err)
		}
	}
}
