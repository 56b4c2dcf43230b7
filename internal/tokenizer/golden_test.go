package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// readGolden reads a file that scripts/oracle/tokenizer.py wrote.
func readGolden(name string, into any) error {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// textCase is what an oracle gives for a text: its ids; their text, if not that; and that without
// special tokens, if it differs.
type textCase struct {
	IDs              []int32
	Decoded, Skipped *string
}

func (c *textCase) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&c.IDs, &c.Decoded, &c.Skipped})
}

// goldenFamilies is families.json: texts, base files, and families that differ from them.
type goldenFamilies struct {
	Texts    []string
	Bases    map[string]map[string]any
	Families []struct {
		Name, Base    string
		Parts         map[string]any
		Before, After []int32 // what goes around a text
		Cases         []textCase
	}
}

func readGoldenFamilies() (g goldenFamilies, err error) {
	err = readGolden("families.json", &g)
	return g, err
}

func TestFamilies(t *testing.T) {
	golden, err := readGoldenFamilies()
	if err != nil {
		t.Fatal(err)
	}
	if len(golden.Families) < 58 {
		t.Fatalf("%d families, want 58 at least", len(golden.Families))
	}
	for _, f := range golden.Families {
		t.Run(f.Name, func(t *testing.T) {
			tok, err := assemble(golden.Bases[f.Base], f.Parts)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range f.Cases {
				if err := checkCase(tok, golden.Texts[i], c, f.Before, f.After); err != nil {
					t.Errorf("%q: %v", golden.Texts[i], err)
				}
			}
		})
	}
}

// assemble reads a tokenizer.json that differs from a base in some parts, of the model in some fields.
func assemble(base, parts map[string]any) (*Tokenizer, error) {
	file := maps.Clone(base)
	model := maps.Clone(base["model"].(map[string]any))
	maps.Copy(file, parts)
	if changed, ok := parts["model"].(map[string]any); ok {
		maps.Copy(model, changed)
	}
	file["model"] = model
	data, err := json.Marshal(file)
	if err != nil {
		return nil, err
	}
	return Parse("family", data)
}

func checkCase(tok *Tokenizer, text string, c textCase, before, after []int32) error {
	if got := tok.Encode(nil, text, false); !slices.Equal(got, c.IDs) {
		return fmt.Errorf("ids %v, want %v", got, c.IDs)
	}
	want := slices.Concat(before, c.IDs, after)
	if got := tok.Encode(nil, text, true); !slices.Equal(got, want) {
		return fmt.Errorf("ids with specials %v, want %v", got, want)
	}
	if got, _ := tok.EncodeOffsets(text, false); !slices.Equal(got, c.IDs) {
		return fmt.Errorf("ids with offsets %v, want %v", got, c.IDs)
	}
	decoded := text
	if c.Decoded != nil {
		decoded = *c.Decoded
	}
	skipped := decoded
	if c.Skipped != nil {
		skipped = *c.Skipped
	}
	if err := checkDecoded(tok, c.IDs, false, decoded); err != nil {
		return err
	}
	return checkDecoded(tok, c.IDs, true, skipped)
}

// checkDecoded checks the text of ids, decoded at once and one at a time.
func checkDecoded(tok *Tokenizer, ids []int32, skip bool, want string) error {
	got, err := tok.Decode(ids, skip)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("decoded (skip=%v) %q, want %q", skip, got, want)
	}
	return compareStream(tok, ids, skip, want)
}

func TestSentencePiece(t *testing.T) {
	var golden struct {
		Texts  []string
		Models []struct {
			Name  string
			File  []byte
			Cases [][]json.RawMessage
		}
	}
	if err := readGolden("sentencepiece.json", &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Models) < 7 {
		t.Fatalf("%d models, want 7 at least", len(golden.Models))
	}
	for _, m := range golden.Models {
		t.Run(m.Name, func(t *testing.T) {
			tok, err := Parse("model", m.File)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range m.Cases {
				checkPiece(t, tok, golden.Texts, c)
			}
		})
	}
}

// checkPiece checks a case: the text's number, its ids, and their text unless one is unknown.
func checkPiece(t *testing.T, tok *Tokenizer, texts []string, c []json.RawMessage) {
	t.Helper()
	var i int
	var want []int32
	var decoded *string
	for k, into := range []any{&i, &want, &decoded} {
		if err := json.Unmarshal(c[k], into); err != nil {
			t.Fatal(err)
		}
	}
	if got := tok.Encode(nil, texts[i], false); !slices.Equal(got, want) {
		t.Errorf("%q: ids %v, want %v", texts[i], got, want)
	}
	if got, _ := tok.EncodeOffsets(texts[i], false); !slices.Equal(got, want) {
		t.Errorf("%q: ids with offsets %v, want %v", texts[i], got, want)
	}
	if decoded == nil {
		return
	}
	if err := checkDecoded(tok, want, false, *decoded); err != nil {
		t.Errorf("%q: %v", texts[i], err)
	}
}
