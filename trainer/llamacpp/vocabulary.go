package llamacpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"longlora/trainer/gguf"
	"longlora/trainer/hf"
)

// The tokenizer's keys.
const (
	modelKey       = "tokenizer.ggml.model"
	preKey         = "tokenizer.ggml.pre"
	tokensKey      = "tokenizer.ggml.tokens"
	scoresKey      = "tokenizer.ggml.scores"
	typesKey       = "tokenizer.ggml.token_type"
	mergesKey      = "tokenizer.ggml.merges"
	bosKey         = "tokenizer.ggml.bos_token_id"
	eosKey         = "tokenizer.ggml.eos_token_id"
	unknownKey     = "tokenizer.ggml.unknown_token_id"
	addBOSKey      = "tokenizer.ggml.add_bos_token"
	addEOSKey      = "tokenizer.ggml.add_eos_token"
	spacePrefixKey = "tokenizer.ggml.add_space_prefix"
	chatKey        = "tokenizer.chat_template"
)

// The values of modelKey.
const (
	byteLevel     = "gpt2"
	sentencePiece = "llama"
	noVocabulary  = "no_vocab"
)

// The numbers of the types of tokens.
const (
	typeNormal int32 = iota + 1
	typeUnknown
	typeControl
	typeUser
	typeUnused
	typeByte
)

// patterns are the splitters that llama.cpp knows by a name, with the name for vocabularies that
// take whole words before any merge and for those that do not; "" if there is none.
var patterns = []struct{ regex, ignoring, merging string }{
	{gpt2Pattern, "", "gpt-2"},
	{llama3Pattern, "llama-bpe", "smaug-bpe"},
	{qwen2Pattern, "", "qwen2"},
}

// The regular expressions of the splitters.
const (
	gpt2Pattern   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// tokenizerFile is a tokenizer.json.
type tokenizerFile struct {
	Version       string        `json:"version"`
	Added         []addedToken  `json:"added_tokens"`
	Normalizer    *stage        `json:"normalizer"`
	PreTokenizer  *stage        `json:"pre_tokenizer"`
	PostProcessor *stage        `json:"post_processor"`
	Decoder       *stage        `json:"decoder"`
	Model         tokenizerBPEs `json:"model"`
}

type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type tokenizerBPEs struct {
	Type         string         `json:"type"`
	Unknown      *string        `json:"unk_token"`
	FuseUnknown  bool           `json:"fuse_unk"`
	ByteFallback bool           `json:"byte_fallback"`
	IgnoreMerges bool           `json:"ignore_merges"`
	Vocab        map[string]int `json:"vocab"`
	Merges       []merge        `json:"merges"`
}

// merge is a pair, written as two strings or as one with a space.
type merge [2]string

// UnmarshalJSON implements json.Unmarshaler.
func (m *merge) UnmarshalJSON(data []byte) error {
	var pair []string
	if json.Unmarshal(data, &pair) == nil && len(pair) == 2 {
		*m = merge{pair[0], pair[1]}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	left, right, ok := strings.Cut(text, " ")
	if !ok {
		return fmt.Errorf("merge %q has no space", text)
	}
	*m = merge{left, right}
	return nil
}

// stage is a normalizer, pre-tokenizer, post-processor or decoder: the fields that matter here.
type stage struct {
	Type           string   `json:"type"`
	Normalizers    []stage  `json:"normalizers,omitempty"`
	PreTokenizers  []stage  `json:"pretokenizers,omitempty"`
	Processors     []stage  `json:"processors,omitempty"`
	Decoders       []stage  `json:"decoders,omitempty"`
	Prepend        string   `json:"prepend,omitempty"`
	Pattern        *pattern `json:"pattern,omitempty"`
	Content        string   `json:"content,omitempty"`
	Replacement    string   `json:"replacement,omitempty"`
	PrependScheme  string   `json:"prepend_scheme,omitempty"`
	Behavior       string   `json:"behavior,omitempty"`
	Invert         *bool    `json:"invert,omitempty"`
	AddPrefixSpace *bool    `json:"add_prefix_space,omitempty"`
	TrimOffsets    *bool    `json:"trim_offsets,omitempty"`
	UseRegex       *bool    `json:"use_regex,omitempty"`
	Start          *int     `json:"start,omitempty"`
	Stop           *int     `json:"stop,omitempty"`
	Single         []piece  `json:"single,omitempty"`
	Pair           []piece  `json:"pair,omitempty"`
	// Special is kept as it is.
	Special json.RawMessage `json:"special_tokens,omitempty"`
}

type pattern struct {
	String string `json:"String,omitempty"`
	Regex  string `json:"Regex,omitempty"`
}

// piece is a part of a post-processor's template.
type piece struct {
	SpecialToken *named `json:"SpecialToken,omitempty"`
	Sequence     *named `json:"Sequence,omitempty"`
}

type named struct {
	ID   string `json:"id"`
	Type int    `json:"type_id"`
}

// flat lists a stage's parts, or itself.
func (s *stage) flat() []stage {
	if s == nil {
		return nil
	}
	if s.Type == "Sequence" {
		return slices.Concat(s.Normalizers, s.PreTokenizers, s.Processors, s.Decoders)
	}
	return []stage{*s}
}

// describeTokenizer returns the keys of the tokenizer in a model's folder. vocab is the model's
// number of tokens: ids that the tokenizer lacks are named as unused.
func describeTokenizer(fsys fs.FS, c hf.Config) ([]gguf.Pair, error) {
	data, err := fs.ReadFile(fsys, "tokenizer.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no tokenizer.json; export without a tokenizer (--tokenizer " +
			"none), or convert it with transformers")
	}
	if err != nil {
		return nil, err
	}
	var t tokenizerFile
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	pairs, err := t.describe(c.Model.Vocab)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w; --tokenizer none exports the model without it", err)
	}
	ends, err := t.ends(c)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	pairs = append(pairs, ends...)
	chat, err := hf.ChatTemplate(fsys)
	if err != nil {
		return nil, err
	}
	if chat != "" {
		pairs = append(pairs, gguf.Pair{Key: chatKey, Value: chat})
	}
	return pairs, nil
}

