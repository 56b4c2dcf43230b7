package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The piece types of sentencepiece_model.proto.
const (
	pieceNormal      = 1
	pieceUnknown     = 2
	pieceControl     = 3
	pieceUserDefined = 4
	pieceUnused      = 5
	pieceByte        = 6
)

// modelBPE is TrainerSpec.ModelType for byte-pair encoding.
const modelBPE = 2

// fields walks a protobuf message's fields. Varints and fixed32 values come as numbers, the others
// as bytes.
func fields(data []byte, f func(n protowire.Number, value uint64, bytes []byte) error) error {
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errors.New("damaged SentencePiece model: a field has no tag")
		}
		data = data[n:]
		var value uint64
		var bytes []byte
		switch typ {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(data)
			value = uint64(v)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(num, typ, data)
		}
		if n < 0 {
			return fmt.Errorf("damaged SentencePiece model: field %d is cut short", num)
		}
		data = data[n:]
		if err := f(num, value, bytes); err != nil {
			return err
		}
	}
	return nil
}

// sentencePiece is what of a model file matters here.
type sentencePiece struct {
	spec        *spec
	modelType   uint64
	bos         int32
	suffix      bool // treat_whitespace_as_suffix
	dummyPrefix bool
	squeeze     bool // remove_extra_whitespaces
	escape      bool // escape_whitespaces
	verbatim    matcher
	chars       *charsMap
}

