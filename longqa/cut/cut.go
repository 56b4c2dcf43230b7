// Package cut leaves lines of a material out so that it fits a budget of tokens. Lines that hold
// evidence are never left out, and no line is cut.
package cut

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer"
	"longlora/schemas"
)

// TooLong reports that the evidence alone does not fit.
type TooLong struct{ Need, Room int } // tokens

// Error implements error.
func (t TooLong) Error() string {
	return fmt.Sprintf("%d tokens of evidence, room for %d", t.Need, t.Room)
}

// omission stands for lines that were left out.
const omission = "[...]\n"

// Cutter leaves lines of materials out. It must not be used concurrently.
type Cutter struct {
	encoder  *tokenizer.Encoder
	ids      []int32
	omission int    // tokens
	last     *Lines // examples that follow each other often share their material
}

// Lines is a material by lines.
type Lines struct {
	// Total is the sum of the lines' tokens; the whole may have a few less.
	Total int

	text   string
	starts []int   // bytes; one more than lines
	chars  []int64 // code points; one more than lines
	tokens []int
}

// New returns a Cutter that counts with a tokenizer.
func New(t *tokenizer.Tokenizer) *Cutter {
	c := &Cutter{encoder: t.NewEncoder()}
	c.omission = c.count(omission)
	return c
}

func (c *Cutter) count(text string) int {
	c.ids = c.encoder.Encode(c.ids[:0], text, false)
	return len(c.ids)
}

// Lines counts a material's tokens by line.
func (c *Cutter) Lines(text string) *Lines {
	if c.last != nil && c.last.text == text {
		return c.last
	}
	l := &Lines{text: text}
	chars := int64(0)
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		n := c.count(text[at:end])
		l.starts, l.chars = append(l.starts, at), append(l.chars, chars)
		l.tokens, l.Total = append(l.tokens, n), l.Total+n
		chars += int64(utf8.RuneCountInString(text[at:end]))
		at = end
	}
	l.starts, l.chars = append(l.starts, len(text)), append(l.chars, chars)
	c.last = l
	return l
}

// lineOf returns the line that holds a code point.
func (l *Lines) lineOf(char int64) int {
	return sort.Search(len(l.tokens)-1, func(i int) bool { return l.chars[i+1] > char })
}

// Cut keeps every line that holds evidence and as many others as a budget of tokens allows: those
// around all evidence, with the part draw, in [0, 1), of the room before it, if all evidence fits
// into one run of lines; else those nearest to each piece. It returns the text and where the
// evidence is in it.
func (c *Cutter) Cut(l *Lines, evidence []schemas.Span, budget int, draw float64) (string,
	[]schemas.Span, error) {
	keep := make([]bool, len(l.tokens))
	need, first, last := 0, len(keep), -1
	for _, s := range evidence {
		if s.Start < 0 || s.End <= s.Start || s.End > l.chars[len(keep)] {
			return "", nil, fmt.Errorf("evidence [%d, %d) is not in the context of %d characters", s.Start,
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
	if need > budget || len(keep) == 0 {
		return "", nil, TooLong{need, budget}
	}
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
	text, moved := l.join(keep, evidence)
	return text, moved, nil
}

// grow extends a run of lines in both directions, by the drawn part of the room before it; what one
// side cannot use goes to the other.
func (l *Lines) grow(keep []bool, first, last, room int, draw float64) {
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
func (l *Lines) growAll(keep []bool, room, omission int) {
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

// join writes the kept lines, with omissions between runs and at cut ends, and moves the evidence.
func (l *Lines) join(keep []bool, evidence []schemas.Span) (string, []schemas.Span) {
	var b strings.Builder
	shift := make([]int64, len(keep)) // of each kept line, in code points
	chars := int64(0)
	for i := range keep {
		switch {
		case keep[i]:
			shift[i] = chars - l.chars[i]
			b.WriteString(l.text[l.starts[i]:l.starts[i+1]])
			chars += l.chars[i+1] - l.chars[i]
		case i == 0 || keep[i-1]:
			b.WriteString(omission)
			chars += int64(len(omission))
		}
	}
	moved := make([]schemas.Span, len(evidence))
	for i, s := range evidence {
		by := shift[l.lineOf(s.Start)] // its lines are kept, one after the other
		moved[i] = schemas.Span{Start: s.Start + by, End: s.End + by}
	}
	return b.String(), moved
}
