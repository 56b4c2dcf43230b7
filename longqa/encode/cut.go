package encode

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer"
	"longlora/longqa/dice"
	"longlora/schemas"
)

// The reasons for dropping an example.
const (
	reasonLong     = "longer-than-context"
	reasonEvidence = "evidence-longer-than-context"
)

// omission stands for lines that were left out.
const omission = "[...]\n"

// cutter leaves lines of materials out. It must not be used concurrently.
type cutter struct {
	encoder  *tokenizer.Encoder
	ids      []int32
	omission int    // tokens
	last     *lines // examples that follow each other often share their material
}

// lines is a material by lines.
type lines struct {
	text   string
	starts []int   // bytes; one more than lines
	chars  []int64 // code points; one more than lines
	tokens []int
	total  int
}

func newCutter(t *tokenizer.Tokenizer) *cutter {
	c := &cutter{encoder: t.NewEncoder()}
	c.omission = c.count(omission)
	return c
}

func (c *cutter) count(text string) int {
	c.ids = c.encoder.Encode(c.ids[:0], text, false)
	return len(c.ids)
}

// lines counts a material's tokens by line.
func (c *cutter) lines(text string) *lines {
	if c.last != nil && c.last.text == text {
		return c.last
	}
	l := &lines{text: text}
	chars := int64(0)
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		n := c.count(text[at:end])
		l.starts, l.chars = append(l.starts, at), append(l.chars, chars)
		l.tokens, l.total = append(l.tokens, n), l.total+n
		chars += int64(utf8.RuneCountInString(text[at:end]))
		at = end
	}
	l.starts, l.chars = append(l.starts, len(text)), append(l.chars, chars)
	c.last = l
	return l
}

// lineOf returns the line that holds a code point.
func (l *lines) lineOf(char int64) int {
	return sort.Search(len(l.tokens)-1, func(i int) bool { return l.chars[i+1] > char })
}

// cut keeps every line that holds evidence and as many others as a budget of tokens allows: those
// around all evidence, at a place that the example's id draws, if all evidence fits into one run of
// lines; else those nearest to each piece.
func (c *cutter) cut(l *lines, e *schemas.Example, budget int) (string, error) {
	keep := make([]bool, len(l.tokens))
	need, first, last := 0, len(keep), -1
	for _, s := range e.Evidence {
		if s.Start < 0 || s.End <= s.Start || s.End > l.chars[len(keep)] {
			return "", fmt.Errorf("evidence [%d, %d) is not in the context of %d characters", s.Start,
				s.End, l.chars[len(keep)])
		}
		from, to := l.lineOf(s.Start), l.lineOf(s.End-1)
		first, last = min(first, from), max(last, to)
		for i := from; i <= to; i++ {
			if !keep[i] {
				keep[i], need = true, need+l.tokens[i]
			}
		}
	}
	if need > budget {
		return "", tooLong{reasonEvidence, fmt.Sprintf("%d tokens of evidence, room for %d", need, budget)}
	}
	draw := dice.New("cut", e.ID).Float()
	if last < 0 {
		first = int(draw * float64(len(keep)))
		last = first - 1
	}
	hull := 2 * c.omission
	for i := first; i <= last; i++ {
		hull += l.tokens[i]
	}
	if hull <= budget {
		for i := first; i <= last; i++ {
			keep[i] = true
		}
		l.grow(keep, first, last, budget-hull, draw)
	} else {
		l.growAll(keep, budget-need, c.omission)
	}
	return l.join(keep), nil
}

// grow extends a run of lines in both directions, by the drawn part of the room before it; what one
// side cannot use goes to the other.
func (l *lines) grow(keep []bool, first, last, room int, draw float64) {
	up := func(room int) int {
		for first > 0 && l.tokens[first-1] <= room {
			first--
			keep[first] = true
			room -= l.tokens[first]
		}
		return room
	}
	down := func(room int) int {
		for last+1 < len(keep) && l.tokens[last+1] <= room {
			last++
			keep[last] = true
			room -= l.tokens[last]
		}
		return room
	}
	before := int(draw * float64(room))
	left := down(room - before + up(before))
	up(left)
}

// growAll adds the lines nearest to kept ones, one line more around each piece at a time. Every gap
// costs an omission.
func (l *lines) growAll(keep []bool, room, omission int) {
	gaps := 1
	for i := 1; i < len(keep); i++ {
		if keep[i] != keep[i-1] {
			gaps++
		}
	}
	room -= gaps * omission
	for {
		var edge []int
		for i := range keep {
			if !keep[i] && (i > 0 && keep[i-1] || i+1 < len(keep) && keep[i+1]) {
				edge = append(edge, i)
			}
		}
		grown := false
		for _, i := range edge {
			if l.tokens[i] <= room {
				keep[i], grown = true, true
				room -= l.tokens[i]
			}
		}
		if !grown {
			return
		}
	}
}

// join writes the kept lines, with omissions between runs and at cut ends.
func (l *lines) join(keep []bool) string {
	var b strings.Builder
	for i := range keep {
		switch {
		case keep[i]:
			b.WriteString(l.text[l.starts[i]:l.starts[i+1]])
		case i == 0 || keep[i-1]:
			b.WriteString(omission)
		}
	}
	return b.String()
}
