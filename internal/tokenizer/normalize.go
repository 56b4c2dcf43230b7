package tokenizer

import (
	"fmt"
	"strings"

	sugarme "github.com/sugarme/tokenizer"
	"golang.org/x/text/unicode/norm"
)

// spaceMark is U+2581, which stands for a space in SentencePiece vocabularies.
const spaceMark = "▁"

// normalizer is one step of a text's normalization.
type normalizer struct {
	kind     normalizerKind
	form     norm.Form
	from, to string
}

type normalizerKind uint8

const (
	normalizeUnicode normalizerKind = iota // to the form
	normalizeReplace                       // every from by to
	normalizePrepend                       // to before a text that is not empty
	normalizeSqueeze                       // SentencePiece's remove_extra_whitespaces
)

type normalizers []normalizer

func (s *spec) readNormalizer(c *sugarme.Config) error {
	root, ok, err := readStage("normalizer", c.Normalizer)
	if err != nil || !ok {
		return err
	}
	for _, n := range root.flatten() {
		step, err := readNormalizerStage(n)
		if err != nil {
			return fmt.Errorf("normalizer: %w", err)
		}
		s.normalizers = append(s.normalizers, step)
	}
	return nil
}

func readNormalizerStage(n stage) (normalizer, error) {
	switch n.Type {
	case "NFC":
		return normalizer{kind: normalizeUnicode, form: norm.NFC}, nil
	case "NFD":
		return normalizer{kind: normalizeUnicode, form: norm.NFD}, nil
	case "NFKC":
		return normalizer{kind: normalizeUnicode, form: norm.NFKC}, nil
	case "NFKD":
		return normalizer{kind: normalizeUnicode, form: norm.NFKD}, nil
	case "Prepend":
		return normalizer{kind: normalizePrepend, to: n.Prepend}, nil
	case "Replace":
		if n.Pattern == nil || n.Pattern.String == nil || *n.Pattern.String == "" || n.Content == nil {
			return normalizer{}, fmt.Errorf("Replace by a regular expression is not supported")
		}
		return normalizer{kind: normalizeReplace, from: *n.Pattern.String, to: *n.Content}, nil
	}
	return normalizer{}, fmt.Errorf("type %q is not supported", n.Type)
}

// apply normalizes one piece of text.
func (ns normalizers) apply(text string) string {
	for _, n := range ns {
		text = n.apply(text)
	}
	return text
}

func (n normalizer) apply(text string) string {
	switch n.kind {
	case normalizeUnicode:
		if !n.form.IsNormalString(text) {
			return n.form.String(text)
		}
	case normalizeReplace:
		return strings.ReplaceAll(text, n.from, n.to)
	case normalizePrepend:
		if text != "" {
			return n.to + text
		}
	case normalizeSqueeze:
		return squeeze(text)
	}
	return text
}

// squeeze drops leading and trailing spaces and makes runs of them one.
func squeeze(text string) string {
	if !strings.HasPrefix(text, " ") && !strings.HasSuffix(text, " ") &&
		!strings.Contains(text, "  ") {
		return text
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
	return strings.Join(words, " ")
}

// aligned is a text with, for each of its bytes, the range of the original text that it came from.
type aligned struct {
	text  string
	start []int
	end   []int
}

func alignIdentity(text string, base int) aligned {
	a := aligned{text: text, start: make([]int, len(text)), end: make([]int, len(text))}
	for i, r := range text {
		n := len(string(r))
		for k := i; k < i+n && k < len(text); k++ {
			a.start[k], a.end[k] = base+i, base+i+n
		}
	}
	return a
}

// applyAligned normalizes and keeps track of where each byte came from.
func (ns normalizers) applyAligned(a aligned) aligned {
	for _, n := range ns {
		a = n.applyAligned(a)
	}
	return a
}

func (n normalizer) applyAligned(a aligned) aligned {
	switch n.kind {
	case normalizeReplace:
		return a.replace(n.from, n.to)
	case normalizePrepend:
		if a.text == "" {
			return a
		}
		return a.prepend(n.to)
	case normalizeUnicode:
		return a.normalize(n.form)
	}
	return a.rebuilt(n.apply(a.text))
}

func (a aligned) replace(from, to string) aligned {
	var out aligned
	var b strings.Builder
	for i := 0; i < len(a.text); {
		if strings.HasPrefix(a.text[i:], from) {
			b.WriteString(to)
			out.fill(len(to), a.start[i], a.end[i+len(from)-1])
			i += len(from)
			continue
		}
		b.WriteByte(a.text[i])
		out.fill(1, a.start[i], a.end[i])
		i++
	}
	out.text = b.String()
	return out
}

// prepend gives the new bytes the range of the first character, as the reference does.
func (a aligned) prepend(s string) aligned {
	out := aligned{text: s + a.text}
	out.fill(len(s), a.start[0], a.end[0])
	out.start = append(out.start, a.start...)
	out.end = append(out.end, a.end...)
	return out
}

// normalize goes from one normalization boundary to the next: what is composed has the range of all
// its parts.
func (a aligned) normalize(form norm.Form) aligned {
	var out aligned
	var b strings.Builder
	for i := 0; i < len(a.text); {
		n := form.NextBoundaryInString(a.text[i:], true)
		if n <= 0 {
			n = len(a.text) - i
		}
		s := form.String(a.text[i : i+n])
		b.WriteString(s)
		if s == a.text[i:i+n] {
			out.start = append(out.start, a.start[i:i+n]...)
			out.end = append(out.end, a.end[i:i+n]...)
		} else {
			out.fill(len(s), a.start[i], a.end[i+n-1])
		}
		i += n
	}
	out.text = b.String()
	return out
}

// rebuilt aligns a text that was shortened by dropping spaces.
func (a aligned) rebuilt(text string) aligned {
	out := aligned{text: text}
	i := 0
	for k := range len(text) {
		for a.text[i] != text[k] {
			i++
		}
		out.fill(1, a.start[i], a.end[i])
		i++
	}
	return out
}

func (a *aligned) fill(n, start, end int) {
	for range n {
		a.start, a.end = append(a.start, start), append(a.end, end)
	}
}
