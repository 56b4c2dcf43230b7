package prompt

import (
	"fmt"

	"longlora/internal/tokenizer"
)

// Span is a half-open range of indices of ids.
type Span struct{ Start, End int }

// Encoded is a conversation as token ids.
type Encoded struct {
	IDs []int32
	// Learn are the spans of the tokens to be learned, in order, apart from each other.
	Learn []Span
}

// Encode renders a conversation with a template and tokenizes it.
func Encode(t *tokenizer.Tokenizer, template Template, messages []Message) (Encoded, error) {
	if err := Validate(messages); err != nil {
		return Encoded{}, err
	}
	e := encoder{t: t}
	pieces := template.Render(messages)
	for i := 0; i < len(pieces); {
		if pieces[i].Kind != Text {
			if err := e.named(pieces[i]); err != nil {
				return Encoded{}, fmt.Errorf("prompt: template %s: %w", template.Name(), err)
			}
			i++
			continue
		}
		n := i
		for n < len(pieces) && pieces[n].Kind == Text {
			n++
		}
		e.texts(pieces[i:n])
		i = n
	}
	return e.out, nil
}

// Fits reports whether a tokenizer has every token that a template names.
func Fits(t *tokenizer.Tokenizer, template Template) error {
	_, err := Encode(t, template, []Message{{User, "question"}, {Assistant, "answer"}})
	return err
}

type encoder struct {
	t   *tokenizer.Tokenizer
	out Encoded
}

func (e *encoder) add(id int32, learn bool) {
	n := len(e.out.IDs)
	e.out.IDs = append(e.out.IDs, id)
	if !learn {
		return
	}
	if last := len(e.out.Learn) - 1; last >= 0 && e.out.Learn[last].End == n {
		e.out.Learn[last].End++
		return
	}
	e.out.Learn = append(e.out.Learn, Span{n, n + 1})
}

// named adds a piece that is one token.
func (e *encoder) named(p Piece) error {
	switch p.Kind {
	case Begin:
		if id, ok := e.t.BOS(); ok {
			e.add(id, p.Learn)
		}
		return nil
	case End:
		id, ok := e.t.EOS()
		if !ok {
			return fmt.Errorf("the tokenizer %s has no end-of-sequence token; put a "+
				"tokenizer_config.json with eos_token beside it or choose chatml", e.t.Name())
		}
		e.add(id, p.Learn)
		return nil
	}
	id, ok := e.t.ID(p.Text)
	if !ok {
		return fmt.Errorf("the tokenizer %s has no token %s; choose another template", e.t.Name(), p.Text)
	}
	e.add(id, p.Learn)
	return nil
}

// texts adds texts that follow each other, tokenized as one. A token is learned if it begins within
// a text that is.
func (e *encoder) texts(pieces []Piece) {
	text := ""
	var learn []Span // bytes
	for _, p := range pieces {
		if p.Learn {
			learn = append(learn, Span{len(text), len(text) + len(p.Text)})
		}
		text += p.Text
	}
	e.text(text, 0, learn)
}

// text adds a text whose first byte is at base of the learned ranges. Where it spells special
// tokens, it is cut after each one's first character, so that the characters stay text.
func (e *encoder) text(text string, base int, learn []Span) {
	ids, offsets := e.t.EncodeOffsets(text, false)
	from := 0
	for i, id := range ids {
		cut := offsets[i].Start + firstLen(text[offsets[i].Start:])
		if e.t.IsSpecial(id) && cut < len(text) {
			e.text(text[from:cut], base+from, learn)
			from = cut
		}
	}
	if from > 0 {
		e.text(text[from:], base+from, learn)
		return
	}
	for i, id := range ids {
		at := base + offsets[i].Start
		in := false
		for _, l := range learn {
			in = in || l.Start <= at && at < l.End
		}
		e.add(id, in)
	}
}

// firstLen is the number of bytes of a text's first character.
func firstLen(text string) int {
	for i := range text {
		if i > 0 {
			return i
		}
	}
	return len(text)
}
