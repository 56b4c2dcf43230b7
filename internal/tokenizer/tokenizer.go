package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Tokenizer is an immutable vocabulary with its rules. All methods may be called concurrently.
type Tokenizer struct {
	name        string
	data        []byte
	digest      string
	bpe         *bpe
	added       *addedTokens
	normalizers []normalizer
	steps       []step
	printable   bool // the steps hand on bytes as printable characters
	way         way
	direct      bool // parts of the input may be encoded without their stages
	scan        scanner
	marks       marks
	post        template
	decoders    []decoder
	decoded     []string // by id: what the decoders see
	skipped     []bool   // by id: special tokens
	bos, eos    int32    // -1: none
	pool        sync.Pool
}

// Offset is the half-open range of bytes of the input that a token stands for.
type Offset struct{ Start, End int }

// Open reads a tokenizer.json or a SentencePiece .model file, told apart by content, or the
// directory that holds one. BOS and EOS are taken from the tokenizer_config.json or
// special_tokens_map.json beside it if there is one.
func Open(path string) (*Tokenizer, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		found, err := findIn(path)
		if err != nil {
			return nil, err
		}
		path = found
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	return t, t.readCompanions(os.DirFS(filepath.Dir(path)))
}

func findIn(dir string) (string, error) {
	for _, name := range []string{"tokenizer.json", "tokenizer.model"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("tokenizer: %s holds neither tokenizer.json nor tokenizer.model", dir)
}

// OpenFS reads the tokenizer.json at the root of a file system or, if it has none, the
// tokenizer.model.
func OpenFS(fsys fs.FS) (*Tokenizer, error) {
	name := "tokenizer.json"
	data, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		if old, oldErr := fs.ReadFile(fsys, "tokenizer.model"); oldErr == nil {
			name, data, err = "tokenizer.model", old, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := Parse(name, data)
	if err != nil {
		return nil, err
	}
	return t, t.readCompanions(fsys)
}

// Parse reads a tokenizer from memory. The name is for messages.
func Parse(name string, data []byte) (*Tokenizer, error) {
	spec, err := readSpec(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", name, err)
	}
	t, err := build(spec)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", name, err)
	}
	sum := sha256.Sum256(data)
	t.name, t.data, t.digest = filepath.Base(name), data, hex.EncodeToString(sum[:])
	return t, nil
}

// build turns a checked description into a Tokenizer.
func build(s *spec) (*Tokenizer, error) {
	model, err := newBPE(s)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{
		bpe: model, normalizers: s.normalizers, steps: s.steps, post: s.post,
		decoders: s.decoders, bos: -1, eos: -1,
	}
	t.placeBytes(s)
	if t.added, err = newAddedTokens(t, s.added); err != nil {
		return nil, err
	}
	for _, id := range slices.Concat(s.post.before, s.post.after) {
		if int(id) >= len(model.known) || !model.known[id] {
			return nil, fmt.Errorf("post_processor: no token has id %d", id)
		}
	}
	t.setDecoded()
	t.findWay()
	t.direct = t.takesDirect()
	model.indexFirsts()
	if model.bytes && model.complete {
		model.indexWholeCharacters()
	}
	t.guessEnds()
	t.pool.New = func() any { return t.NewEncoder() }
	return t, nil
}

// placeBytes finds out whether words reach the model as bytes or as the characters that stand for
// them: a byte-level step that comes last leaves the characters out.
func (t *Tokenizer) placeBytes(s *spec) {
	if t.printable = s.byteLevel; len(s.steps) == 0 {
		return
	}
	last, ok := s.steps[len(s.steps)-1].(byteLevelStep)
	if ok && !writesBytes(s) {
		last.last = true
		t.steps = append(slices.Clone(s.steps[:len(s.steps)-1]), last)
		t.printable = false
	}
}

// writesBytes reports whether a stage before the last step writes bytes as characters.
func writesBytes(s *spec) bool {
	for _, n := range s.normalizers {
		if _, ok := n.(printableBytes); ok {
			return true
		}
	}
	for _, st := range s.steps[:len(s.steps)-1] {
		if _, ok := st.(byteLevelStep); ok {
			return true
		}
	}
	return false
}

// setDecoded tabulates what the decoders see of each token: of an added token that is matched in
// normalized text, that text.
func (t *Tokenizer) setDecoded() {
	t.decoded, t.skipped = slices.Clone(t.bpe.tokens), make([]bool, len(t.bpe.tokens))
	for id, text := range t.added.decoded {
		t.decoded[id] = text
	}
	for id, text := range t.decoded {
		t.skipped[id] = t.bpe.known[id] && t.added.special[text]
	}
}

// guessEnds finds BOS and EOS by their usual names; a companion file overrules it.
func (t *Tokenizer) guessEnds() {
	find := func(names ...string) int32 {
		for _, n := range names {
			if id, ok := t.ID(n); ok {
				return id
			}
		}
		return -1
	}
	t.bos = find("<s>", "<|begin_of_text|>", "<bos>", "<|begin|>")
	t.eos = find("</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>", "<|end|>")
}

// Name returns the base name of the file that the tokenizer was read from.
func (t *Tokenizer) Name() string { return t.name }

// Digest returns the lower-case hex SHA-256 of that file.
func (t *Tokenizer) Digest() string { return t.digest }

// Bytes returns the file's content, which must not be changed.
func (t *Tokenizer) Bytes() []byte { return t.data }

// VocabSize returns one more than the greatest id, added tokens included.
func (t *Tokenizer) VocabSize() int { return len(t.bpe.tokens) }

// Token returns an id's token as the file writes it.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(t.bpe.tokens) || !t.bpe.known[id] {
		return "", false
	}
	return t.bpe.tokens[id], true
}

// ID returns the id of a token as the file writes it.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	id, ok := t.bpe.ids[token]
	return id, ok
}

// BOS returns the id of the beginning-of-sequence token, if the tokenizer has one.
func (t *Tokenizer) BOS() (int32, bool) { return t.bos, t.bos >= 0 }

// EOS returns the id of the end-of-sequence token, if the tokenizer has one.
func (t *Tokenizer) EOS() (int32, bool) { return t.eos, t.eos >= 0 }

// Encode appends the ids of text to dst. With special, the tokens that the file's post-processor
// adds (BOS, say) are added too. Bytes that are not UTF-8 are read as Python's errors="replace"
// reads them.
func (t *Tokenizer) Encode(dst []int32, text string, special bool) []int32 {
	e := t.pool.Get().(*Encoder)
	defer t.pool.Put(e)
	return e.Encode(dst, text, special)
}

// EncodeOffsets returns the ids of text as Encode does and, for each, the bytes of text that it
// stands for, whole characters always. Tokens that the post-processor adds have empty offsets.
func (t *Tokenizer) EncodeOffsets(text string, special bool) ([]int32, []Offset) {
	e := t.pool.Get().(*Encoder)
	defer t.pool.Put(e)
	return e.EncodeOffsets(text, special)
}
