package tokenizer

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// way is how text gets to the model, where there is a shorter one than through all stages.
type way uint8

const (
	wayStages way = iota
	wayScan       // a scanner cuts text that the normalizers do not change
	wayMarks      // SentencePiece: a mark before the text, marks for spaces, no words
)

// findWay recognizes the pipelines that direct knows.
func (t *Tokenizer) findWay() {
	switch {
	case t.printable:
	case t.bpe.bytes:
		if sc, ok := onlyScanner(t.steps); ok {
			t.way, t.scan = wayScan, sc
		}
	default:
		if m, ok := onlyMarks(t.normalizers, t.steps); ok && (t.bpe.whole == nil || m.each) {
			m.joints = newCharJoints(t.bpe, m.spaces)
			t.way, t.marks = wayMarks, m
			t.bpe.spaceIsMark = m.spaces
		}
	}
}

// onlyScanner recognizes a scanner with or within a byte-level step.
func onlyScanner(steps []step) (scanner, bool) {
	last, ok := steps[max(len(steps)-1, 0)].(byteLevelStep)
	if !ok || last.addSpace {
		return 0, false
	}
	switch {
	case len(steps) == 1 && last.gpt2:
		return scanGPT2, true
	case len(steps) == 2 && !last.gpt2:
		sc, ok := steps[0].(scanner)
		return sc, ok
	}
	return 0, false
}

// scanned encodes text as a scanner cuts it.
func (e *Encoder) scanned(text string) {
	dst, sc := e.ids, e.t.scan
	for i, stop := 0, 0; i < len(text); {
		if i >= stop {
			dst, stop = e.makeRoom(dst, i, len(text))
		}
		if i+windowSize <= len(text) {
			w := windowAt(text, i)
			if n := sc.plain(w, text[i:]); n > 0 {
				dst = e.words.appendPlain(dst, text, i, w, n)
				i += n
				continue
			}
		}
		j := sc.next(text, i)
		if e.t.bpe.joints != nil && wideWord(text, i, j) {
			dst = e.appendWide(dst, text, i, j)
		} else {
			dst = e.words.append(dst, text, i, j)
		}
		i = j
	}
	e.ids = dst
}

// roomSize is the number of bytes of text after which makeRoom looks again.
const roomSize = 64 << 10

// makeRoom makes room in dst for what the rest of a text, of which done of total bytes are encoded, is
// likely to take, judged by what has been encoded: a long text's ids are moved once or a few times. Ids
// that are taken as they come make room themselves. It returns where to look again.
func (e *Encoder) makeRoom(dst []int32, done, total int) (_ []int32, stop int) {
	if e.take != nil {
		if len(dst) >= pieceIDs {
			e.take(dst)
			dst = dst[:0]
		}
		return dst, done + roomSize
	}
	if done > 0 {
		const margin = 1.25 // as append grows long slices
		rest := float64(len(dst)-len(e.ids)) / float64(done) * float64(total-done)
		if float64(cap(dst)-len(dst)) < rest {
			grown := make([]int32, len(dst), len(dst)+int(margin*rest)) // append would clear it
			copy(grown, dst)
			dst = grown
		}
	}
	return dst, done + roomSize
}

// wideWord reports whether the word s[i:j] begins with a character of three bytes or more, with or
// without one byte before it: such scripts write many words as one.
func wideWord(s string, i, j int) bool {
	return s[i] >= 0xE0 || i+1 < j && s[i+1] >= 0xE0
}

// appendWide appends the ids of the word s[i:j], which is merged in parts that no merge joins.
func (e *Encoder) appendWide(dst []int32, s string, i, j int) []int32 {
	if id, ok := e.t.bpe.whole[s[i:j]]; ok {
		return append(dst, id)
	}
	for i < j {
		k := e.t.bpe.joints.cutWord(s, i, j)
		dst = e.parts.append(dst, s, i, k)
		i = k
	}
	return dst
}

// plain returns the length of the word that s and its window begin with, if that is an ASCII word of at most
// 15 bytes that surely ends there, with or without a character before it; else 0.
func (sc scanner) plain(w window, s string) int {
	lead := 0
	if c := byte(w.low); c == ' ' || sc != scanGPT2 && leads(c) {
		lead = 1
		w = w.next()
	}
	n := w.letters()
	if n == 0 || n+lead > maxShort || s[n+lead] >= utf8.RuneSelf {
		return 0
	}
	return n + lead
}

// leads reports whether [^\r\n\p{L}\p{N}]?\p{L}+ takes an ASCII character together with the letters
// behind it, and no contraction can begin with it.
func leads(c byte) bool {
	return c < utf8.RuneSelf && c != '\'' && (asciiClass[c] == other || asciiClass[c] == space)
}

// next is the window without its first byte.
func (w window) next() window { return window{w.low>>8 | w.high<<56, w.high >> 8} }

// marks is a SentencePiece pipeline: the whole text is one word, or each mark begins one.
type marks struct {
	spaces bool   // spaces are written as marks
	scheme scheme // where a mark is put before the text
	always bool   // also before text that begins with one
	each   bool   // a word begins at each mark
	leads  bool   // a mark is put before a part that begins with one, whatever the scheme
	joints *joints
}

