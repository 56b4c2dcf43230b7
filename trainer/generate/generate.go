package generate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"longlora/trainer/model"
)

// Options bounds a generation.
type Options struct {
	// MaxNew is the greatest number of new tokens.
	MaxNew int
	// Stop are the tokens after which generation ends, as the end of a sequence.
	Stop []int32
	Sampling
}

// TooLongError reports a prompt and new tokens that are none, or more than the model's context.
type TooLongError struct{ Prompt, MaxNew, Context int }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("generate: a prompt of %d tokens and %d new ones: want at least one of each and "+
		"at most %d together, the model's context", e.Prompt, e.MaxNew, e.Context)
}

// Watch is told how a generation goes on. Its functions may be nil.
type Watch struct {
	// Read is given the number of the prompt's tokens that have been read, after each part.
	Read func(n int)
	// Token is given each token as it is chosen. Its error ends the generation, and is Run's but for
	// ErrEnough.
	Token func(id int32) error
}

// ErrEnough is returned by Watch.Token to end a generation before its time.
var ErrEnough = errors.New("enough")

// Run continues prompt and returns the new tokens, the stop token included; with an error, those that
// there are. The prompt and MaxNew tokens must fit into the model's context.
func Run(ctx context.Context, m *model.Model, prompt []int32, o Options, w Watch) (ids []int32,
	err error) {
	sampler, err := NewSampler(o.Sampling, prompt)
	if err != nil {
		return nil, err
	}
	total, limit := len(prompt)+o.MaxNew, m.Options().Context
	if len(prompt) == 0 || o.MaxNew < 1 || total > limit {
		return nil, &TooLongError{len(prompt), o.MaxNew, limit}
	}
	d, err := m.NewDecoder(total, 0)
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	logits, err := readPrompt(ctx, d, prompt, w)
	for err == nil {
		next := sampler.Pick(logits)
		ids = append(ids, next)
		if w.Token != nil {
			err = w.Token(next)
		}
		enough := errors.Is(err, ErrEnough)
		if enough {
			err = nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			break
		}
		if enough || len(ids) == o.MaxNew || slices.Contains(o.Stop, next) {
			return ids, nil
		}
		logits, err = d.Read(next)
	}
	return ids, fmt.Errorf("generate: token %d: %w", len(prompt)+len(ids), err)
}

// readPrompt reads a prompt in parts, between which the context may end.
func readPrompt(ctx context.Context, d *model.Decoder, prompt []int32, w Watch) (logits []float32,
	err error) {
	for part := range slices.Chunk(prompt, model.DefaultChunk) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if logits, err = d.Read(part...); err != nil {
			return nil, err
		}
		if w.Read != nil {
			w.Read(d.Len())
		}
	}
	return logits, nil
}
