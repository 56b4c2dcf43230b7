package serve

import (
	"fmt"
	"net/http"
	"time"
)

// form is how a kind of request is answered: chat or completions.
type form interface {
	// object returns a reply or, of a stream, a part of one.
	object(stream bool, choices []any) map[string]any
	// choice returns a whole answer.
	choice(answer int, p piece, reason string) map[string]any
	// delta returns a part of an answer: first its first; reason, if not nil, says that it is over.
	delta(answer int, p piece, first bool, reason *string) map[string]any
}

// whole is a sink that answers at once.
type whole struct {
	answers []wholeAnswer
	usage   usage
}

type wholeAnswer struct {
	piece
	reason string
}

func (w *whole) progress(int, int) error { return nil }

func (w *whole) add(answer int, p piece) error {
	a := &w.answers[answer]
	a.text += p.text
	a.tokens = append(a.tokens, p.tokens...)
	return nil
}

func (w *whole) end(answer int, reason string) error {
	w.answers[answer].reason = reason
	return nil
}

func (w *whole) done(u usage) error {
	w.usage = u
	return nil
}

func (w *whole) object(f form) map[string]any {
	var choices []any
	for i, a := range w.answers {
		choices = append(choices, f.choice(i, a.piece, a.reason))
	}
	out := f.object(false, choices)
	out["usage"] = w.usage
	return out
}

// events is a sink that streams: lines of JSON as server-sent events. How much of the prompt has
// been read goes along as comments, which clients skip and which keep connections open.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	form    form
	usage   bool
	begun   bool
	sent    []bool // a part of each answer
}

func (e *events) write(line string) error {
	if !e.begun {
		e.begun = true
		e.w.Header().Set("Content-Type", "text/event-stream")
		e.w.WriteHeader(http.StatusOK)
	}
	if err := e.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil &&
		err != http.ErrNotSupported {
		return err
	}
	if _, err := fmt.Fprint(e.w, line, "\n\n"); err != nil {
		return err
	}
	return e.control.Flush()
}

func (e *events) progress(read, of int) error {
	return e.write(fmt.Sprintf(": read %d of %d", read, of))
}

func (e *events) data(v any) error { return e.write("data: " + string(encode(v))) }

func (e *events) add(answer int, p piece) error {
	first := !e.sent[answer]
	e.sent[answer] = true
	return e.data(e.form.object(true, []any{e.form.delta(answer, p, first, nil)}))
}

func (e *events) end(answer int, reason string) error {
	if !e.sent[answer] { // an empty answer has a role too
		if err := e.add(answer, piece{}); err != nil {
			return err
		}
	}
	return e.data(e.form.object(true, []any{e.form.delta(answer, piece{}, false, &reason)}))
}

func (e *events) done(u usage) error {
	if e.usage {
		last := e.form.object(true, []any{})
		last["usage"] = u
		if err := e.data(last); err != nil {
			return err
		}
	}
	return e.write("data: [DONE]")
}