func (t *tokenizerFile) describe(vocab int) ([]gguf.Pair, error) {
	if t.Model.Type != "BPE" && t.Model.Type != "" {
		return nil, fmt.Errorf("its model is %q; llama.cpp's LLaMA reads BPE", t.Model.Type)
	}
	tokens, types, err := t.tokens(vocab)
	if err != nil {
		return nil, err
	}
	pairs := []gguf.Pair{{Key: tokensKey, Value: tokens}, {Key: typesKey, Value: types}}
	for _, s := range t.PreTokenizer.flat() {
		if s.Type == "ByteLevel" {
			return t.describeBytes(pairs)
		}
	}
	return t.describePieces(pairs, tokens)
}

// tokens lists the tokens with their types.
func (t *tokenizerFile) tokens(vocab int) ([]string, []int32, error) {
	tokens, types := make([]string, vocab), make([]int32, vocab)
	for i := range vocab {
		tokens[i], types[i] = fmt.Sprintf("[PAD%d]", i), typeUnused
	}
	put := func(id int, token string, kind int32) error {
		if id < 0 || id >= vocab {
			return fmt.Errorf("token %q has id %d, the model's vocabulary is %d", token, id, vocab)
		}
		tokens[id], types[id] = token, kind
		return nil
	}
	for token, id := range t.Model.Vocab {
		kind := typeNormal
		if t.Model.ByteFallback && isByte(token) {
			kind = typeByte
		}
		if t.Model.Unknown != nil && token == *t.Model.Unknown {
			kind = typeUnknown
		}
		if err := put(id, token, kind); err != nil {
			return nil, nil, err
		}
	}
	for _, a := range t.Added {
		kind := typeUser
		switch {
		case t.Model.Unknown != nil && a.Content == *t.Model.Unknown:
			kind = typeUnknown
		case a.Special:
			kind = typeControl
		}
		if err := put(a.ID, a.Content, kind); err != nil {
			return nil, nil, err
		}
	}
	return tokens, types, nil
}

func isByte(token string) bool {
	return len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>'
}

// describeBytes adds the keys of a byte-level BPE.
func (t *tokenizerFile) describeBytes(pairs []gguf.Pair) ([]gguf.Pair, error) {
	pre, err := t.splitter()
	if err != nil {
		return nil, err
	}
	var merges []string
	for _, m := range t.Model.Merges {
		merges = append(merges, m[0]+" "+m[1])
	}
	return append(pairs, gguf.Pair{Key: modelKey, Value: byteLevel},
		gguf.Pair{Key: preKey, Value: pre}, gguf.Pair{Key: mergesKey, Value: merges}), nil
}

