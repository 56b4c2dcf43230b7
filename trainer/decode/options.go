package decode

import (
	"errors"
	"fmt"

	"longlora/trainer/generate"
	"longlora/trainer/model"
)

// Options bounds a Server. Zero values stand for the defaults.
type Options struct {
	// Active is the number of generations that are computed together; 0: 16.
	Active int
	// Queue is the number of those that wait; 0: 64.
	Queue int
	// CacheBytes bounds the memory of keys and values, those of finished generations included; it is
	// reserved at once. 0: that of Active contexts, but at most 1 GiB, or one context if that is more.
	// What it holds bounds a request, as the model's context does.
	CacheBytes int64
	// Chunk is the number of tokens of prompts that are read in a step; 0: 256.
	Chunk int
}

// defaultCache is the most memory that is reserved without being asked for, in bytes, unless one
// context needs more.
const defaultCache = 1 << 30

func (o Options) withDefaults(m *model.Model) Options {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Active, 16)
	set(&o.Queue, 64)
	set(&o.Chunk, 256)
	if context := Bytes(m, m.Options().Context); o.CacheBytes == 0 {
		o.CacheBytes = max(context, min(int64(o.Active)*context, defaultCache))
	}
	return o
}

// Bytes returns the memory of the keys and values of n tokens, in whole pages.
func Bytes(m *model.Model, n int) int64 {
	return int64(pages(n)*pageRows) * m.CacheRowBytes()
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
	// Logprobs says that events tell the chosen tokens' probabilities, and those of the Top most
	// probable ones.
	Logprobs bool
	Top      int
	// Sinks and Window, if Window is not 0, keep only the first Sinks tokens and the Window latest
	// ones in sight (StreamingLLM, arXiv 2309.17453): prompt and answer may be of any length, and
	// what has left the window cannot be recalled.
	Sinks, Window int
}

// check refuses what cannot be generated with room for limit tokens.
func (r *Request) check(m *model.Model, limit int) error {
	switch {
	case len(r.Prompt) == 0:
		return errors.New("an empty prompt")
	case r.MaxNew < 1:
		return fmt.Errorf("%d new tokens, want at least 1", r.MaxNew)
	case r.Top < 0:
		return fmt.Errorf("the %d most probable tokens, want at least 0", r.Top)
	case r.Window != 0 && (r.Window < 2 || r.Sinks < 0 || r.Sinks+r.Window > limit):
		return fmt.Errorf("%d sinks and a window of %d tokens, the model reads %d", r.Sinks, r.Window,
			limit)
	case r.Window == 0 && len(r.Prompt)+r.MaxNew > limit:
		return &TooLongError{len(r.Prompt), r.MaxNew, limit}
	}
	for i, id := range r.Prompt {
		if id < 0 || int(id) >= m.Config().Vocab {
			return fmt.Errorf("token %d at %d outside vocabulary %d", id, i, m.Config().Vocab)
		}
	}
	return r.Validate()
}

// TooLongError reports a request that the model's context, or the memory for it, does not hold.
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
