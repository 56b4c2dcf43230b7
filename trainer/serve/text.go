package serve

import (
	"strings"

	"longlora/internal/tokenizer"
)

// text turns tokens into text as they come, up to the first stop text.
type text struct {
	stream *tokenizer.Stream
	stops  []string
	held   string // may be the beginning of a stop text
}

func newText(t *tokenizer.Tokenizer, stops []string) *text {
	return &text{stream: t.NewStream(true), stops: stops}
}

// push adds a token and returns the text that is certain; stopped says that a stop text follows it.
func (t *text) push(id int32) (out string, stopped bool, err error) {
	part, err := t.stream.Push(id)
	if err != nil {
		return "", false, err
	}
	return t.add(part)
}

// flush returns what is left.
func (t *text) flush() (string, error) {
	part, err := t.stream.Flush()
	if err != nil {
		return "", err
	}
	out, stopped, err := t.add(part)
	if stopped {
		return out, err
	}
	out += t.held
	t.held = ""
	return out, err
}

func (t *text) add(part string) (out string, stopped bool, err error) {
	t.held += part
	first := -1
	for _, s := range t.stops {
		if i := strings.Index(t.held, s); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		out, t.held = t.held[:first], ""
		return out, true, nil
	}
	keep := 0
	for _, s := range t.stops {
		keep = max(keep, overlap(t.held, s))
	}
	cut := len(t.held) - keep
	out, t.held = t.held[:cut], t.held[cut:]
	return out, false, nil
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
