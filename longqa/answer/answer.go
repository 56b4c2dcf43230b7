// Package answer has a model answer a dataset's questions, with the material or from memory alone.
package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"longlora/internal/prompt"
	"longlora/longqa/chat"
	"longlora/longqa/endpoint"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says how to ask.
type Options struct {
	Model    string
	Settings endpoint.Settings
	// ClosedBook leaves the material out.
	ClosedBook bool
	// Split is the split that is asked; "" asks all.
	Split string
	// Limit, if positive, is the most rows that are asked.
	Limit int
	// Progress is told of every row; it may be nil.
	Progress func(rows int64)
}

// Prediction is a row's line, as longqa score reads it.
type Prediction struct {
	ID         string `json:"id"`
	Prediction string `json:"prediction"`
	Model      string `json:"model"` // as the reply names it
}

// Report counts the rows.
type Report struct {
	Answered int
	// Failed are rows whose calls gave no reply, with why for the first.
	Failed int
	Why    string
}

// Run asks the first question of every row and writes the answers as JSON lines, in the dataset's
// order.
func Run(ctx context.Context, c *endpoint.Client, d *shard.Dataset, o Options,
	w io.Writer) (*Report, error) {
	if k := d.Manifest().Kind; k != schemas.KindExample {
		return nil, fmt.Errorf("%s holds rows of kind %s, not %s", d.Dir(), k, schemas.KindExample)
	}
	r := &Report{}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for a, err := range asked(ctx, c, d, o) {
		if o.Progress != nil {
			o.Progress(1)
		}
		failed, ok := errors.AsType[endpoint.Failed](err)
		switch {
		case ok:
			if r.Failed++; r.Failed == 1 {
				r.Why = failed.Reason
			}
			continue
		case err != nil:
			return r, err
		}
		r.Answered++
		if err := e.Encode(a); err != nil {
			return r, err
		}
	}
	if r.Answered == 0 {
		return r, fmt.Errorf("no row has an answer: %d calls failed (%s), or the split %q has no rows",
			r.Failed, r.Why, o.Split)
	}
	return r, nil
}

// asked makes the calls, several at one time, and yields the answers in the rows' order.
func asked(ctx context.Context, c *endpoint.Client, d *shard.Dataset,
	o Options) iter.Seq2[Prediction, error] {
	type job struct {
		done chan struct{}
		said Prediction
		err  error
	}
	return func(yield func(Prediction, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		queue := make(chan *job, c.Concurrency())
		go func() {
			defer close(queue)
			for e, err := range rows(d, o) {
				j := &job{done: make(chan struct{}), err: err}
				select {
				case queue <- j:
				case <-ctx.Done():
					return
				}
				go func() {
					defer close(j.done)
					if j.err == nil {
						j.said, j.err = ask(ctx, c, &e, o)
					}
				}()
			}
		}()
		for j := range queue {
			<-j.done
			if !yield(j.said, j.err) {
				return
			}
		}
	}
}

// rows are those that are asked.
func rows(d *shard.Dataset, o Options) iter.Seq2[schemas.Example, error] {
	return func(yield func(schemas.Example, error) bool) {
		n := 0
		for e, err := range shard.Rows[schemas.Example](d, o.Split) {
			if o.Limit > 0 && n == o.Limit || !yield(e, err) || err != nil {
				return
			}
			n++
		}
	}
}

func ask(ctx context.Context, c *endpoint.Client, e *schemas.Example,
	o Options) (Prediction, error) {
	material := e.Context
	if o.ClosedBook {
		material = ""
	}
	r := endpoint.Request{Model: o.Model, Settings: o.Settings}
	for _, m := range chat.Messages(e, material) {
		if m.Role == prompt.Assistant {
			break // what follows is the answer
		}
		r.Messages = append(r.Messages, endpoint.Message{Role: m.Role.String(), Content: m.Text})
	}
	reply, err := c.Do(ctx, r)
	return Prediction{ID: e.ID, Prediction: reply.Text, Model: reply.Model}, err
}
