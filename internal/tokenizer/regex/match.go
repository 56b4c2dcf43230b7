package regex

import (
	"math/bits"
	"unicode/utf8"
)

// Matcher finds matches. It holds working memory and must not be used concurrently.
type Matcher struct {
	re    *Regexp
	text  string
	stack []frame
}

// Matcher returns a new Matcher.
func (re *Regexp) Matcher() *Matcher { return &Matcher{re: re} }

// frame is a choice that can be taken back: where matching goes on if the present way fails.
type frame struct {
	kind    frameKind
	pc, pos int
	low     int    // frameShorter: the first position that was not demanded
	left    uint64 // frameChoice: the alternatives not tried yet; frameLonger: how many more
}

type frameKind uint8

const (
	frameGo      frameKind = iota // on at pc
	frameChoice                   // another alternative of the choice at pc
	frameShorter                  // one character less of the greedy run at pc
	frameLonger                   // one character more of the lazy run at pc
)

// Find returns the first match that begins at or after from; ok is false if there is none. The text
// must be valid UTF-8.
func (m *Matcher) Find(text string, from int) (start, end int, ok bool) {
	m.text = text
	for start = from; start < len(text); {
		if next := m.re.first.next(text, start); next >= 0 {
			if end := m.run(0, start); end >= 0 {
				return start, end, true
			}
			start = next
			continue
		}
		if text[start] < utf8.RuneSelf {
			start++
			continue
		}
		_, n := utf8.DecodeRuneInString(text[start:])
		start += n
	}
	return 0, 0, false
}

// run matches from an instruction on and returns where the match ends, or -1.
func (m *Matcher) run(pc, pos int) int {
	base := len(m.stack)
	for {
		i := &m.re.prog[pc]
		ok := true
		switch i.op {
		case opMatch:
			m.stack = m.stack[:base]
			return pos
		case opChar:
			if pos = i.set.next(m.text, pos); pos < 0 {
				ok = false
			}
			pc++
		case opRepeat:
			pos, ok = m.repeat(pc, i, pos)
			pc++
		case opChoice:
			pc, ok = m.choose(pc, pos, i.table.possible(m.text, pos))
		case opSplit:
			m.stack = append(m.stack, frame{frameGo, i.targets[1], pos, 0, 0})
			pc = i.targets[0]
		case opJump:
			pc = i.next
		case opAtomic:
			if pos = m.run(pc+1, pos); pos < 0 {
				ok = false
			}
			pc = i.next
		default:
			ok = m.holds(pc, i, pos)
			pc = i.next
		}
		for !ok {
			if len(m.stack) == base {
				return -1
			}
			pc, pos = m.back()
			ok = pos >= 0
		}
	}
}

// back takes back the last choice and returns where its next way goes on. A way that fails at once
// has position -1 and is taken back in turn.
func (m *Matcher) back() (pc, pos int) {
	last := len(m.stack) - 1
	f := &m.stack[last]
	switch f.kind {
	case frameChoice:
		pc, pos, left := f.pc, f.pos, f.left
		m.stack = m.stack[:last]
		pc, _ = m.choose(pc, pos, left)
		return pc, pos
	case frameShorter:
		_, n := utf8.DecodeLastRuneInString(m.text[:f.pos])
		f.pos -= n
		if f.pos <= f.low {
			m.stack = m.stack[:last]
		}
		return f.pc + 1, f.pos
	case frameLonger:
		return m.longer(f)
	}
	m.stack = m.stack[:last]
	return f.pc, f.pos
}

// possible returns the alternatives that can match at pos.
func (t *choiceTable) possible(text string, pos int) uint64 {
	if pos >= len(text) {
		return t.end
	}
	if c := text[pos]; c < utf8.RuneSelf {
		return t.ascii[c]
	}
	return t.other
}

// choose goes to the first of the alternatives and remembers the others.
func (m *Matcher) choose(pc, pos int, alternatives uint64) (int, bool) {
	if alternatives == 0 {
		return pc, false
	}
	if left := alternatives & (alternatives - 1); left != 0 {
		m.stack = append(m.stack, frame{frameChoice, pc, pos, 0, left})
	}
	return m.re.prog[pc].targets[bits.TrailingZeros64(alternatives)], true
}

// repeat matches a run of characters, and remembers that it may be shorter, or longer if it is lazy.
func (m *Matcher) repeat(pc int, i *inst, pos int) (int, bool) {
	count := 0
	for ; count < i.min; count++ {
		if pos = i.set.next(m.text, pos); pos < 0 {
			return pos, false
		}
	}
	if i.mode == lazy {
		if left := i.max - count; left > 0 {
			m.stack = append(m.stack, frame{frameLonger, pc, pos, 0, uint64(left)})
		}
		return pos, true
	}
	low := pos
	for ; count < i.max; count++ {
		next := i.set.next(m.text, pos)
		if next < 0 {
			break
		}
		pos = next
	}
	if i.mode == greedy && pos > low {
		m.stack = append(m.stack, frame{frameShorter, pc, pos, low, 0})
	}
	return pos, true
}

// longer gives a lazy run one character more; where that fails, the way after it is tried next.
func (m *Matcher) longer(f *frame) (pc, pos int) {
	set := m.re.prog[f.pc].set
	next := set.next(m.text, f.pos)
	pc = f.pc + 1
	if f.pos, f.left = next, f.left-1; next < 0 || f.left == 0 {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return pc, next
}

// holds evaluates an assertion at pos.
func (m *Matcher) holds(pc int, i *inst, pos int) bool {
	switch i.assert {
	case ahead, notAhead:
		return (m.run(pc+1, pos) >= 0) == (i.assert == ahead)
	case behind, notBehind:
		return i.set.endsAt(m.text, pos) == (i.assert == behind)
	case textStart:
		return pos == 0
	case textEnd:
		return pos == len(m.text)
	case textEndOrNewline:
		return pos == len(m.text) || m.text[pos:] == "\n"
	case lineStart: // but not behind a line end that ends the text
		return pos == 0 || m.text[pos-1] == '\n' && pos < len(m.text)
	case lineEnd:
		return pos == len(m.text) || m.text[pos] == '\n'
	}
	isBoundary := i.set.endsAt(m.text, pos) != (i.set.next(m.text, pos) >= 0)
	return isBoundary == (i.assert == wordBoundary)
}
