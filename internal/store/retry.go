package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"
)

// Retry says how a failed request is tried again. Waits double from First up to Most, each shortened
// at random by up to a half, so that many readers do not come back at once.
type Retry struct {
	// Tries is the greatest number of tries without any progress.
	Tries       int
	First, Most time.Duration
	// Idle is how long a connection may bring nothing before it counts as broken.
	Idle time.Duration
}

// DefaultRetry gives a store about half a minute to recover.
func DefaultRetry() Retry {
	return Retry{Tries: 8, First: 200 * time.Millisecond, Most: 10 * time.Second, Idle: time.Minute}
}

func (r Retry) orDefault() Retry {
	if r == (Retry{}) {
		return DefaultRetry()
	}
	return r
}

// Wait sleeps before the next of the tries, of which some were made in vain.
func (r Retry) Wait(ctx context.Context, made int) error {
	d := r.Most
	if made < 30 {
		d = min(d, r.First<<(made-1))
	}
	d -= time.Duration(rand.Int64N(int64(d)/2 + 1))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// do calls f until it succeeds, fails for good, or was tried often enough.
func (r Retry) do(ctx context.Context, f func(context.Context) error) error {
	for made := 1; ; made++ {
		err := f(ctx)
		if err == nil || !Temporary(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if made >= r.Tries {
			return fmt.Errorf("%w (%d tries)", err, made)
		}
		if err := r.Wait(ctx, made); err != nil {
			return err
		}
	}
}

// Temporary reports an error after which a request may be tried again.
func Temporary(err error) bool {
	return errors.Is(err, ErrTemporary) && !errors.Is(err, fs.ErrNotExist) &&
		!errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrPermission)
}
