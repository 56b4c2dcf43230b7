package tokenizer

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Size returns the number of pieces.
func (p *Pieces) Size() int { return p.o.fixed() + len(p.merged) + len(p.chars) }

// vocab lists the pieces by id: the unknown one, special symbols, user symbols, bytes, merged pieces in
// the order of learning, characters.
func (p *Pieces) vocab() []string {
	all := slices.Concat([]string{unknownPiece}, p.o.Special, p.o.User)
	if !p.o.NoBytes {
		for b := range 256 {
			all = append(all, fmt.Sprintf("<0x%02X>", b))
		}
	}
	return slices.Concat(all, p.merged, p.chars)
}

// merges lists the ways in which two pieces make a third, in the order of the pieces that they make; for
// SentencePiece merges by piece, however it comes about.
func (p *Pieces) merges() [][2]string {
	in := map[string]bool{}
	for _, s := range slices.Concat(p.merged, p.chars) {
		in[s] = true
	}
	var merges [][2]string
	for _, piece := range p.merged {
		for i := range piece {
			if in[piece[:i]] && in[piece[i:]] {
				merges = append(merges, [2]string{piece[:i], piece[i:]})
			}
		}
	}
	return merges
}

// JSON returns the tokenizer.json. Its ids are those of Model for every text that neither holds control
// symbols nor begins with a user symbol: before such a beginning SentencePiece writes a mark, and what
// reads tokenizer.json does not.
func (p *Pieces) JSON() ([]byte, error) {
	special := slices.Concat([]string{unknownPiece}, p.o.Special)
	added := addedEntries(0, special, true)
	for i, s := range p.o.User {
		added = append(added, addedEntry{ID: len(special) + i, Content: s, Normalized: true})
	}
	normalizer, preTokenizer := p.markSpaces()
	decoders := []any{
		map[string]any{"type": "Replace", "pattern": map[string]string{"String": spaceMark}, "content": " "},
		map[string]any{"type": "ByteFallback"},
		map[string]any{"type": "Fuse"},
		map[string]any{"type": "Strip", "content": " ", "start": 1, "stop": 0},
	}
	return marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": normalizer, "pre_tokenizer": preTokenizer,
		"post_processor": bosTemplate(p.o.BOS, 1+slices.Index(p.o.Special, p.o.BOS)),
		"decoder":        map[string]any{"type": "Sequence", "decoders": decoders},
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": unknownPiece, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": true, "byte_fallback": !p.o.NoBytes,
			"ignore_merges": false, "vocab": vocabJSON(p.vocab()), "merges": p.merges(),
		},
	})
}

// markSpaces returns the stages that write a mark before the text and marks for its spaces: as LLaMA-2
// has them; with user symbols, so that none is put behind these.
func (p *Pieces) markSpaces() (normalizer, preTokenizer any) {
	replace := func(kind, pattern, content string) any {
		return map[string]any{"type": "Replace", "pattern": map[string]string{kind: pattern},
			"content": content}
	}
	if len(p.o.User) == 0 {
		return map[string]any{"type": "Sequence", "normalizers": []any{
			map[string]any{"type": "Prepend", "prepend": spaceMark}, replace("String", " ", spaceMark),
		}}, nil
	}
	// Metaspace puts no mark before a text that begins with one.
	return replace("Regex", leadingMark, spaceMark+spaceMark), map[string]any{
		"type": "Metaspace", "replacement": spaceMark, "prepend_scheme": "first", "split": false,
	}
}

// Model returns the .model file, which the SentencePiece library reads (sentencepiece_model.proto of
// google/sentencepiece).
func (p *Pieces) Model() []byte {
	var out []byte
	for id, piece := range p.vocab() {
		out = protowire.AppendTag(out, 1, protowire.BytesType)
		out = protowire.AppendBytes(out, p.pieceMessage(id, piece))
	}
	out = protowire.AppendTag(out, 2, protowire.BytesType)
	out = protowire.AppendBytes(out, p.trainerMessage())
	out = protowire.AppendTag(out, 3, protowire.BytesType)
	return protowire.AppendBytes(out, normalizerMessage())
}

// pieceMessage is a ModelProto.SentencePiece.
func (p *Pieces) pieceMessage(id int, piece string) []byte {
	score, kind := float32(0), uint64(pieceNormal)
	switch fixed := p.o.fixed(); {
	case id == 0:
		kind = pieceUnknown
	case id <= len(p.o.Special):
		kind = pieceControl
	case id <= len(p.o.Special)+len(p.o.User):
		kind = pieceUserDefined
	case id < fixed:
		kind = pieceByte
	default:
		score = -float32(id - fixed)
	}
	b := stringField(nil, 1, piece)
	b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, math.Float32bits(score))
	return varintField(b, 3, kind)
}

// trainerMessage is the TrainerSpec, which says how the pieces were made; readers need the model's type
// and the ids.
func (p *Pieces) trainerMessage() []byte {
	b := varintField(nil, 3, modelBPE)
	b = varintField(b, 4, uint64(p.Size()))
	b = protowire.AppendTag(b, 10, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, math.Float32bits(float32(p.o.Coverage)))
	b = varintField(b, 20, maxPiece)
	b = varintField(b, 25, flag(!p.o.JoinDigits)) // split_digits
	b = varintField(b, 26, 1)                     // allow_whitespace_only_pieces
	for _, s := range p.o.Special {
		b = stringField(b, 30, s)
	}
	for _, s := range p.o.User {
		b = stringField(b, 31, s)
	}
	b = varintField(b, 35, flag(!p.o.NoBytes)) // byte_fallback
	b = varintField(b, 40, 0)
	b = p.idField(b, 41, 46, p.o.BOS)
	b = p.idField(b, 42, 47, "</s>")
	return varintField(b, 43, ^uint64(0)) // no padding
}

// idField writes the id of a control symbol and its name, -1 if there is none of that name.
func (p *Pieces) idField(b []byte, id, name protowire.Number, symbol string) []byte {
	at := slices.Index(p.o.Special, symbol)
	if at < 0 || symbol == "" {
		return varintField(b, id, ^uint64(0))
	}
	return stringField(varintField(b, id, uint64(at+1)), name, symbol)
}

// normalizerMessage is the NormalizerSpec of LLaMA: a mark before the text, nothing squeezed.
func normalizerMessage() []byte {
	b := stringField(nil, 1, "identity")
	b = varintField(b, 3, 1)
	b = varintField(b, 4, 0)
	return varintField(b, 5, 1)
}

func stringField(b []byte, n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func varintField(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func flag(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}
