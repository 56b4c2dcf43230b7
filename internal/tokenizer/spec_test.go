package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is not known is refused by name.
func TestParseRefuses(t *testing.T) {
	golden, err := readGoldenFamilies()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ part, value, want string }{
		{"model", `{"type": "Unigram"}`, `model.type "Unigram" is not supported`},
		{"model", `{"type": "WordPiece"}`, `model.type "WordPiece" is not supported`},
		{"model", `{"dropout": 0.1}`, "model.dropout is 0.1"},
		{"model", `{"end_of_word_suffix": "</w>"}`, `model.end_of_word_suffix "</w>" is not supported`},
		{"model", `{"continuing_subword_prefix": "##"}`, "continuing_subword_prefix"},
		{"model", `{"merges": ["a b c"]}`, "model.merges[0]"},
		{"model", `{"merges": [["a", "neverseen"]]}`, `model.merges[0] ["a" "neverseen"]`},
		{"model", `{"vocab": {}}`, "model.vocab is empty"},
		{"model", `{"vocab": {"<|x|>": 0, "a": 3000000}}`, "id 3000000, outside 0..2097151"},
		{"model", `{"vocab": {"<|x|>": 0, "a": 1, "b": 1}, "merges": []}`, "the same id 1"},
		{"model", `{"unk_token": "<nix>"}`, ""}, // every byte has a token: none is unknown
		{"normalizer", `{"type": "BertNormalizer"}`, `normalizer: type "BertNormalizer"`},
		{"normalizer", `{"type": "Precompiled"}`, `normalizer: type "Precompiled"`},
		{"normalizer", `{"type": "Replace", "pattern": {"Regex": "a*"}, "content": ""}`, "empty text"},
		{"normalizer", `{"type": "Replace", "pattern": {"String": ""}, "content": ""}`, "empty"},
		{"pre_tokenizer", `{"type": "UnicodeScripts"}`, `pre_tokenizer: type "UnicodeScripts"`},
		{"pre_tokenizer", `{"type": "Split", "pattern": {"Regex": "\\R"}, "behavior": "Isolated"}`, `\R`},
		{"pre_tokenizer", `{"type": "Split", "pattern": {"String": "x"}, "behavior": "Mashed"}`, "Mashed"},
		{"pre_tokenizer", `{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "last"}`, "last"},
		{"post_processor", `{"type": "Other"}`, "post_processor: Other"},
		{"post_processor", `{"type": "TemplateProcessing", "single": []}`, "the sequence 0 times"},
		{"post_processor", `{"type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 999999]}`, "999999"},
		{"decoder", `{"type": "CTC"}`, `decoder: type "CTC"`},
		{"decoder", `{"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteFallback"}]}`,
			"decoder: ByteFallback behind a stage"},
		{"added_tokens", `[{"id": 5, "content": "<new>"}]`, "has id 5; the reference would give it"},
		{"added_tokens", `[{"id": 1, "content": ""}]`, "added token 1 is empty"},
	} {
		var value any
		if err := json.Unmarshal([]byte(c.value), &value); err != nil {
			t.Fatal(err)
		}
		parts := map[string]any{"pre_tokenizer": map[string]any{"type": "ByteLevel"}}
		parts[c.part] = value
		_, err := assemble(golden.Bases["bytes"], parts)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s %s: %v", c.part, c.value, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s %s: error %v does not say %q", c.part, c.value, err, c.want)
		}
	}
	for data, want := range map[string]string{
		"": "the file is empty", "abc": "neither", "{}": "not a tokenizer.json", "\n\xff": "damaged",
		"{\"model\": 7}": "not a tokenizer.json",
	} {
		if _, err := Parse("x", []byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %q", data, err, want)
		}
	}
}

func TestMergesInBothForms(t *testing.T) {
	const vocab = `"vocab": {"a": 0, "b": 1, "ab": 2, "aba": 3}`
	for _, merges := range []string{
		`["#version: 0.2", "a b", "ab a"]`, `[["a", "b"], ["ab", "a"]]`,
	} {
		tok, err := Parse("x", []byte(`{"model": {"type": "BPE", `+vocab+`, "merges": `+merges+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode(nil, "abab", false); !slices.Equal(got, []int32{2, 2}) {
			t.Errorf("%s: ids %v", merges, got)
		}
	}
}

// Open finds the file in a directory, and the ends of a text in the files beside it.
func TestOpen(t *testing.T) {
	data, err := TrainByteLevelBPE(slices.Values(trainTexts), TrainOptions{
		VocabSize: 262, Special: []string{"<s>", "</s>", "<x>", "<y>"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "holds neither") {
		t.Errorf("an empty directory: %v", err)
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	ends := func() [2]string {
		tok, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		bos, _ := tok.BOS()
		eos, _ := tok.EOS()
		a, _ := tok.Token(bos)
		b, _ := tok.Token(eos)
		if tok.Name() != "tokenizer.json" || len(tok.Digest()) != 64 || string(tok.Bytes()) != string(data) {
			t.Errorf("name %q, digest %q, %d bytes", tok.Name(), tok.Digest(), len(tok.Bytes()))
		}
		return [2]string{a, b}
	}
	write("tokenizer.json", string(data))
	if got := ends(); got != [2]string{"<s>", "</s>"} {
		t.Errorf("ends by their usual names: %q", got)
	}
	write("special_tokens_map.json", `{"bos_token": "<x>", "eos_token": {"content": "<y>"}}`)
	if got := ends(); got != [2]string{"<x>", "<y>"} {
		t.Errorf("ends from special_tokens_map.json: %q", got)
	}
	write("tokenizer_config.json", `{"bos_token": null, "eos_token": "</s>"}`)
	if got := ends(); got != [2]string{"<x>", "</s>"} {
		t.Errorf("ends from tokenizer_config.json: %q", got)
	}
	write("tokenizer_config.json", `{`)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "tokenizer_config.json") {
		t.Errorf("a damaged companion: %v", err)
	}
}

func TestIsSpecial(t *testing.T) {
	tok := smallTokenizers(t)["roberta"]
	for token, want := range map[string]bool{"<|x|>": true, "<l>": true, "<w>": false, "a": false} {
		id, ok := tok.ID(token)
		if !ok || tok.IsSpecial(id) != want {
			t.Errorf("%q is special: %v (known: %v), want %v", token, tok.IsSpecial(id), ok, want)
		}
	}
	if tok.IsSpecial(-1) || tok.IsSpecial(1<<30) {
		t.Error("what is no token is special")
	}
}