// readSentencePiece reads a BPE .model file (sentencepiece_model.proto of google/sentencepiece).
func readSentencePiece(data []byte) (*spec, error) {
	m := sentencePiece{
		spec:      &spec{vocab: map[string]int32{}, fuseUnknown: true},
		modelType: 1, bos: 1, dummyPrefix: true, squeeze: true, escape: true,
	}
	err := fields(data, func(n protowire.Number, _ uint64, b []byte) error {
		switch n {
		case 1:
			return m.readPiece(b)
		case 2:
			return m.readTrainer(b)
		case 3:
			return m.readNormalizer(b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m.finish()
}

func (m *sentencePiece) readPiece(data []byte) error {
	id := int32(len(m.spec.scores))
	var piece string
	var score float32
	kind := uint64(pieceNormal)
	err := fields(data, func(n protowire.Number, v uint64, b []byte) error {
		switch n {
		case 1:
			piece = string(b)
		case 2:
			score = math.Float32frombits(uint32(v))
		case 3:
			kind = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, twice := m.spec.vocab[piece]; twice || piece == "" {
		return fmt.Errorf("piece %d %q is empty or not unique", id, piece)
	}
	m.spec.vocab[piece] = id
	if kind != pieceNormal {
		score = float32(math.Inf(-1))
	}
	m.spec.scores = append(m.spec.scores, score)
	switch kind {
	case pieceUnknown:
		m.spec.unknown = piece
		m.spec.added = append(m.spec.added, addedToken{ID: id, Content: piece, Special: true})
	case pieceControl:
		m.spec.added = append(m.spec.added, addedToken{ID: id, Content: piece, Special: true})
	case pieceUserDefined:
		symbol := addedToken{ID: id, Content: piece, Normalized: true, verbatim: true}
		m.spec.added = append(m.spec.added, symbol)
		return m.verbatim.add(symbol, piece)
	case pieceByte:
		m.spec.byteFallback = true
	case pieceUnused:
		return fmt.Errorf("piece %d %q is marked unused, which is not supported", id, piece)
	}
	return nil
}

func (m *sentencePiece) readTrainer(data []byte) error {
	return fields(data, func(n protowire.Number, v uint64, _ []byte) error {
		switch n {
		case 3:
			m.modelType = v
		case 24:
			m.suffix = v != 0
		case 41:
			m.bos = int32(v)
		}
		return nil
	})
}

func (m *sentencePiece) readNormalizer(data []byte) error {
	return fields(data, func(n protowire.Number, v uint64, b []byte) error {
		switch n {
		case 2:
			return m.readCharsMap(b)
		case 3:
			m.dummyPrefix = v != 0
		case 4:
			m.squeeze = v != 0
		case 5:
			m.escape = v != 0
		}
		return nil
	})
}

func (m *sentencePiece) readCharsMap(data []byte) (err error) {
	if len(data) > 0 {
		m.chars, err = readCharsMap(data)
	}
	return err
}

// finish checks what was read and writes the pipeline down. Control symbols in the text count as such,
// as in Hugging Face's conversion; the library itself would read them as text.
func (m *sentencePiece) finish() (*spec, error) {
	s := m.spec
	switch {
	case m.modelType != modelBPE:
		return nil, fmt.Errorf("SentencePiece model type %d is not supported; this reader knows BPE (2)",
			m.modelType)
	case m.suffix || !m.escape:
		return nil, errors.New("SentencePiece models with white space as suffix or unescaped are " +
			"not supported")
	}
	if err := m.checkCharacters(); err != nil {
		return nil, err
	}
	m.verbatim.finish()
	if m.chars == nil && !m.squeeze && !m.verbatim.any() {
		if m.dummyPrefix {
			s.normalizers = append(s.normalizers, prepend(spaceMark))
		}
		s.normalizers = append(s.normalizers, replace{literal(" "), spaceMark})
	} else {
		s.normalizers = []normalizer{&sentenceNormalizer{
			chars: m.chars, verbatim: m.verbatim, squeeze: m.squeeze, prefix: m.dummyPrefix,
		}}
	}
	if m.bos >= 0 && int(m.bos) < len(s.scores) {
		s.post.before = []int32{m.bos}
	}
	s.decoders = []decoder{sentenceDecoder{one: m.dummyPrefix || m.squeeze, all: m.squeeze}}
	return s, nil
}

// checkCharacters refuses pieces with a character that is no piece of its own: SentencePiece merges
// such characters all the same.
func (m *sentencePiece) checkCharacters() error {
	for piece, id := range m.spec.vocab {
		if math.IsInf(float64(m.spec.scores[id]), -1) {
			continue
		}
		for _, r := range piece {
			if _, ok := m.spec.vocab[string(r)]; !ok {
				return fmt.Errorf("piece %q holds %q, which is no piece; that is not supported", piece, r)
			}
		}
	}
	return nil
}

// sentenceDecoder makes text of pieces as SentencePiece does (sentencepiece_processor.cc, Decode).
type sentenceDecoder struct {
	one bool // the first piece loses a mark that it begins with
	all bool // and so does every piece up to the first that leaves some text
}

func (sentenceDecoder) fuses() bool      { return true }
func (sentenceDecoder) takesParts() bool { return false }

func (d sentenceDecoder) sink(next sink) sink {
	return &sentenceSink{sentenceDecoder: d, next: next}
}

// sentenceSink holds back the bytes of a character that is not complete.
type sentenceSink struct {
	sentenceDecoder
	next  sink
	bytes []byte
}

func (s *sentenceSink) token(t string) {
	if b, ok := byteOf(t); ok {
		s.bytes = append(s.bytes, b)
		s.flush(false)
		return
	}
	s.flush(true)
	if s.one {
		var cut bool
		t, cut = strings.CutPrefix(t, spaceMark)
		s.one = s.all || !cut
	}
	s.send(strings.ReplaceAll(t, spaceMark, " "))
}

func (s *sentenceSink) send(text string) {
	if text != "" {
		s.one = false
		s.next.token(text)
	}
}

// flush sends the characters that are complete and, at the end of a run of bytes, a U+FFFD for each
// byte that is left.
func (s *sentenceSink) flush(all bool) {
	for len(s.bytes) > 0 && (all || utf8.FullRune(s.bytes)) {
		r, n := utf8.DecodeRune(s.bytes)
		s.send(string(r))
		s.bytes = s.bytes[n:]
	}
}

func (s *sentenceSink) end() {
	s.flush(true)
	s.next.end()
}
