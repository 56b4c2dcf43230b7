package serve

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"time"

	"longlora/trainer/decode"
)

// usage counts a request's tokens.
type usage struct {
	Prompt     int            `json:"prompt_tokens"`
	Completion int            `json:"completion_tokens"`
	Total      int            `json:"total_tokens"`
	Details    promptsDetails `json:"prompt_tokens_details"`
}

type promptsDetails struct {
	Cached int `json:"cached_tokens"`
}

// answer is a generation on its way to a client. sink gets its parts.
type answer struct {
	s     *Server
	stops []int32
	text  *text
	usage usage
}

// sink takes an answer's parts.
type sink interface {
	// progress is told how much of the prompt has been read.
	progress(read, of int) error
	// add takes text.
	add(text string) error
	// end takes the reason why it is over: "stop" or "length".
	end(reason string, u usage) error
}

// run generates and hands over; the request's context ends it.
func (s *Server) run(ctx context.Context, job decode.Request, stops []string, to sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all, err := s.o.Decoder.Submit(ctx, job, 1)
	if err != nil {
		return err
	}
	s.counts.begun()
	a := &answer{s: s, stops: job.Stop, text: newText(s.o.Tokenizer, stops)}
	a.usage.Prompt = len(job.Prompt)
	begin := time.Now()
	reason, err := a.receive(all[0], to)
	s.counts.took(time.Since(begin))
	if err != nil {
		return err
	}
	a.usage.Total = a.usage.Prompt + a.usage.Completion
	return to.end(reason, a.usage)
}

// receive hands over events until the end or a stop text.
func (a *answer) receive(g *decode.Generation, to sink) (reason string, err error) {
	for e := range g.Events() {
		switch {
		case e.End && e.Err != nil:
			return "", e.Err
		case e.End:
			rest, err := a.text.flush()
			if err == nil && rest != "" {
				err = to.add(rest)
			}
			if e.Stopped {
				return "stop", err
			}
			return "length", err
		case e.Token:
			stopped, err := a.token(e.ID, to)
			if stopped || err != nil {
				return "stop", err
			}
		default:
			a.usage.Details.Cached = max(a.usage.Details.Cached, e.Cached)
			if err := to.progress(e.Read, a.usage.Prompt); err != nil {
				return "", err
			}
		}
	}
	return "", decode.ErrClosed
}

func (a *answer) token(id int32, to sink) (stopped bool, err error) {
	a.usage.Completion++
	if slices.Contains(a.stops, id) {
		return false, nil // the event of the end follows
	}
	out, stopped, err := a.text.push(id)
	if err == nil && out != "" {
		err = to.add(out)
	}
	return stopped, err
}

// whole is a sink that answers at once.
type whole struct {
	text   string
	reason string
	usage  usage
}

func (w *whole) progress(int, int) error { return nil }

func (w *whole) add(text string) error {
	w.text += text
	return nil
}

func (w *whole) end(reason string, u usage) error {
	w.reason, w.usage = reason, u
	return nil
}

// events is a sink that streams: lines of JSON as server-sent events. How much of the prompt has
// been read goes along as comments, which clients skip and which keep connections open.
type events struct {
	s       *Server
	w       http.ResponseWriter
	control *http.ResponseController
	// chunk returns the object of a part; the first part has a role, the last a reason.
	chunk func(text string, first bool, reason *string) map[string]any
	usage bool
	begun bool
	sent  bool
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

func (e *events) add(text string) error {
	first := !e.sent
	e.sent = true
	return e.data(e.chunk(text, first, nil))
}

func (e *events) end(reason string, u usage) error {
	if !e.sent { // an empty answer has a role too
		if err := e.add(""); err != nil {
			return err
		}
	}
	if err := e.data(e.chunk("", false, &reason)); err != nil {
		return err
	}
	if e.usage {
		last := e.chunk("", false, nil)
		last["choices"], last["usage"] = []any{}, u
		if err := e.data(last); err != nil {
			return err
		}
	}
	return e.write("data: [DONE]")
}

// newID returns a name that no other reply has.
func newID(prefix string) string { return prefix + "-" + rand.Text() }

// stream sends an answer as events; an error before the first is an ordinary reply.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, job decode.Request, c *common,
	chunk func(string, bool, *string) map[string]any) {
	e := &events{s: s, w: w, control: http.NewResponseController(w), chunk: chunk,
		usage: c.StreamOptions != nil && c.StreamOptions.IncludeUsage}
	err := s.run(r.Context(), job, c.Stop, e)
	switch {
	case err == nil:
		s.counts.answered(http.StatusOK)
	case r.Context().Err() != nil:
		s.counts.answered(499) // nobody is there to be told
	case e.begun:
		s.counts.answered(explain(err).status)
		_ = e.data(explain(err).body())
	default:
		s.fail(w, err)
	}
}

// once answers as a whole.
func (s *Server) once(w http.ResponseWriter, r *http.Request, job decode.Request, c *common,
	object func(*whole) map[string]any) {
	out := &whole{}
	err := s.run(r.Context(), job, c.Stop, out)
	switch {
	case err == nil:
		s.counts.answered(http.StatusOK)
		reply(w, object(out))
	case r.Context().Err() != nil:
		s.counts.answered(499)
	default:
		s.fail(w, err)
	}
}
