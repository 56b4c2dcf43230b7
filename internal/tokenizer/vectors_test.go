package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"longlora/internal/testdata"
)

// truth is what HF tokenizers 0.23.2 gives for one case.
type truth struct {
	I       int
	IDs     []int32 `json:"ids"`
	IDsSp   []int32 `json:"idsSp"`
	Off     [][2]int
	Dec     string
	DecSkip string
}

func readLines[T any](t *testing.T, path string) []T {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []T
	for d := json.NewDecoder(bufio.NewReader(f)); d.More(); {
		var x T
		if err := d.Decode(&x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

func TestHuggingFaceVectors(t *testing.T) {
	cases := readLines[struct{ S string }](t,
		testdata.Shared(t, "vectors", "hf-tokenizers", "cases.jsonl"))
	if len(cases) != 1938 {
		t.Fatalf("read %d cases, want 1938", len(cases))
	}
	for dir, file := range map[string]string{
		"gpt2": "gpt2", "mistral-7b-v0.1": "mistral_v01", "qwen2_5": "qwen2_5",
	} {
		t.Run(dir, func(t *testing.T) {
			tok, err := Open(testdata.Shared(t, "tokenizers", dir))
			if err != nil {
				t.Fatal(err)
			}
			truths := readLines[truth](t,
				testdata.Shared(t, "vectors", "hf-tokenizers", "truth_"+file+".jsonl"))
			for i, text := range cases {
				if err := compare(tok, text.S, truths[i]); err != nil {
					t.Errorf("case %d %.60q: %v", i, text.S, err)
				}
			}
		})
	}
}

func compare(tok *Tokenizer, text string, want truth) error {
	if got := tok.Encode(nil, text, false); !slices.Equal(got, want.IDs) {
		return fmt.Errorf("ids %v, want %v", got, want.IDs)
	}
	if got := tok.Encode(nil, text, true); !slices.Equal(got, want.IDsSp) {
		return fmt.Errorf("ids with specials %v, want %v", got, want.IDsSp)
	}
	ids, offsets := tok.EncodeOffsets(text, false)
	if !slices.Equal(ids, want.IDs) {
		return fmt.Errorf("ids with offsets %v, want %v", ids, want.IDs)
	}
	if tok.normalize(piece{text: text}).text != text && tok.bpe.bytes {
		offsets = nil // the oracle gives a composed character the range of its first part only
	}
	for i, o := range offsets {
		if got := codePoints(text, o); got != want.Off[i] {
			return fmt.Errorf("offset %d of token %d is %v, want %v", i, ids[i], got, want.Off[i])
		}
	}
	for skip, wantText := range map[bool]string{false: want.Dec, true: want.DecSkip} {
		got, err := tok.Decode(want.IDs, skip)
		if err != nil {
			return err
		}
		if got != wantText {
			return fmt.Errorf("decoded (skip=%v) %q, want %q", skip, got, wantText)
		}
		if err := compareStream(tok, want.IDs, skip, got); err != nil {
			return err
		}
	}
	return nil
}

func compareStream(tok *Tokenizer, ids []int32, skip bool, want string) error {
	var b strings.Builder
	s := tok.NewStream(skip)
	for _, id := range ids {
		part, err := s.Push(id)
		if err != nil {
			return err
		}
		b.WriteString(part)
	}
	rest, err := s.Flush()
	if err != nil {
		return err
	}
	b.WriteString(rest)
	if got := b.String(); got != want {
		return fmt.Errorf("streamed (skip=%v) %q, want %q", skip, got, want)
	}
	return nil
}

// codePoints turns a byte range into the oracle's form.
func codePoints(text string, o Offset) [2]int {
	return [2]int{
		utf8.RuneCountInString(text[:o.Start]), utf8.RuneCountInString(text[:o.End]),
	}
}

func TestLlamaCppVectors(t *testing.T) {
	for dir, name := range map[string]string{"gpt2": "gpt-2", "qwen2_5": "qwen2"} {
		t.Run(name, func(t *testing.T) {
			tok, err := Open(testdata.Shared(t, "tokenizers", dir))
			if err != nil {
				t.Fatal(err)
			}
			base := testdata.Shared(t, "vectors", "llama.cpp-vocab", "ggml-vocab-"+name+".gguf.inp")
			in, err := os.ReadFile(base)
			if err != nil {
				t.Fatal(err)
			}
			out, err := os.ReadFile(strings.TrimSuffix(base, ".inp") + ".out")
			if err != nil {
				t.Fatal(err)
			}
			texts := strings.Split(string(in), "\n__ggml_vocab_test__\n")
			lines := strings.Split(string(out), "\n")
			if len(texts) < 40 {
				t.Fatalf("read %d cases from %s", len(texts), filepath.Base(base))
			}
			for i, text := range texts {
				var got bytes.Buffer
				for _, id := range tok.Encode(nil, text, false) {
					fmt.Fprintf(&got, " %d", id)
				}
				if got.String() != lines[i] {
					t.Errorf("case %d %q: got%s, want%s", i, text, got.String(), lines[i])
				}
			}
		})
	}
}
