package llamacpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"longlora/trainer/gguf"
)

// vocabulary is the tokenizer of a file.
type vocabulary struct {
	model, pre     string
	tokens, merges []string
	types          []int
	scores         []float64
	bos, eos       int
	addBOS, addEOS bool
	prefix         bool
	chat           string
}

// readVocabulary reads a file's tokenizer; nil if it has none.
func readVocabulary(f *gguf.File) (*vocabulary, error) {
	v := &vocabulary{bos: -1, eos: -1, pre: "default"}
	var all []error
	get := func(key string, dst any) {
		_, err := f.Get(key, dst)
		all = append(all, err)
	}
	get(modelKey, &v.model)
	if v.model == "" || v.model == noVocabulary {
		return nil, errors.Join(all...)
	}
	v.addBOS, v.prefix = v.model == sentencePiece, true
	get(preKey, &v.pre)
	get(tokensKey, &v.tokens)
	get(mergesKey, &v.merges)
	get(typesKey, &v.types)
	get(scoresKey, &v.scores)
	get(bosKey, &v.bos)
	get(eosKey, &v.eos)
	get(addBOSKey, &v.addBOS)
	get(addEOSKey, &v.addEOS)
	get(spacePrefixKey, &v.prefix)
	get(chatKey, &v.chat)
	if len(v.types) == 0 {
		v.types = slices.Repeat([]int{int(typeNormal)}, len(v.tokens))
	}
	if len(v.tokens) == 0 || len(v.types) != len(v.tokens) {
		all = append(all, fmt.Errorf("%d tokens with %d types", len(v.tokens), len(v.types)))
	}
	return v, errors.Join(all...)
}

