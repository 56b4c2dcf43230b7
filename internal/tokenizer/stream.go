package tokenizer

import (
	"errors"
	"fmt"
	"strings"
)

// Stream decodes ids one at a time. What it returns adds up to Decode of all ids, and each part is
// whole characters. Text is held back as long as a later token can change it: the bytes of half a
// character, and of SentencePiece vocabularies a whole run of <0xHH> tokens, which is worth its text or
// as many U+FFFD.
type Stream struct {
	t           *Tokenizer
	skipSpecial bool
	first       sink
	text        strings.Builder
}

// NewStream returns a Stream. It must not be used concurrently.
func (t *Tokenizer) NewStream(skipSpecial bool) *Stream {
	s := &Stream{t: t, skipSpecial: skipSpecial}
	s.first = t.chain(&s.text)
	return s
}

// Push adds an id and returns the text that is now certain, in time proportional to it.
func (s *Stream) Push(id int32) (string, error) {
	if err := s.push(id); err != nil {
		return "", fmt.Errorf("tokenizer: decode: %w", err)
	}
	return s.take(), nil
}

// Flush returns what is left, a half character as U+FFFD, and makes the stream ready for another text.
func (s *Stream) Flush() (string, error) {
	s.first.end()
	text := s.take()
	s.first = s.t.chain(&s.text)
	return text, nil
}

// errNoToken reports an id that the vocabulary does not have.
var errNoToken = errors.New("outside the vocabulary")

func (s *Stream) push(id int32) error {
	if id < 0 || int(id) >= len(s.t.decoded) || !s.t.bpe.known[id] {
		return fmt.Errorf("id %d: %w of %d", id, errNoToken, s.t.VocabSize())
	}
	if !s.skipSpecial || !s.t.skipped[id] {
		s.first.token(s.t.decoded[id])
	}
	return nil
}

func (s *Stream) take() string {
	text := s.text.String()
	s.text.Reset()
	return text
}
