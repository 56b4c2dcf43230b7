package tokenizer

import "unicode/utf8"

// EncodeOffsets returns the ids of text as Encode does and, for each, the bytes of text that it
// stands for, whole characters always. Tokens that the post-processor adds have empty offsets. If
// text is not UTF-8, offsets count in the text with its bad bytes replaced.
func (t *Tokenizer) EncodeOffsets(text string, special bool) ([]int32, []Offset) {
	e := t.pool.Get().(*Encoder)
	defer t.pool.Put(e)
	a := offsetEncoder{e: e}
	text = replaceInvalid(text)
	if special {
		a.addEmpty(t.post.before, 0)
	}
	for from := 0; ; {
		token, start, end := t.added.raw.next(text, from)
		if token == nil {
			a.piece(alignIdentity(text[from:], from), from == 0)
			break
		}
		a.piece(alignIdentity(text[from:start], from), from == 0)
		a.add(token.ID, Offset{start, end})
		from = end
	}
	if special {
		a.addEmpty(t.post.after, len(text))
	}
	return a.ids, a.offsets
}

// offsetEncoder follows Encoder's path with aligned texts.
type offsetEncoder struct {
	e       *Encoder
	ids     []int32
	offsets []Offset
}

func (a *offsetEncoder) add(id int32, o Offset) {
	a.ids, a.offsets = append(a.ids, id), append(a.offsets, o)
}

func (a *offsetEncoder) addEmpty(ids []int32, at int) {
	for _, id := range ids {
		a.add(id, Offset{at, at})
	}
}

func (a *offsetEncoder) piece(text aligned, first bool) {
	if text.text == "" {
		return
	}
	t := a.e.t
	text = t.normalize.applyAligned(text)
	for from := 0; ; {
		token, start, end := t.added.normalized.next(text.text, from)
		if token == nil {
			a.words(text.slice(from, len(text.text)), first && from == 0)
			return
		}
		a.words(text.slice(from, start), first && from == 0)
		a.add(token.ID, Offset{text.start[start], text.end[end-1]})
		from = end
	}
}

func (a *offsetEncoder) words(text aligned, first bool) {
	if text.text == "" {
		return
	}
	t := a.e.t
	if with := t.prefixed(text.text, first); len(with) > len(text.text) {
		text = text.prepend(with[:len(with)-len(text.text)])
	}
	t.split.words(text.text, func(from, to int) {
		ids := a.e.word(nil, text.text[from:to])
		for _, id := range ids {
			n := t.bpe.width(id, text.text[from:to])
			a.add(id, Offset{text.start[from], text.end[from+n-1]})
			from += n
		}
	})
}

func (a aligned) slice(from, to int) aligned {
	return aligned{a.text[from:to], a.start[from:to], a.end[from:to]}
}

// width returns how many bytes of rest the token at its beginning stands for.
func (m *bpe) width(id int32, rest string) int {
	if m.byteLevel {
		return len(m.tokens[id])
	}
	if b := m.byteIDs[rest[0]]; b == id {
		return 1
	}
	if id != m.unknown {
		return len(m.tokens[id])
	}
	n := 0
	for i, r := range rest {
		if _, ok := m.runeIDs[r]; i > 0 && (ok || !m.fuseUnknown) {
			break
		}
		n = i + utf8.RuneLen(r)
	}
	return n
}