// files returns the vocabulary as tokenizer.json and tokenizer_config.json.
func (v *vocabulary) files() (tokenizer, config []byte, err error) {
	t := &tokenizerFile{Version: "1.0", Model: tokenizerBPEs{Type: "BPE", Vocab: map[string]int{}}}
	if err := v.fill(t); err != nil {
		return nil, nil, err
	}
	switch v.model {
	case byteLevel:
		err = v.fillBytes(t)
	case sentencePiece:
		err = v.fillPieces(t)
	default:
		err = fmt.Errorf("tokenizer model %q; %s and %s are supported", v.model, byteLevel, sentencePiece)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := v.fillEnds(t); err != nil {
		return nil, nil, err
	}
	if tokenizer, err = json.MarshalIndent(t, "", " "); err != nil {
		return nil, nil, err
	}
	config, err = json.MarshalIndent(v.config(), "", "  ")
	return tokenizer, config, err
}

// fill takes over the tokens.
func (v *vocabulary) fill(t *tokenizerFile) error {
	for id, token := range v.tokens {
		kind := int32(v.types[id])
		if kind == typeUnused {
			continue
		}
		if other, ok := t.Model.Vocab[token]; ok {
			return fmt.Errorf("token %q has two ids, %d and %d", token, other, id)
		}
		t.Model.Vocab[token] = id
		switch kind {
		case typeUnknown:
			t.Model.Unknown = &token
			fallthrough
		case typeControl:
			t.Added = append(t.Added, addedToken{ID: id, Content: token, Special: true})
		case typeUser:
			t.Added = append(t.Added, addedToken{ID: id, Content: token})
		case typeByte:
			t.Model.ByteFallback = true
		}
	}
	return nil
}

func (v *vocabulary) fillBytes(t *tokenizerFile) error {
	regex := ""
	for _, p := range patterns {
		if v.pre == p.ignoring || v.pre == p.merging {
			regex, t.Model.IgnoreMerges = p.regex, v.pre == p.ignoring
		}
	}
	if regex == "" {
		return fmt.Errorf("its splitter %q is not supported; put the model's tokenizer.json to use "+
			"instead", v.pre)
	}
	for _, text := range v.merges {
		left, right, ok := strings.Cut(text, " ")
		if !ok {
			return fmt.Errorf("merge %q has no space", text)
		}
		t.Model.Merges = append(t.Model.Merges, merge{left, right})
	}
	no, yes := false, true
	bytes := stage{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &no}
	t.PreTokenizer = &stage{Type: "Sequence", PreTokenizers: []stage{
		{Type: "Split", Pattern: &pattern{Regex: regex}, Behavior: "Isolated", Invert: &no}, bytes,
	}}
	t.Decoder = &bytes
	return nil
}

// fillPieces makes merges of scores, in the order in which transformers does: by falling score of
// what they make, then by the ids of their parts.
func (v *vocabulary) fillPieces(t *tokenizerFile) error {
	if len(v.scores) != len(v.tokens) {
		return fmt.Errorf("%d tokens with %d scores", len(v.tokens), len(v.scores))
	}
	special := map[string]bool{}
	for _, a := range t.Added {
		special[a.Content] = true
	}
	t.Model.FuseUnknown = true
	for token := range t.Model.Vocab {
		if !special[token] && !isByte(token) {
			t.Model.Merges = append(t.Model.Merges, splits(token, t.Model.Vocab)...)
		}
	}
	id := t.Model.Vocab
	slices.SortFunc(t.Model.Merges, func(a, b merge) int {
		if x, y := v.scores[id[a[0]+a[1]]], v.scores[id[b[0]+b[1]]]; x != y {
			if x > y {
				return -1
			}
			return 1
		}
		if d := id[a[0]] - id[b[0]]; d != 0 {
			return d
		}
		return id[a[1]] - id[b[1]]
	})
	spaces := stage{Type: "Replace", Pattern: &pattern{String: " "}, Content: space}
	t.Normalizer = &stage{Type: "Sequence", Normalizers: []stage{spaces}}
	t.Decoder = &stage{Type: "Sequence", Decoders: []stage{
		{Type: "Replace", Pattern: &pattern{String: space}, Content: " "}, {Type: "ByteFallback"},
		{Type: "Fuse"},
	}}
	if v.prefix {
		one, none := 1, 0
		t.Normalizer.Normalizers = []stage{{Type: "Prepend", Prepend: space}, spaces}
		t.Decoder.Decoders = append(t.Decoder.Decoders,
			stage{Type: "Strip", Content: " ", Start: &one, Stop: &none})
	}
	return nil
}

// fillEnds makes the template that puts BOS and EOS around texts.
func (v *vocabulary) fillEnds(t *tokenizerFile) error {
	s := &stage{Type: "TemplateProcessing"}
	special := map[string]any{}
	put := func(id int) error {
		if id < 0 || id >= len(v.tokens) {
			return fmt.Errorf("token %d, which is put around texts, is none of %d", id, len(v.tokens))
		}
		token := v.tokens[id]
		s.Single = append(s.Single, piece{SpecialToken: &named{ID: token}})
		special[token] = map[string]any{"id": token, "ids": []int{id}, "tokens": []string{token}}
		return nil
	}
	if v.addBOS && v.bos >= 0 {
		if err := put(v.bos); err != nil {
			return err
		}
	}
	s.Single = append(s.Single, piece{Sequence: &named{ID: "A"}})
	if v.addEOS && v.eos >= 0 {
		if err := put(v.eos); err != nil {
			return err
		}
	}
	if len(special) == 0 {
		return nil
	}
	s.Pair = slices.Concat(s.Single, []piece{{Sequence: &named{ID: "B", Type: 1}}})
	var err error
	s.Special, err = json.Marshal(special)
	t.PostProcessor = s
	return err
}

// config returns a tokenizer_config.json.
func (v *vocabulary) config() map[string]any {
	c := map[string]any{"tokenizer_class": "PreTrainedTokenizerFast",
		"clean_up_tokenization_spaces": false}
	if v.bos >= 0 && v.bos < len(v.tokens) {
		c["bos_token"] = v.tokens[v.bos]
	}
	if v.eos >= 0 && v.eos < len(v.tokens) {
		c["eos_token"] = v.tokens[v.eos]
	}
	if v.chat != "" {
		c["chat_template"] = v.chat
	}
	return c
}
