package tokenizer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// small is a tokenizer of a few merges, and its file.
func small(t testing.TB) (*Tokenizer, []byte) {
	t.Helper()
	data, err := TrainByteLevelBPE(slices.Values(trainTexts), TrainOptions{
		VocabSize: 320, MinFrequency: 1, Special: []string{"<|begin|>", "<|end|>"}, BOS: "<|begin|>"})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse("small", data)
	if err != nil {
		t.Fatal(err)
	}
	return tok, data
}

// FuzzParse: no file makes the reader panic, and what it takes encodes and decodes any text.
func FuzzParse(f *testing.F) {
	_, data := small(f)
	f.Add(data, "the cat\n")
	f.Add(bytes.Replace(data, []byte(`"ByteLevel"`), []byte(`"Metaspace"`), 1), "a")
	for _, text := range []string{
		`{}`, `null`, `{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}`,
		`{"model": {"type": "BPE", "vocab": {"a": 4000000000}, "merges": []}}`,
		`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a"]]}}`,
		`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}`,
		`{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
		{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
		"decoder": {"type": "ByteFallback"}, "added_tokens": [],
		"model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "vocab":
		{"<unk>": 0, "▁": 1, "a": 2, "▁a": 3, "<0x0A>": 4}, "merges": ["▁ a"]}}`,
	} {
		f.Add([]byte(text), " a\na\xff")
	}
	for _, data := range goldenFiles(f) {
		f.Add(data, "The fox's  été <l> 狐\n\n12 ▁x")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		ids := tok.Encode(nil, text, true)
		if slow, _ := tok.EncodeOffsets(text, true); !slices.Equal(ids, slow) {
			t.Fatalf("%q gives ids %v, through the stages %v", text, ids, slow)
		}
		for _, id := range ids {
			if _, ok := tok.Token(id); !ok {
				t.Fatalf("%q gives id %d, which is no token", text, id)
			}
		}
		if _, err := tok.Decode(ids, false); err != nil {
			t.Fatalf("%q gives ids %v, which cannot be decoded: %v", text, ids, err)
		}
	})
}

// goldenFiles returns the tokenizer files that the golden files hold.
func goldenFiles(f *testing.F) [][]byte {
	f.Helper()
	all, err := readFamilies()
	if err != nil {
		f.Fatal(err)
	}
	var files [][]byte
	for _, tok := range all {
		files = append(files, tok.Bytes())
	}
	var pieces struct{ Models []struct{ File []byte } }
	if err := readGolden("sentencepiece.json", &pieces); err != nil {
		f.Fatal(err)
	}
	for _, m := range pieces.Models {
		files = append(files, m.File)
	}
	return files
}

// FuzzMerge compares words, short and long ones, with merging by the book: of all pairs that there
// are the one learned first, at its leftmost place, again and again.
func FuzzMerge(f *testing.F) {
	tok, data := small(f)
	var file struct {
		Model struct {
			Vocab  map[string]int32
			Merges [][2]string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		f.Fatal(err)
	}
	if len(file.Model.Merges) < 30 {
		f.Fatalf("only %d merges", len(file.Model.Merges))
	}
	for _, text := range trainTexts {
		f.Add(text)
		f.Add(strings.Repeat(text, 3)) // longer than maxScanned
	}
	f.Add("aaaaaaaaaaa thethethe\x00\xff\xfe")
	f.Fuzz(func(t *testing.T, word string) {
		word = word[:min(len(word), 300)]
		parts := strings.Split(toPrintable(word), "")
		for merged := true; merged; {
			merged = false
			for _, pair := range file.Model.Merges {
				i := indexPair(parts, pair)
				if merged = i >= 0; merged {
					parts = slices.Replace(parts, i, i+2, pair[0]+pair[1])
					break
				}
			}
		}
		var want []int32
		for _, p := range parts {
			want = append(want, file.Model.Vocab[p])
		}
		if tok.printable {
			word = toPrintable(word)
		}
		if got := new(merger).merge(nil, tok.bpe, word); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", word, got, want)
		}
	})
}

func indexPair(parts []string, pair [2]string) int {
	for i := 0; i+1 < len(parts); i++ {
		if parts[i] == pair[0] && parts[i+1] == pair[1] {
			return i
		}
	}
	return -1
}
