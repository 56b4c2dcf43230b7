package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
)

// TrainOptions describes a byte-level BPE to train.
type TrainOptions struct {
	// VocabSize is the number of ids, special tokens and the 256 bytes included.
	VocabSize int
	// Special lists special tokens; they get the first ids.
	Special []string
	// BOS, one of Special, is put before every sequence that is encoded with specials; empty: none.
	BOS string
	// MinFrequency is the least number of times that a pair must occur to be merged; 0 means 2.
	MinFrequency int
}

// Validate reports every problem at once.
func (o TrainOptions) Validate() error {
	var errs []error
	if least := 256 + len(o.Special); o.VocabSize < least {
		errs = append(errs, fmt.Errorf("vocabulary size %d is below %d: 256 bytes and %d special tokens",
			o.VocabSize, least, len(o.Special)))
	}
	seen := map[string]bool{}
	for _, s := range o.Special {
		if s == "" || seen[s] {
			errs = append(errs, fmt.Errorf("special token %q is empty or given twice", s))
		}
		seen[s] = true
	}
	if o.BOS != "" && !seen[o.BOS] {
		errs = append(errs, fmt.Errorf("BOS %q is not among the special tokens", o.BOS))
	}
	if o.MinFrequency < 0 {
		errs = append(errs, fmt.Errorf("minimum frequency %d is negative", o.MinFrequency))
	}
	return errors.Join(errs...)
}

// TrainByteLevelBPE learns merges from docs, cut into words by the pattern of LLaMA-3, and returns a
// tokenizer.json. The result depends only on the counts of the words: of pairs that are equally
// frequent, the one with the lower ids is merged first.
func TrainByteLevelBPE(docs iter.Seq[string], o TrainOptions) ([]byte, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("tokenizer: train: %w", err)
	}
	t, counts := newByteLearner(), countWords(docs)
	if len(counts) == 0 {
		return nil, errNoText
	}
	t.learn(counts, byteSymbols, o.VocabSize-len(o.Special), leastFrequency(o.MinFrequency))
	return t.file(o)
}

var errNoText = errors.New("tokenizer: train: the documents hold no text")

// leastFrequency is the least number of times that a pair must occur, as options give it.
func leastFrequency(n int) int64 {
	if n == 0 {
		return 2
	}
	return int64(n)
}

// countWords counts the words of documents as the pattern of LLaMA-3 cuts them.
func countWords(docs iter.Seq[string]) map[string]int64 {
	counts := map[string]int64{}
	for doc := range docs {
		doc = replaceInvalid(doc)
		for i := 0; i < len(doc); {
			j := scanLlama3.next(doc, i)
			counts[doc[i:j]]++
			i = j
		}
	}
	return counts
}

// newByteLearner returns a learner whose first tokens are the 256 bytes.
func newByteLearner() *learner {
	t := &learner{}
	for b := range 256 {
		t.tokens = append(t.tokens, string([]byte{byte(b)}))
	}
	return t
}

// byteSymbols appends the bytes of a word.
func byteSymbols(ids []int32, word string) []int32 {
	for i := range len(word) {
		ids = append(ids, int32(word[i]))
	}
	return ids
}

// file writes the tokenizer.json. Ids are: special tokens, bytes, merges.
func (t *learner) file(o TrainOptions) ([]byte, error) {
	vocab := make([]string, 0, len(o.Special)+len(t.tokens))
	vocab = append(vocab, o.Special...)
	for _, token := range t.tokens {
		vocab = append(vocab, toPrintable(token))
	}
	merges := make([][2]string, len(t.merges))
	for i, m := range t.merges {
		merges[i] = [2]string{toPrintable(t.tokens[m[0]]), toPrintable(t.tokens[m[1]])}
	}
	byteLevel := map[string]any{
		"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
	}
	split := map[string]any{
		"type": "Split", "pattern": map[string]string{"Regex": patternLlama3},
		"behavior": "Isolated", "invert": false,
	}
	return marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil,
		"added_tokens": addedEntries(0, o.Special, true),
		"normalizer":   nil,
		"pre_tokenizer": map[string]any{
			"type": "Sequence", "pretokenizers": []any{split, byteLevel},
		},
		"post_processor": bosTemplate(o.BOS, slices.Index(o.Special, o.BOS)), "decoder": byteLevel,
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
			"ignore_merges": false, "vocab": vocabJSON(vocab),
			"merges": merges,
		},
	})
}

// addedEntry is an element of added_tokens.
type addedEntry struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// addedEntries lists added tokens with ids from first on.
func addedEntries(first int, tokens []string, special bool) []addedEntry {
	entries := []addedEntry{}
	for i, s := range tokens {
		entries = append(entries, addedEntry{ID: first + i, Content: s, Special: special})
	}
	return entries
}

// vocabJSON writes tokens with their places as an object, in their order.
func vocabJSON(tokens []string) json.RawMessage {
	b := []byte{'{'}
	for id, token := range tokens {
		if id > 0 {
			b = append(b, ',')
		}
		key, _ := json.Marshal(token) // a string always marshals
		b = strconv.AppendInt(append(append(b, key...), ':'), int64(id), 10)
	}
	return append(b, '}')
}

// bosTemplate is the post-processor that puts BOS first; nil without one.
func bosTemplate(bos string, id int) any {
	if bos == "" {
		return nil
	}
	special := map[string]any{"SpecialToken": map[string]any{"id": bos, "type_id": 0}}
	sequence := func(name string, typeID int) any {
		return map[string]any{"Sequence": map[string]any{"id": name, "type_id": typeID}}
	}
	return map[string]any{
		"type": "TemplateProcessing", "single": []any{special, sequence("A", 0)},
		"pair": []any{special, sequence("A", 0), sequence("B", 1)},
		"special_tokens": map[string]any{bos: map[string]any{
			"id": bos, "ids": []int{id}, "tokens": []string{bos},
		}},
	}
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("tokenizer: train: %w", err)
	}
	return b.Bytes(), nil
}
