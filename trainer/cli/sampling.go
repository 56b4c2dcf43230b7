package cli

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/trainer/generate"
	"longlora/trainer/open"
)

// samplingFlags choose how tokens are chosen, and when an answer ends.
type samplingFlags struct {
	generate.Options
	stopTexts []string
}

func (f *samplingFlags) add(c *cobra.Command, maxNew int) {
	flags := c.Flags()
	flags.IntVar(&f.MaxNew, "max-new", maxNew, "greatest number of new tokens")
	flags.Float64Var(&f.Temperature, "temperature", 0, "divides the logits; 0: greedy")
	flags.IntVar(&f.TopK, "top-k", 0, "choose among the K most probable tokens; 0: all")
	flags.Float64Var(&f.TopP, "top-p", 0, "choose among the most probable that sum to P; 0: all")
	flags.Float64Var(&f.MinP, "min-p", 0,
		"choose among those at least P times as probable as the most probable; 0: all")
	flags.Float64Var(&f.Repetition, "repetition-penalty", 0,
		"divides logits of tokens that prompt or answer have, if positive, else multiplies; 0: none")
	flags.Float64Var(&f.Presence, "presence-penalty", 0,
		"subtracted from logits of tokens that the answer has")
	flags.Float64Var(&f.Frequency, "frequency-penalty", 0,
		"subtracted from them as often as the answer has them")
	flags.Uint64Var(&f.Seed, "seed", 1, "seed of the choices")
	flags.StringArrayVar(&f.stopTexts, "stop", nil, "text before which an answer ends; may be repeated")
}

func (f *samplingFlags) check() error {
	if f.MaxNew < 1 {
		return command.Usagef("--max-new is %d, want at least 1", f.MaxNew)
	}
	if slices.Contains(f.stopTexts, "") {
		return command.Usagef("--stop is empty")
	}
	if err := f.Validate(); err != nil {
		return command.Usagef("%w", err)
	}
	return nil
}

// reading shows how much of a prompt has been read.
type reading struct {
	bar      *command.Progress // nil: the end was shown
	at, size int
}

func newReading(w io.Writer, size int) *reading {
	return &reading{command.NewProgress(w, "read", int64(size), "tokens"), 0, size}
}

// to says that n tokens have been read.
func (r *reading) to(n int) {
	if r.bar == nil {
		return
	}
	r.bar.Add(int64(n - r.at))
	if r.at = n; n >= r.size {
		r.done()
	}
}

// done ends the showing, also before all is read.
func (r *reading) done() {
	if r.bar != nil {
		r.bar.Done()
		r.bar = nil
	}
}

// answer continues a prompt up to a stop text and returns the tokens and their text, which is written
// to out, if that is not nil, as it comes. Without a tokenizer there is no text.
func (f *samplingFlags) answer(ctx context.Context, m *open.Model, tok *tokenizer.Tokenizer,
	prompt []int32, read func(int), out io.Writer) (ids []int32, text string, err error) {
	if tok == nil {
		if len(f.stopTexts) > 0 {
			return nil, "", errors.New("--stop needs a tokenizer, and the model has none")
		}
		ids, err = generate.Run(ctx, m.Model, prompt, f.Options, generate.Watch{Read: read})
		return ids, "", err
	}
	say := func(part string) error {
		text += part
		if out == nil {
			return nil
		}
		_, err := io.WriteString(out, part)
		return err
	}
	t, ended := generate.NewText(tok, f.stopTexts), false
	ids, err = generate.Run(ctx, m.Model, prompt, f.Options, generate.Watch{Read: read,
		Token: func(id int32) error {
			part, stopped, err := t.Push(id)
			if err == nil {
				err = say(part)
			}
			if ended = stopped; stopped && err == nil {
				return generate.ErrEnough
			}
			return err
		}})
	if ended {
		return ids, text, err
	}
	rest, last := t.Flush()
	if last == nil {
		last = say(rest)
	}
	return ids, text, errors.Join(err, last)
}
