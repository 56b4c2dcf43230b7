package generate

import (
	"strings"

	"longlora/internal/tokenizer"
)

// Text turns tokens into text as they come, up to the first stop text.
type Text struct {
	stream *tokenizer.Stream
	stops  []string
	held   string // may be the beginning of a stop text
}

// NewText returns an empty Text that ends before any of the stop texts, which are not empty.
func NewText(t *tokenizer.Tokenizer, stops []string) *Text {
	return &Text{stream: t.NewStream(true), stops: stops}
}

// Push adds a token and returns the text that is certain; stopped says that a stop text follows it.
func (t *Text) Push(id int32) (out string, stopped bool, err error) {
	part, err := t.stream.Push(id)
	if err != nil {
		return "", false, err
	}
	out, stopped = t.add(part)
	return out, stopped, nil
}

// Held returns the text that is held back, as it may be the beginning of a stop text.
func (t *Text) Held() string { return t.held }

// Flush returns what is left.
func (t *Text) Flush() (string, error) {
	part, err := t.stream.Flush()
	if err != nil {
		return "", err
	}
	out, stopped := t.add(part)
	if !stopped {
		out += t.held
	}
	t.held = ""
	return out, nil
}

func (t *Text) add(part string) (out string, stopped bool) {
	t.held += part
	first := -1
	for _, s := range t.stops {
		if i := strings.Index(t.held, s); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		out, t.held = t.held[:first], ""
		return out, true
	}
	keep := 0
	for _, s := range t.stops {
		keep = max(keep, overlap(t.held, s))
	}
	cut := len(t.held) - keep
	out, t.held = t.held[:cut], t.held[cut:]
	return out, false
}

// overlap returns the length of the longest end of a that is a beginning of b.
func overlap(a, b string) int {
	for n := min(len(a), len(b)-1); n > 0; n-- {
		if strings.HasSuffix(a, b[:n]) {
			return n
		}
	}
	return 0
}
