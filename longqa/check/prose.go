package check

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"longlora/schemas"
)

// closers are the quotation marks that end what another begins.
var closers = map[rune]rune{'“': '”', '„': '“', '«': '»', '「': '」'}

// quotes are the texts in quotation marks, in order, and what is left of the text without them.
func quotes(text string) (all []string, rest string) {
	var b, q strings.Builder
	var closer rune
	for _, r := range text {
		switch {
		case closer == 0 && closers[r] != 0:
			closer = closers[r]
			q.Reset()
		case closer == 0:
			b.WriteRune(r)
		case r == closer:
			all, closer = append(all, q.String()), 0
			b.WriteByte(' ')
		default:
			q.WriteRune(r)
		}
	}
	return all, b.String()
}

var digitRuns = regexp.MustCompile(`[0-9]+`)

// saysOnly requires that an answer is one sentence that quotes just some terms and has just some
// numbers beside them, in that order.
func saysOnly(answer string, terms, numbers []string) error {
	got, rest := quotes(answer)
	if n := strings.Count(rest, ".") + strings.Count(rest, "。"); n != 1 ||
		strings.Contains(rest, "`") {
		return fmt.Errorf("the answer has %d sentences", n)
	}
	if err := same(got, terms); err != nil {
		return err
	}
	return same(digitRuns.FindAllString(rest, -1), numbers)
}

// asks requires that a question quotes a term.
func asks(e *schemas.Example, term string) error {
	all, _ := quotes(e.Instruction)
	for _, q := range all {
		if q == term {
			return nil
		}
	}
	return fmt.Errorf("the question does not quote %q", term)
}

// dense is a text without its spaces, with the place in the text of each of its bytes.
type dense struct {
	text string
	at   []int
}

func densify(text string) *dense {
	d := &dense{at: make([]int, 0, len(text))}
	var b strings.Builder
	for i, r := range text {
		if unicode.IsSpace(r) {
			continue
		}
		n := b.Len()
		b.WriteRune(r)
		for range b.Len() - n {
			d.at = append(d.at, i)
		}
	}
	d.text = b.String()
	return d
}

// only returns where, in the text, the one occurrence of another begins and where its last
// character stands.
func (d *dense) only(other string) (from, last int, err error) {
	key := densify(other).text
	if key == "" {
		return 0, 0, fmt.Errorf("nothing is quoted")
	}
	i := strings.Index(d.text, key)
	if i < 0 || strings.Contains(d.text[i+1:], key) {
		return 0, 0, fmt.Errorf("%q stands %d times in the context", other, strings.Count(d.text, key))
	}
	return d.at[i], d.at[i+len(key)-1], nil
}

// dense is the context without spaces.
func (c *checker) dense() *dense {
	if c.thin == nil {
		c.thin = densify(c.context)
	}
	return c.thin
}

// evidenceCovers requires that some evidence, without spaces, has a text.
func (c *checker) evidenceCovers(e *schemas.Example, text string) error {
	key := densify(text).text
	for _, s := range e.Evidence {
		shown := densify(c.slice(s)).text
		if strings.Contains(shown, key) || strings.Contains(strings.ReplaceAll(shown, "_", ""), key) {
			return nil
		}
	}
	return fmt.Errorf("no evidence shows %q", text)
}

// lineAt is the line that holds a byte, and where it begins.
func lineAt(text string, at int) (line string, start int) {
	start = strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ = strings.Cut(text[start:], "\n")
	return line, start
}
