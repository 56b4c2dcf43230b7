package tokenizer

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
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
	t := newTrainer(docs)
	if len(t.words) == 0 {
		return nil, errors.New("tokenizer: train: the documents hold no text")
	}
	least := int64(o.MinFrequency)
	if least == 0 {
		least = 2
	}
	t.run(o.VocabSize-len(o.Special), least)
	return t.file(o)
}

// trainer holds the distinct words with their counts, and the pairs in them.
type trainer struct {
	tokens []string            // by trainer id: first the 256 bytes
	known  map[string]struct{} // the tokens
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
	count int64
	words map[int32]struct{} // that may hold it
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
	t := &trainer{known: map[string]struct{}{}, pairs: map[[2]int32]*trainPair{}}
	for b := range 256 {
		t.tokens = append(t.tokens, string([]byte{byte(b)}))
	}
	for _, w := range slices.Sorted(maps.Keys(counts)) {
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
	for pair, p := range t.pairs {
		heap.Push(&t.queue, queuedPair{pair, p.count})
	}
	return t
}

// count adds n occurrences of a pair in a word.
func (t *trainer) count(pair [2]int32, n int64, word int32) {
	p := t.pairs[pair]
	if p == nil {
		p = &trainPair{words: map[int32]struct{}{}}
		t.pairs[pair] = p
	}
	p.count += n
	if n > 0 {
		p.words[word] = struct{}{}
	}
}

// run merges the most frequent pair until there are size tokens or none occurs often enough. Of several
// pairs that make the same token only the first is merged: every token is made in one way.
func (t *trainer) run(size int, least int64) {
	for len(t.tokens) < size && len(t.queue) > 0 {
		q := heap.Pop(&t.queue).(queuedPair)
		p := t.pairs[q.pair]
		if p == nil || p.count < least {
			continue // merged already, or too rare by now
		}
		if p.count != q.count {
			heap.Push(&t.queue, queuedPair{q.pair, p.count})
			continue
		}
		token := t.tokens[q.pair[0]] + t.tokens[q.pair[1]]
		if _, made := t.known[token]; made {
			continue
		}
		t.known[token] = struct{}{}
		t.tokens, t.merges = append(t.tokens, token), append(t.merges, q.pair)
		t.apply(q.pair, p)
	}
}

// apply replaces a pair by the last token in every word that holds it, and queues the pairs that the
// token is now part of.
func (t *trainer) apply(pair [2]int32, p *trainPair) {
	delete(t.pairs, pair)
	id := int32(len(t.tokens) - 1)
	gained := map[[2]int32]struct{}{}
	for w := range p.words {
		t.mergeWord(w, pair, id, gained)
	}
	for g := range gained {
		heap.Push(&t.queue, queuedPair{g, t.pairs[g].count})
	}
}

// mergeWord takes the word's pairs out of the counts, merges, and puts the new ones in.
func (t *trainer) mergeWord(w int32, pair [2]int32, id int32, gained map[[2]int32]struct{}) {
	word := &t.words[w]
	if !word.holds(pair) {
		return
	}
	recount := func(sign int64) {
		for i := 0; i+1 < len(word.ids); i++ {
			q := [2]int32{word.ids[i], word.ids[i+1]}
			if q == pair {
				continue
			}
			t.count(q, sign*word.count, w)
			if sign > 0 && (q[0] == id || q[1] == id) {
				gained[q] = struct{}{}
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

func (w *trainWord) holds(pair [2]int32) bool {
	for i := 0; i+1 < len(w.ids); i++ {
		if w.ids[i] == pair[0] && w.ids[i+1] == pair[1] {
			return true
		}
	}
	return false
}

// queuedPair is a pair with its count when it was queued. Counts only fall once a pair's tokens are
// both made: that one has fallen shows when it comes up.
type queuedPair struct {
	pair  [2]int32
	count int64
}

// pairQueue is a heap: the most frequent pair first, then the one with the lower ids.
type pairQueue []queuedPair

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	if a.count != b.count {
		return a.count > b.count
	}
	return slices.Compare(a.pair[:], b.pair[:]) < 0
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *pairQueue) Push(x any)   { *q = append(*q, x.(queuedPair)) }
func (q *pairQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
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
