package serve

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"longlora/trainer/decode"
	"longlora/trainer/generate"
)

// usage counts a request's tokens: the prompt's once, those of all its answers.
type usage struct {
	Prompt     int            `json:"prompt_tokens"`
	Completion int            `json:"completion_tokens"`
	Total      int            `json:"total_tokens"`
	Details    promptsDetails `json:"prompt_tokens_details"`
}

type promptsDetails struct {
	Cached int `json:"cached_tokens"`
}

// job is what a request asks for.
type job struct {
	decode.Request
	n     int // answers
	stops []string
}

// piece is text of an answer, and the tokens that begin in it.
type piece struct {
	text   string
	tokens []token
}

// token is a chosen token with its probability and the most probable ones in its place.
type token struct {
	text    string
	from    int // characters of the answer before it
	logprob float64
	top     []generate.Ranked
}

// sink takes the parts of answers, which are numbered. Its methods are not called concurrently.
type sink interface {
	// progress is told how much of the prompt has been read.
	progress(read, of int) error
	add(answer int, p piece) error
	// end takes the reason why an answer is over: "stop" or "length".
	end(answer int, reason string) error
	// done is called after the last answer's end.
	done(u usage) error
}

// run generates and hands over; the request's context ends it, and so does the first error.
func (s *Server) run(ctx context.Context, j job, to sink) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	all, err := s.o.Decoder.Submit(ctx, j.Request, j.n)
	if err != nil {
		return err
	}
	s.counts.begun()
	begin := time.Now()
	defer func() { s.counts.took(time.Since(begin)) }()
	var mu sync.Mutex // of to
	answers := make([]answer, len(all))
	var wait sync.WaitGroup
	for i, g := range all {
		a := &answers[i]
		*a = answer{s: s, j: &j, index: i, mu: &mu, to: to, text: generate.NewText(s.o.Tokenizer, j.stops)}
		run := func() {
			if err := a.receive(g); err != nil {
				cancel(err)
			}
		}
		if i == len(all)-1 {
			run()
		} else {
			wait.Go(run)
		}
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	u := usage{Prompt: len(j.Prompt)}
	for i := range answers {
		u.Completion += answers[i].tokens
	}
	u.Total, u.Details.Cached = u.Prompt+u.Completion, answers[0].cached
	return to.done(u)
}

// answer is one of a request's on its way to a client.
type answer struct {
	s     *Server
	j     *job
	index int
	mu    *sync.Mutex
	to    sink
	text  *generate.Text

	tokens, cached int
	waiting        []token // whose text is held back
	chars          int     // of the text so far, held back or not
	sent           int
}

// receive hands over events until the end or a stop text.
func (a *answer) receive(g *decode.Generation) error {
	for e := range g.Events() {
		switch {
		case e.End && e.Err != nil:
			return broken(e.Err)
		case e.End:
			rest, err := a.text.Flush()
			if err != nil {
				return err
			}
			return a.end(rest, e.Stopped)
		case e.Token:
			out, stopped, err := a.token(e)
			if err == nil && stopped {
				g.Stop()
				return a.end(out, true)
			}
			if err == nil && out != "" {
				err = a.add(out)
			}
			if err != nil {
				return err
			}
		default:
			if err := a.progress(e); err != nil {
				return err
			}
		}
	}
	return decode.ErrClosed
}

func (a *answer) progress(e decode.Event) error {
	a.cached = max(a.cached, e.Cached)
	if a.index > 0 { // it is the same prompt
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to.progress(e.Read, len(a.j.Prompt))
}

// token adds a token and returns the text that is certain now.
func (a *answer) token(e decode.Event) (out string, stopped bool, err error) {
	a.tokens++
	if slices.Contains(a.j.Stop, e.ID) {
		return "", false, nil // the event of the end follows
	}
	before := a.chars
	out, stopped, err = a.text.Push(e.ID)
	a.chars = a.sent + utf8.RuneCountInString(out) + utf8.RuneCountInString(a.text.Held())
	if a.j.Logprobs {
		a.waiting = append(a.waiting, token{a.s.word(e.ID), before, e.Logprob, e.Top})
	}
	return out, stopped, err
}

func (a *answer) add(text string) error {
	p := a.piece(text)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to.add(a.index, p)
}

// piece takes the tokens along that begin within a text.
func (a *answer) piece(text string) piece {
	a.sent += utf8.RuneCountInString(text)
	n := 0
	for n < len(a.waiting) && a.waiting[n].from < a.sent {
		n++
	}
	p := piece{text, a.waiting[:n:n]}
	a.waiting = a.waiting[n:]
	return p
}

// end hands over the last text. Tokens that stopped the answer, or came to no text, go along unless
// they lie behind a stop text.
func (a *answer) end(text string, stopped bool) error {
	p := a.piece(text)
	if !stopped {
		p.tokens = append(p.tokens, a.waiting...)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.text != "" || len(p.tokens) > 0 {
		if err := a.to.add(a.index, p); err != nil {
			return err
		}
	}
	if stopped {
		return a.to.end(a.index, "stop")
	}
	return a.to.end(a.index, "length")
}

// stream sends answers as events; an error before the first is an ordinary reply.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, j job, c *common, f form) {
	e := &events{w: w, control: http.NewResponseController(w), form: f, sent: make([]bool, j.n),
		usage: c.StreamOptions != nil && c.StreamOptions.IncludeUsage}
	err := s.run(r.Context(), j, e)
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
func (s *Server) once(w http.ResponseWriter, r *http.Request, j job, f form) {
	out := &whole{answers: make([]wholeAnswer, j.n)}
	err := s.run(r.Context(), j, out)
	switch {
	case err == nil:
		s.counts.answered(http.StatusOK)
		reply(w, out.object(f))
	case r.Context().Err() != nil:
		s.counts.answered(499)
	default:
		s.fail(w, err)
	}
}
