package tokenizer

import "strings"

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
		if m, ok := onlyMarks(t.normalizers, t.steps); ok && t.bpe.cutsAtMarks(m.each) {
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
	dst := e.ids
	for i := 0; i < len(text); {
		j := e.t.scan.next(text, i)
		dst = e.appendWord(dst, text, i, j)
		i = j
	}
	e.ids = dst
}

// marks is a SentencePiece pipeline.
type marks struct {
	spaces bool   // spaces are written as marks
	scheme scheme // where a mark is put before the text
	always bool   // also before text that begins with one
	each   bool   // words begin at each mark, not at each run of them
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
			if n.find != finder(literal(" ")) || n.with != spaceMark {
				return m, false
			}
			m.spaces = true
		default:
			return m, false
		}
	}
	switch len(steps) {
	case 0:
		return m, true
	case 1:
		meta, ok := steps[0].(metaspaceStep)
		if !ok || meta.mark != spaceMark || m.scheme != never {
			return m, false
		}
		return marks{spaces: true, scheme: meta.scheme, each: meta.split}, true
	}
	return m, false
}

// cutsAtMarks reports whether no merge joins a mark to something before it that is not a mark: then
// text may be cut before each run of marks. Words that are tokens whatever the merges say may only be
// looked for where the pipeline cuts.
func (m *bpe) cutsAtMarks(each bool) bool {
	if _, ok := m.ids[spaceMark]; !ok || m.whole != nil && !each {
		return false
	}
	for token := range m.ids {
		if strings.Contains(strings.TrimLeft(token, spaceMark), spaceMark) {
			return false
		}
	}
	return true
}

// direct encodes a part of the input without writing its marks.
func (e *Encoder) direct(p piece) {
	text := p.text
	if e.t.marks.wants(p) {
		i := e.t.marks.next(text, 0)
		e.buffer = append(append(e.buffer[:0], spaceMark...), text[:i]...)
		e.ids = e.appendWord(e.ids, string(e.buffer), 0, len(e.buffer))
		text = text[i:]
	}
	e.marked(text)
}

// marked encodes text by cutting it before marks.
func (e *Encoder) marked(text string) {
	dst := e.ids
	for i := 0; i < len(text); {
		j := e.t.marks.next(text, i)
		dst = e.appendWord(dst, text, i, j)
		i = j
	}
	e.ids = dst
}

// wants reports whether a mark goes before the text.
func (m *marks) wants(p piece) bool {
	if m.scheme == never || m.scheme == atTheFirst && !p.first {
		return false
	}
	return m.always || m.mark(p.text, 0) == 0
}

// mark returns the length of the mark at s[i], 0 if there is none.
func (m *marks) mark(s string, i int) int {
	switch {
	case s[i] == ' ' && m.spaces:
		return 1
	case s[i] == spaceMark[0] && strings.HasPrefix(s[i:], spaceMark):
		return len(spaceMark)
	}
	return 0
}

// next returns the end of the word that begins at s[i]: marks and what follows up to the next mark.
func (m *marks) next(s string, i int) int {
	for i < len(s) {
		n := m.mark(s, i)
		if n == 0 {
			break
		}
		i += n
		if m.each {
			break
		}
	}
	for i < len(s) && m.mark(s, i) == 0 {
		i++
	}
	return i
}
