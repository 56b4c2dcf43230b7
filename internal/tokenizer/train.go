package tokenizer

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sort"
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
	t := newTrainer(docs)
	if len(t.words) == 0 {
		return nil, errors.New("tokenizer: train: the documents hold no text")
	}
	t.run(o.VocabSize-256-len(o.Special), int64(max(o.MinFrequency, 2)))
	return t.file(o)
}

// trainer holds the distinct words with their counts, and the pairs in them.
type trainer struct {
	tokens []string // by trainer id: first the 256 bytes
	merges [][2]int32
	words  []trainWord
	pairs  map[[2]int32]*trainPair
	queue  pairQueue
}

type trainWord struct {
	ids   []int32
	count int64
}

type trainPair struct {
	pair  [2]int32
	count int64
	words map[int32]struct{} // that may hold it
	index int                // in the queue; -1: not there
}

func newTrainer(docs iter.Seq[string]) *trainer {
	counts := map[string]int64{}
	for doc := range docs {
		doc = replaceInvalid(doc)
		for i := 0; i < len(doc); {
			j := scanLlama3.next(doc, i)
			counts[doc[i:j]]++
			i = j
		}
	}
	texts := make([]string, 0, len(counts))
	for w := range counts {
		texts = append(texts, w)
	}
	sort.Strings(texts)
	t := &trainer{pairs: map[[2]int32]*trainPair{}}
	for b := range 256 {
		t.tokens = append(t.tokens, string([]byte{byte(b)}))
	}
	for _, w := range texts {
		ids := make([]int32, len(w))
		for i := range len(w) {
			ids[i] = int32(w[i])
		}
		t.words = append(t.words, trainWord{ids, counts[w]})
	}
	for i, w := range t.words {
		for k := 0; k+1 < len(w.ids); k++ {
			t.count([2]int32{w.ids[k], w.ids[k+1]}, w.count, int32(i))
		}
	}
	for _, p := range t.pairs {
		p.index = len(t.queue)
		t.queue = append(t.queue, p)
	}
	heap.Init(&t.queue)
	return t
}

// count adds n occurrences of a pair in a word.
func (t *trainer) count(pair [2]int32, n int64, word int32) *trainPair {
	p := t.pairs[pair]
	if p == nil {
		p = &trainPair{pair: pair, words: map[int32]struct{}{}, index: -1}
		t.pairs[pair] = p
	}
	p.count += n
	if n > 0 {
		p.words[word] = struct{}{}
	}
	return p
}

// run merges the most frequent pair, n times or until none occurs often enough.
func (t *trainer) run(n int, least int64) {
	known := map[string]bool{}
	for range n {
		for {
			if len(t.queue) == 0 || t.queue[0].count < least {
				return
			}
			p := heap.Pop(&t.queue).(*trainPair)
			delete(t.pairs, p.pair)
			merged := t.tokens[p.pair[0]] + t.tokens[p.pair[1]]
			if known[merged] {
				continue // another way to the same token: it would get a second id
			}
			known[merged] = true
			t.tokens, t.merges = append(t.tokens, merged), append(t.merges, p.pair)
			t.apply(p)
			break
		}
	}
}

// apply replaces a pair by its new token in every word that holds it.
func (t *trainer) apply(p *trainPair) {
	id := int32(len(t.tokens) - 1)
	changed := map[*trainPair]struct{}{}
	words := make([]int32, 0, len(p.words))
	for w := range p.words {
		words = append(words, w)
	}
	sort.Slice(words, func(i, j int) bool { return words[i] < words[j] })
	for _, w := range words {
		t.mergeWord(w, p.pair, id, changed)
	}
	for c := range changed {
		if c.index < 0 {
			heap.Push(&t.queue, c)
		} else {
			heap.Fix(&t.queue, c.index)
		}
	}
}

// mergeWord takes the word's pairs out of the counts, merges, and puts the new ones in.
func (t *trainer) mergeWord(w int32, pair [2]int32, id int32, changed map[*trainPair]struct{}) {
	word := &t.words[w]
	recount := func(sign int64) {
		for i := 0; i+1 < len(word.ids); i++ {
			if q := [2]int32{word.ids[i], word.ids[i+1]}; q != pair {
				changed[t.count(q, sign*word.count, w)] = struct{}{}
			}
		}
	}
	recount(-1)
	out := word.ids[:0]
	for i := 0; i < len(word.ids); i++ {
		if i+1 < len(word.ids) && word.ids[i] == pair[0] && word.ids[i+1] == pair[1] {
			out = append(out, id)
			i++
			continue
		}
		out = append(out, word.ids[i])
	}
	word.ids = out
	recount(1)
}

// pairQueue is a heap: the most frequent pair first, then the one with the lower ids.
type pairQueue []*trainPair

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	if a.count != b.count {
		return a.count > b.count
	}
	if a.pair[0] != b.pair[0] {
		return a.pair[0] < b.pair[0]
	}
	return a.pair[1] < b.pair[1]
}
func (q pairQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *pairQueue) Push(x any) {
	p := x.(*trainPair)
	p.index = len(*q)
	*q = append(*q, p)
}
func (q *pairQueue) Pop() any {
	old := *q
	p := old[len(old)-1]
	*q, p.index = old[:len(old)-1], -1
	return p
}

// file writes the tokenizer.json. Ids are: special tokens, bytes, merges.
func (t *trainer) file(o TrainOptions) ([]byte, error) {
	var vocab bytes.Buffer
	entry := func(id int, token string) {
		key, _ := json.Marshal(token) // a string always marshals
		if id > 0 {
			vocab.WriteString(",")
		}
		vocab.WriteString(string(key) + ":" + strconv.Itoa(id))
	}
	type added struct {
		ID         int    `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
		Special    bool   `json:"special"`
	}
	specials := []added{}
	for i, s := range o.Special {
		specials = append(specials, added{ID: i, Content: s, Special: true})
		entry(i, s)
	}
	for i, token := range t.tokens {
		entry(len(o.Special)+i, toPrintable(token))
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
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": specials,
		"normalizer": nil,
		"pre_tokenizer": map[string]any{
			"type": "Sequence", "pretokenizers": []any{split, byteLevel},
		},
		"post_processor": bosTemplate(o), "decoder": byteLevel,
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
			"ignore_merges": false, "vocab": json.RawMessage("{" + vocab.String() + "}"),
			"merges": merges,
		},
	})
}

// bosTemplate is the post-processor that puts BOS first; nil without one.
func bosTemplate(o TrainOptions) any {
	if o.BOS == "" {
		return nil
	}
	id := 0
	for i, s := range o.Special {
		if s == o.BOS {
			id = i
		}
	}
	special := map[string]any{"SpecialToken": map[string]any{"id": o.BOS, "type_id": 0}}
	sequence := func(name string, typeID int) any {
		return map[string]any{"Sequence": map[string]any{"id": name, "type_id": typeID}}
	}
	return map[string]any{
		"type": "TemplateProcessing", "single": []any{special, sequence("A", 0)},
		"pair": []any{special, sequence("A", 0), sequence("B", 1)},
		"special_tokens": map[string]any{o.BOS: map[string]any{
			"id": o.BOS, "ids": []int{id}, "tokens": []string{o.BOS},
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
