package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Tokenizer is an immutable vocabulary with its rules. All methods may be called concurrently.
type Tokenizer struct {
	name      string
	data      []byte
	digest    string
	bpe       *bpe
	added     *addedTokens
	normalize normalizers
	split     splitter
	prepend   prependScheme
	post      template
	decoders  []decodeStep
	bos, eos  int32 // -1: none
	pool      sync.Pool
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

// OpenFS reads the tokenizer.json at the root of a file system.
func OpenFS(fsys fs.FS) (*Tokenizer, error) {
	data, err := fs.ReadFile(fsys, "tokenizer.json")
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := Parse("tokenizer.json", data)
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
		bpe: model, normalize: s.normalizers, split: s.split, prepend: s.prepend,
		post: s.post, decoders: s.decoders, bos: -1, eos: -1,
	}
	if t.added, err = newAddedTokens(s.added, s.normalizers); err != nil {
		return nil, err
	}
	for _, a := range s.added {
		if err := model.addToken(a.ID, a.Content); err != nil {
			return nil, err
		}
	}
	if t.split.kind == splitSpaces && model.spaceInside() {
		t.split.kind = splitNone // a piece crosses the cut: the whole text is one word
	}
	t.guessEnds()
	t.pool.New = func() any { return t.NewEncoder() }
	return t, nil
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
	return t.bpe.written(id), true
}

// ID returns the id of a token as the file writes it.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	return t.bpe.id(token)
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

// errNoToken reports an id that the vocabulary does not have.
var errNoToken = errors.New("outside the vocabulary")