// onlyMarks recognizes the normalizers Prepend and Replace, and the pre-tokenizer Metaspace.
func onlyMarks(normalizers []normalizer, steps []step) (m marks, ok bool) {
	for _, n := range normalizers {
		switch n := n.(type) {
		case prepend:
			if n != spaceMark || m.scheme != never {
				return m, false
			}
			m.scheme, m.always = always, true
		case replace:
			switch {
			case n.find == finder(literal(" ")) && n.with == spaceMark:
				m.spaces = true
			case finds(n.find, leadingMark) && n.with == spaceMark+spaceMark && len(normalizers) == 1:
				m.leads = true
			default:
				return m, false
			}
		default:
			return m, false
		}
	}
	for _, st := range steps {
		meta, ok := st.(metaspaceStep)
		if m.leads && (!ok || meta.scheme != atTheFirst || meta.split) {
			return m, false
		}
		if !ok || meta.mark != spaceMark || m.scheme != never || len(steps) > 1 {
			return m, m.spaces && noSpaces(steps)
		}
		m.spaces, m.scheme, m.each = true, meta.scheme, meta.split
	}
	return m, !m.leads || len(steps) == 1
}

// leadingMark finds the mark or space that a text begins with.
const leadingMark = `\A[ ▁]`

// finds reports whether a finder looks for a regular expression.
func finds(f finder, expr string) bool {
	e, ok := f.(*expression)
	return ok && e.re.String() == expr
}

// noSpaces reports whether the steps do nothing to a text without spaces.
func noSpaces(steps []step) bool {
	for _, st := range steps {
		if split, ok := st.(splitStep); !ok || split.find != finder(literal(" ")) || split.invert {
			return false
		}
	}
	return true
}

// takesDirect reports whether direct gives what going through the stages gives: added tokens that are
// matched in normalized text may then be looked for in the text as it is.
func (t *Tokenizer) takesDirect() bool {
	return t.way == wayMarks && (!t.added.normalized.any() || t.marks.leads && t.added.normalized.plain())
}

// direct encodes a part of the input without writing its marks.
func (e *Encoder) direct(p piece) {
	var c cursor
	for {
		token, start, end := e.t.added.normalized.next(p.text, &c)
		if token == nil {
			break
		}
		if c.done < start {
			e.directly(p.slice(c.done, start), c.done == 0)
		}
		e.add(token.ID, Offset{})
		c.done = end
	}
	if c.done < len(p.text) {
		e.directly(p.slice(c.done, len(p.text)), c.done == 0)
	}
}

// directly encodes text without added tokens, which begins the part or does not.
func (e *Encoder) directly(p piece, begins bool) {
	text := p.text
	if begins && e.t.marks.wants(p) {
		i := e.t.marks.next(text, 0)
		e.buffer = append(append(e.buffer[:0], spaceMark...), text[:i]...)
		first := unsafe.String(unsafe.SliceData(e.buffer), len(e.buffer)) // not kept
		e.ids = e.words.append(e.ids, first, 0, len(first))
		text = text[i:]
	}
	e.marked(text)
}

// marked encodes text by cutting it where no merge joins.
func (e *Encoder) marked(text string) {
	dst, m := e.ids, &e.t.marks
	for i, stop := 0, 0; i < len(text); {
		if i >= stop {
			dst, stop = e.makeRoom(dst, i, len(text))
		}
		if i+windowSize <= len(text) {
			w := windowAt(text, i)
			if n := m.plain(w, text[i:]); n > 0 {
				dst = e.words.appendPlain(dst, text, i, w, n)
				i += n
				continue
			}
		}
		j := m.next(text, i)
		dst = e.words.append(dst, text, i, j)
		i = j
	}
	e.ids = dst
}

// wants reports whether a mark goes before the text.
func (m *marks) wants(p piece) bool {
	if m.leads && m.markAt(p.text, 0) {
		return true
	}
	if m.scheme == never || m.scheme == atTheFirst && !p.first {
		return false
	}
	return m.always || !m.markAt(p.text, 0)
}

// markAt reports whether there is a mark at s[i].
func (m *marks) markAt(s string, i int) bool {
	return s[i] == ' ' && m.spaces || strings.HasPrefix(s[i:], spaceMark)
}

// plain returns the length of the word that s and its window begin with, if that is ASCII, at most 15 bytes and
// may be cut off there: a word of letters with or without a space before it, or one character that is
// no letter; else 0.
func (m *marks) plain(w window, s string) int {
	space := 0
	if byte(w.low) == ' ' {
		space = 1
		w = w.next()
	}
	n := w.letters()
	if n == 0 && space == 0 && byte(w.low) < utf8.RuneSelf {
		n = 1
	}
	n += space
	if n == space || n > maxShort || m.joints.ascii(s[n-1], s[n]) {
		return 0
	}
	return n
}

// next returns the end of the part that begins at s[i] and is cut off from the rest.
func (m *marks) next(s string, i int) int {
	last, n := m.joints.at(s, i)
	for i += n; i < len(s); i += n {
		var c char
		c, n = m.joints.at(s, i)
		if m.each && c == m.joints.mark || !m.joints.join(last, c) {
			break
		}
		last = c
	}
	return i
}
