package decode

import (
	"context"
	"errors"
	"fmt"

	"longlora/trainer/generate"
	"longlora/trainer/model"
)

// Options bounds a Server. Zero values stand for the defaults.
type Options struct {
	// Active is the number of generations that take turns; 0: 4.
	Active int
	// Queue is the number of those that wait; 0: 64.
	Queue int
	// CacheBytes bounds the memory of keys and values, those of finished generations included; 0:
	// 1 GiB. One generation is always admitted.
	CacheBytes int64
	// Chunk is the number of tokens of a prompt that are read in a turn; 0: 256.
	Chunk int
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Active, 4)
	set(&o.Queue, 64)
	set(&o.Chunk, 256)
	if o.CacheBytes == 0 {
		o.CacheBytes = 1 << 30
	}
	return o
}

// Validate reports every value that cannot be used.
func (o Options) Validate() error {
	var all []error
	for name, v := range map[string]int64{"active": int64(o.Active), "queue": int64(o.Queue),
		"cache": o.CacheBytes, "chunk": int64(o.Chunk)} {
		if v < 0 {
			all = append(all, fmt.Errorf("%s is %d, want at least 0", name, v))
		}
	}
	return errors.Join(all...)
}

// Request is a generation.
type Request struct {
	// Prompt is what is continued, at least one token.
	Prompt []int32
	generate.Options
	// Sinks and Window, if Window is not 0, keep only the first Sinks tokens and the Window latest
	// ones in sight (StreamingLLM, arXiv 2309.17453): prompt and answer may be of any length, and
	// what has left the window cannot be recalled.
	Sinks, Window int
}

// capacity returns the number of tokens that the request needs room for, or an error if the model
// has not that much context.
func (r *Request) capacity(m *model.Model) (int, error) {
	limit := m.Options().Context
	switch {
	case len(r.Prompt) == 0:
		return 0, errors.New("an empty prompt")
	case r.MaxNew < 1:
		return 0, fmt.Errorf("%d new tokens, want at least 1", r.MaxNew)
	case r.Window != 0 && (r.Window < 2 || r.Sinks < 0 || r.Sinks+r.Window > limit):
		return 0, fmt.Errorf("%d sinks and a window of %d tokens, the model reads %d", r.Sinks, r.Window,
			limit)
	case r.Window != 0:
		return r.Sinks + r.Window, nil
	case len(r.Prompt)+r.MaxNew > limit:
		return 0, &TooLongError{len(r.Prompt), r.MaxNew, limit}
	}
	for i, id := range r.Prompt {
		if id < 0 || int(id) >= m.Config().Vocab {
			return 0, fmt.Errorf("token %d at %d outside vocabulary %d", id, i, m.Config().Vocab)
		}
	}
	return len(r.Prompt) + r.MaxNew, nil
}

// TooLongError reports a request that the model's context does not hold.
type TooLongError struct{ Prompt, MaxNew, Context int }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("a prompt of %d tokens and %d new ones are more than the model's context of %d",
		e.Prompt, e.MaxNew, e.Context)
}

// The errors of Submit.
var (
	// ErrBusy reports a full queue.
	ErrBusy = errors.New("too many requests wait; try again later")
	// ErrClosed reports a Server that ends.
	ErrClosed = errors.New("the server is shutting down")
)

// Event is what happens to a generation.
type Event struct {
	// Read counts the prompt's tokens that were read, cached ones included, while it is read.
	Read int
	// Cached is how many of them were read before, by another generation.
	Cached int
	// ID is a token that was chosen, if Token.
	ID    int32
	Token bool
	// End says that this is the last event; Err why it ended early.
	End bool
	Err error
	// Stopped says that the last token was one of Stop, not that there were MaxNew.
	Stopped bool
}

// Generation is a submitted request.
type Generation struct {
	request  Request
	capacity int
	ctx      context.Context
	events   chan Event
}

// Events gives what happens, in order, and is closed after the event End. It is never necessary to
// receive: there is room for all of them.
func (g *Generation) Events() <-chan Event { return g.events }