// splitter returns llama.cpp's name of how texts are cut into words.
func (t *tokenizerFile) splitter() (string, error) {
	for _, s := range t.Normalizer.flat() {
		if s.Type != "NFC" { // llama.cpp has no normal forms: Qwen's is left out by its converter too
			return "", fmt.Errorf("normalizer %s has no counterpart in llama.cpp", s.Type)
		}
	}
	regex := ""
	for _, s := range t.PreTokenizer.flat() {
		switch {
		case s.Type == "Split" && s.Pattern != nil && regex == "":
			regex = s.Pattern.Regex
		case s.Type == "ByteLevel" && regex == "" && (s.UseRegex == nil || *s.UseRegex):
			regex = gpt2Pattern
		case s.Type != "ByteLevel":
			return "", fmt.Errorf("pre-tokenizer %s has no counterpart in llama.cpp", s.Type)
		}
		if s.AddPrefixSpace != nil && *s.AddPrefixSpace {
			return "", errors.New("add_prefix_space has no counterpart in llama.cpp")
		}
	}
	for _, p := range patterns {
		name := p.merging
		if t.Model.IgnoreMerges {
			name = p.ignoring
		}
		if p.regex == regex && name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("llama.cpp has no name for its splitter %.60q (ignore_merges %v)", regex,
		t.Model.IgnoreMerges)
}

// describePieces adds the keys of a SentencePiece vocabulary: llama.cpp merges what gives the piece
// of the highest score. Merges become scores, which says the same if they are those of such a
// vocabulary: every two pieces that make a piece are a merge.
func (t *tokenizerFile) describePieces(pairs []gguf.Pair, tokens []string) ([]gguf.Pair, error) {
	prefix, err := t.spacePrefix()
	if err != nil {
		return nil, err
	}
	ranks := map[merge]int{}
	scores := make([]float32, len(tokens))
	for i, m := range t.Model.Merges {
		ranks[m] = i
		id, ok := t.Model.Vocab[m[0]+m[1]]
		if !ok {
			return nil, fmt.Errorf("merge %q makes no token", m)
		}
		if scores[id] == 0 {
			scores[id] = -float32(i + 1)
		}
	}
	for token := range t.Model.Vocab {
		for _, m := range splits(token, t.Model.Vocab) {
			if _, ok := ranks[m]; !ok && !isByte(token) {
				return nil, fmt.Errorf("%q and %q are tokens and together a token, but no merge: llama.cpp "+
					"would merge them", m[0], m[1])
			}
		}
	}
	return append(pairs, gguf.Pair{Key: modelKey, Value: sentencePiece},
		gguf.Pair{Key: preKey, Value: "default"}, gguf.Pair{Key: scoresKey, Value: scores},
		gguf.Pair{Key: spacePrefixKey, Value: prefix}), nil
}

// splits returns the ways to make a token of two others.
func splits(token string, vocab map[string]int) []merge {
	var all []merge
	for i := range token {
		if i == 0 {
			continue
		}
		_, left := vocab[token[:i]]
		_, right := vocab[token[i:]]
		if left && right {
			all = append(all, merge{token[:i], token[i:]})
		}
	}
	return all
}

// spacePrefix reports whether a space is put before texts; other normal forms than that and the
// sign for spaces are refused.
func (t *tokenizerFile) spacePrefix() (bool, error) {
	if !t.Model.ByteFallback {
		return false, errors.New("it is neither byte-level nor has it a token for each byte")
	}
	prefix := false
	for _, s := range append(t.Normalizer.flat(), t.PreTokenizer.flat()...) {
		switch {
		case s.Type == "Prepend" && s.Prepend == space:
			prefix = true
		case s.Type == "Metaspace" && s.Replacement == space:
			prefix = s.PrependScheme != "never"
		case s.Type == "Replace" && s.Pattern != nil && s.Pattern.String == " " && s.Content == space:
		default:
			return false, fmt.Errorf("stage %s has no counterpart in llama.cpp", s.Type)
		}
	}
	return prefix, nil
}

// space is SentencePiece's sign for a space.
const space = "\u2581"

// ends returns the keys of the tokens that begin and end texts.
func (t *tokenizerFile) ends(c hf.Config) ([]gguf.Pair, error) {
	var pairs []gguf.Pair
	ids := map[string]int{}
	for _, a := range t.Added {
		ids[a.Content] = a.ID
	}
	bos, eos := c.BOS, -1
	if len(c.EOS) > 0 {
		eos = c.EOS[0]
	}
	addBOS, addEOS := false, false
	for _, s := range t.PostProcessor.flat() {
		if s.Type != "TemplateProcessing" {
			continue
		}
		before := true
		for _, p := range s.Single {
			switch {
			case p.SpecialToken == nil:
				before = false
			case before:
				addBOS, bos = true, ids[p.SpecialToken.ID]
			default:
				addEOS, eos = true, ids[p.SpecialToken.ID]
			}
		}
	}
	for _, end := range []struct {
		key string
		id  int
	}{{bosKey, bos}, {eosKey, eos}} {
		if end.id >= c.Model.Vocab {
			return nil, fmt.Errorf("%s is %d, the model's vocabulary is %d", end.key, end.id, c.Model.Vocab)
		}
		if end.id >= 0 {
			pairs = append(pairs, gguf.Pair{Key: end.key, Value: uint32(end.id)})
		}
	}
	if t.Model.Unknown != nil {
		if id, ok := t.Model.Vocab[*t.Model.Unknown]; ok {
			pairs = append(pairs, gguf.Pair{Key: unknownKey, Value: uint32(id)})
		}
	}
	return append(pairs, gguf.Pair{Key: addBOSKey, Value: addBOS},
		gguf.Pair{Key: addEOSKey, Value: addEOS}), nil
}
