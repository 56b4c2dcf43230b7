package decode

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"longlora/trainer/generate"
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
	// Logprob is the logarithm of its probability by the model, before Sampling changed it, and Top the
	// most probable tokens in its place, if the request wants them.
	Logprob float64
	Top     []generate.Ranked
	// End says that this is the last event; Err why it ended early.
	End bool
	Err error
	// Stopped says that the last token was one of Stop, not that there were MaxNew.
	Stopped bool
}

// Generation is a submitted request.
type Generation struct {
	request Request
	ctx     context.Context
	// leader, if not nil, reads the same prompt, so that this one waits until it has.
	leader *Generation
	begun  bool // the prompt has been read, or will not be
	ended  atomic.Bool

	mu     sync.Mutex
	events []Event
	more   chan struct{} // has an element if there may be events
}

func newGeneration(ctx context.Context, r Request, leader *Generation) *Generation {
	return &Generation{request: r, ctx: ctx, leader: leader, more: make(chan struct{}, 1)}
}

// Events gives what happens, in order; the event End is the last. One goroutine may range over them,
// once. Who is slow holds up nobody: events wait in memory, of which there are as many as there are
// tokens at most.
func (g *Generation) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for range g.more {
			g.mu.Lock()
			all := g.events
			g.events = nil
			g.mu.Unlock()
			for _, e := range all {
				if !yield(e) || e.End {
					return
				}
			}
		}
	}
}

// Stop ends the generation soon: who asked for it has enough.
func (g *Generation) Stop() { g.ended.Store(true) }

// over returns how a generation ends that is no longer wanted; false if it is.
func (g *Generation) over() (Event, bool) {
	if err := g.ctx.Err(); err != nil {
		return Event{Err: err}, true
	}
	return Event{Stopped: true}, g.ended.Load()
}

func (g *Generation) tell(e Event) {
	g.mu.Lock()
	g.events = append(g.events, e)
	g.mu.Unlock()
	select {
	case g.more <- struct{}{}:
	default:
	}
}

// finish tells the end.
func (g *Generation) finish(e Event) {
	e.End, g.begun = true, true
	g.tell(e)
}
