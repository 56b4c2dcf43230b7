package main

import (
	"errors"

	"longlora/kernels"
	"longlora/trainer/model"
	"longlora/trainer/open"
)

// decode continues a prompt greedily.
type decode struct {
	m      *open.Model
	d      *model.Decoder
	prompt int
	logits []float32
}

// openPlain opens a model as it is stored, or in brain floats.
func openPlain(q question) (*open.Model, error) {
	o := open.Options{Model: q.Model, Threads: q.Threads}
	if q.Precision == "bf16" {
		o.Weights = kernels.BF16
	}
	return open.Open(o)
}

func openDecode(q question) (*decode, error) {
	m, err := openPlain(q)
	if err != nil {
		return nil, err
	}
	w := &decode{m: m, prompt: q.Context}
	if w.d, err = m.NewDecoder(m.Options().Context, 0); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	ids := make([]int32, q.Context)
	for t := range ids {
		ids[t] = int32((t*7919 + 13) % m.Config.Model.Vocab)
	}
	w.logits, err = w.d.Read(ids...)
	return w, err
}

// do decodes from the end of the prompt on.
func (w *decode) do(times int, a *answer) (err error) {
	w.d.Truncate(w.prompt)
	for range times {
		next := model.Greatest(w.logits)
		a.Tokens = append(a.Tokens, next)
		if w.logits, err = w.d.Read(next); err != nil {
			return err
		}
	}
	return nil
}

func (w *decode) close() error { return errors.Join(w.d.Close(), w.m.Close()) }
