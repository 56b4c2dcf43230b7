package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
)

// decodeStep is one step from tokens to text.
type decodeStep struct {
	kind        decodeKind
	from, to    string
	start, stop int
}

type decodeKind uint8

const (
	decodeByteLevel    decodeKind = iota // tokens are bytes
	decodeByteFallback                   // <0xHH> tokens are bytes
	decodeReplace                        // from by to, in every token
	decodeStrip                          // up to start leading and stop trailing from, in every token
	decodeFuse                           // all tokens become one
	decodeMetaspace                      // marks become spaces, the first token loses one
)

func (s *spec) readDecoder(c *sugarme.Config) error {
	root, ok, err := readStage("decoder", c.Decoder)
	if err != nil || !ok {
		return err
	}
	for _, d := range root.flatten() {
		step, err := readDecoderStage(d)
		if err != nil {
			return fmt.Errorf("decoder: %w", err)
		}
		s.decoders = append(s.decoders, step)
	}
	return nil
}

func readDecoderStage(d stage) (decodeStep, error) {
	switch d.Type {
	case "ByteLevel":
		return decodeStep{kind: decodeByteLevel}, nil
	case "ByteFallback":
		return decodeStep{kind: decodeByteFallback}, nil
	case "Fuse":
		return decodeStep{kind: decodeFuse}, nil
	case "Replace":
		if d.Pattern == nil || d.Pattern.String == nil || d.Content == nil {
			return decodeStep{}, fmt.Errorf("Replace by a regular expression is not supported")
		}
		return decodeStep{kind: decodeReplace, from: *d.Pattern.String, to: *d.Content}, nil
	case "Strip":
		if d.Content == nil {
			return decodeStep{}, fmt.Errorf("Strip without content")
		}
		return decodeStep{kind: decodeStrip, from: *d.Content, start: d.Start, stop: d.Stop}, nil
	case "Metaspace":
		step := decodeStep{kind: decodeMetaspace, start: 1}
		if d.PrependScheme == "never" || d.PrependScheme == "" && !isTrue(d.AddPrefixSpace, true) {
			step.start = 0
		}
		return step, nil
	}
	return decodeStep{}, fmt.Errorf("type %q is not supported", d.Type)
}

// Decode returns the text of ids. With skipSpecial, special tokens are left out.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) (string, error) {
	pieces := make([]string, 0, len(ids))
	for i, id := range ids {
		if id < 0 || int(id) >= len(t.bpe.tokens) || !t.bpe.known[id] {
			return "", fmt.Errorf("tokenizer: decode: id %d at position %d: %w of %d",
				id, i, errNoToken, t.VocabSize())
		}
		if skipSpecial && t.added.special[id] {
			continue
		}
		pieces = append(pieces, t.piece(id))
	}
	return t.join(pieces), nil
}

// piece returns what the decoder's steps see of a token. The byte-level decoder reads added tokens as
// it reads the others, as printable characters that stand for bytes.
func (t *Tokenizer) piece(id int32) string {
	token := t.bpe.tokens[id]
	if _, inVocabulary := t.bpe.ids[token]; !inVocabulary && t.decodesBytes() {
		return fromPrintable(token)
	}
	return token
}

func (t *Tokenizer) decodesBytes() bool {
	return len(t.decoders) > 0 && t.decoders[0].kind == decodeByteLevel
}

// join runs the decoder's steps over the tokens' texts.
func (t *Tokenizer) join(pieces []string) string {
	if len(t.decoders) == 0 && !t.bpe.byteLevel {
		return strings.Join(pieces, " ") // the reference's answer without a decoder
	}
	for _, d := range t.decoders {
		pieces = d.apply(pieces)
	}
	text := strings.Join(pieces, "")
	return replaceInvalid(text)
}

func (d decodeStep) apply(pieces []string) []string {
	switch d.kind {
	case decodeByteFallback:
		return joinBytes(pieces)
	case decodeFuse:
		return []string{strings.Join(pieces, "")}
	}
	for i := range pieces {
		switch d.kind {
		case decodeReplace:
			pieces[i] = strings.ReplaceAll(pieces[i], d.from, d.to)
		case decodeStrip:
			pieces[i] = d.strip(pieces[i])
		case decodeMetaspace:
			if i == 0 && d.start == 1 {
				pieces[i] = strings.TrimPrefix(pieces[i], spaceMark)
			}
			pieces[i] = strings.ReplaceAll(pieces[i], spaceMark, " ")
		}
	}
	return pieces
}

func (d decodeStep) strip(piece string) string {
	for range d.start {
		piece = strings.TrimPrefix(piece, d.from)
	}
	for range d.stop {
		piece = strings.TrimSuffix(piece, d.from)
	}
	return piece
}

// byteToken returns the byte of a <0xHH> token.
func byteToken(piece string) (byte, bool) {
	if len(piece) != 6 || piece[:3] != "<0x" || piece[5] != '>' {
		return 0, false
	}
	var b byte
	for _, c := range []byte(piece[3:5]) {
		switch {
		case c >= '0' && c <= '9':
			b = b<<4 | (c - '0')
		case c >= 'A' && c <= 'F':
			b = b<<4 | (c - 'A' + 10)
		case c >= 'a' && c <= 'f':
			b = b<<4 | (c - 'a' + 10)
		default:
			return 0, false
		}
	}
	return b, true
}

// joinBytes makes each run of byte tokens one piece: its text if that is valid UTF-8, else one
// U+FFFD a byte.
func joinBytes(pieces []string) []string {
	var out []string
	var run []byte
	flush := func() {
		if len(run) == 0 {
			return
		}
		if utf8.Valid(run) {
			out = append(out, string(run))
		} else {
			for range run {
				out = append(out, "\ufffd")
			}
		}
		run = run[:0]
	}
	for _, p := range pieces {
		if b, ok := byteToken(p); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, p)
	}
	flush()
	return out
}
