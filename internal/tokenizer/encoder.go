package tokenizer

import "slices"

// Encoder is one goroutine's encoder: a Tokenizer with a cache of words and working memory, at most
// some 16 MiB. It must not be used concurrently.
type Encoder struct {
	t      *Tokenizer
	steps  []step
	words  *wordEncoder
	parts  *wordEncoder // of words, where a word is not looked up whole
	buffer []byte

	// The output of the call in progress.
	ids     []int32
	offsets []Offset
	track   bool
	take    func(ids []int32) // takes ids as they come; nil: they stay
	room    []int32           // of ids that are taken as they come
}

// NewEncoder returns an Encoder with an empty cache.
func (t *Tokenizer) NewEncoder() *Encoder {
	e := &Encoder{t: t, words: newWordEncoder(t.bpe, t.bpe.whole), steps: make([]step, len(t.steps))}
	if e.parts = e.words; t.bpe.whole != nil {
		e.parts = newWordEncoder(t.bpe, nil)
	}
	for i, s := range t.steps {
		e.steps[i] = s.fresh()
	}
	return e
}

// bytesPerToken is a low guess of how much text a token stands for.
const bytesPerToken = 3

// Encode is Tokenizer.Encode.
func (e *Encoder) Encode(dst []int32, text string, special bool) []int32 {
	e.ids, e.track = slices.Grow(dst, min(len(text), roomSize)/bytesPerToken+8), false
	e.encode(replaceInvalid(text), special)
	dst, e.ids = e.ids, nil
	return dst
}

// pieceIDs is the number of ids from which on EncodePieces hands them over.
const pieceIDs = 16 << 10

// EncodePieces encodes as Encode does and hands the ids to take piece by piece, each valid during the
// call only; the last may be empty. A long text needs no room for all its ids, except where the
// tokenizer's pipeline has no shorter way than through all stages.
func (e *Encoder) EncodePieces(text string, special bool, take func(ids []int32)) {
	if e.room == nil {
		e.room = make([]int32, 0, pieceIDs+roomSize)
	}
	e.ids, e.track, e.take = e.room, false, take
	e.encode(replaceInvalid(text), special)
	if take(e.ids); cap(e.ids) > cap(e.room) && cap(e.ids) <= 4*cap(e.room) {
		e.room = e.ids[:0]
	}
	e.ids, e.take = nil, nil
}

// EncodeOffsets is Tokenizer.EncodeOffsets.
func (e *Encoder) EncodeOffsets(text string, special bool) ([]int32, []Offset) {
	e.ids, e.offsets, e.track = nil, nil, true
	valid := replaceInvalid(text)
	e.encode(valid, special)
	ids, offsets := e.ids, e.offsets
	e.ids, e.offsets = nil, nil
	if valid != text {
		places := replacedOffsets(text)
		for i, o := range offsets {
			offsets[i] = Offset{places[o.Start], places[o.End]}
		}
	}
	return ids, offsets
}

func (e *Encoder) encode(text string, special bool) {
	if special {
		e.addEmpty(e.t.post.before, 0)
	}
	e.body(text)
	if special {
		e.addEmpty(e.t.post.after, len(text))
	}
}

// body encodes what is between the post-processor's tokens.
func (e *Encoder) body(text string) {
	var c cursor
	for {
		token, start, end := e.t.added.raw.next(text, &c)
		if token == nil {
			break
		}
		if c.done < start {
			e.part(e.input(text[c.done:start], c.done))
		}
		e.add(token.ID, Offset{start, end})
		c.done = end
	}
	if c.done < len(text) {
		e.part(e.input(text[c.done:], c.done))
	}
}

// input makes a piece of a part of the input that begins base bytes into it.
func (e *Encoder) input(text string, base int) piece {
	if e.track {
		return trackedPiece(text, base)
	}
	return piece{text: text, first: base == 0}
}

// part encodes the input between two added tokens.
func (e *Encoder) part(p piece) {
	if e.t.direct && !e.track {
		e.direct(p)
		return
	}
	e.normalized(e.t.normalize(p))
}

// normalized encodes a text whose added tokens that match before normalization are cut out.
func (e *Encoder) normalized(p piece) {
	var c cursor
	for {
		token, start, end := e.t.added.normalized.next(p.text, &c)
		if token == nil {
			break
		}
		if c.done < start {
			e.cut(p.slice(c.done, start))
		}
		e.add(token.ID, p.span(start, end))
		c.done = end
	}
	if c.done < len(p.text) {
		e.cut(p.slice(c.done, len(p.text)))
	}
}

// cut encodes normalized text without added tokens.
func (e *Encoder) cut(p piece) {
	if e.t.way == wayScan && !e.track {
		e.scanned(p.text)
		return
	}
	e.through(0, p)
}

// through sends a piece, which is not empty, through the steps from the kth on and on to the model.
func (e *Encoder) through(k int, p piece) {
	switch {
	case p.text == "":
	case k < len(e.steps):
		e.steps[k].cut(e, k, p)
	case e.t.printable:
		e.model(printedBytes(p))
	default:
		e.model(p)
	}
}

// model encodes a piece that no step cuts any more.
func (e *Encoder) model(p piece) {
	if e.track {
		e.trackedWord(p)
		return
	}
	if e.t.way == wayMarks {
		e.marked(p.text)
		return
	}
	e.ids = e.words.append(e.ids, p.text, 0, len(p.text))
}

// trackedWord encodes a word with the offsets of its tokens.
func (e *Encoder) trackedWord(p piece) {
	if id, ok := e.t.bpe.whole[p.text]; ok {
		e.add(id, p.span(0, len(p.text)))
		return
	}
	at := 0
	e.words.merger.mergeTracked(e.t.bpe, p.text, func(id, width int32) {
		e.add(id, p.span(at, at+int(width)))
		at += int(width)
	})
}

// add appends a token to the output.
func (e *Encoder) add(id int32, o Offset) {
	e.ids = append(e.ids, id)
	if e.track {
		e.offsets = append(e.offsets, o)
	}
}

func (e *Encoder) addEmpty(ids []int32, at int) {
	for _, id := range ids {
		e.add(id, Offset{at, at})
	}
}
