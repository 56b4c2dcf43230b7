package tokenizer

import "strings"

// Stream decodes ids one at a time. What it returns adds up to Decode of all ids; half a character
// is kept back until the rest of it comes.
type Stream struct {
	t           *Tokenizer
	skipSpecial bool
	ids         []int32 // the context of the last text given out, then what is not given out yet
	given       int     // ids that are context
}

// NewStream returns a Stream. It must not be used concurrently.
func (t *Tokenizer) NewStream(skipSpecial bool) *Stream {
	return &Stream{t: t, skipSpecial: skipSpecial}
}

// Push adds an id and returns the text that is now certain.
func (s *Stream) Push(id int32) (string, error) {
	s.ids = append(s.ids, id)
	return s.advance(false)
}

// Flush returns what is left, a half character as U+FFFD, and ends the stream.
func (s *Stream) Flush() (string, error) {
	text, err := s.advance(true)
	s.ids, s.given = nil, 0
	return text, err
}

func (s *Stream) advance(all bool) (string, error) {
	before, err := s.t.Decode(s.ids[:s.given], s.skipSpecial)
	if err != nil {
		return "", err
	}
	text, err := s.t.Decode(s.ids, s.skipSpecial)
	if err != nil {
		return "", err
	}
	if !all && (len(text) <= len(before) || strings.HasSuffix(text, "\ufffd")) {
		return "", nil
	}
	s.ids = append(s.ids[:0], s.ids[s.given:]...)
	s.given = len(s.ids)
	return text[min(len(before), len(text)):], nil
}
