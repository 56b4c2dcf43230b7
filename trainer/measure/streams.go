package main

import (
	"errors"

	"longlora/trainer/model"
	"longlora/trainer/open"
)

// streams reads prompts, or chooses tokens after them, of several sequences at a time, as a server
// does.
type streams struct {
	m        *open.Model
	cache    *model.Cache
	reader   *model.Reader
	q        question
	prompts  [][]int32
	next     []int32 // after each prompt
	rows     int     // of a sequence in the cache
	together int     // tokens of a prompt that are read at a time
}

// promptTokens are read at a time.
const promptTokens = 512

func openStreams(q question) (*streams, error) {
	m, err := openPlain(q)
	if err != nil {
		return nil, err
	}
	w := &streams{m: m, q: q, rows: m.Options().Context, together: min(promptTokens, q.Context)}
	if w.cache, err = m.NewCache(q.Streams * w.rows); err == nil {
		w.reader, err = w.cache.NewReader(max(w.together, q.Streams), q.Streams)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	for s := range q.Streams {
		ids := make([]int32, q.Context)
		for t := range ids {
			ids[t] = int32((t*7919 + 13 + 101*s) % m.Config.Model.Vocab)
		}
		w.prompts, w.next = append(w.prompts, ids), append(w.next, 0)
	}
	return w, w.prefill()
}

// prefill reads all prompts, one after the other.
func (w *streams) prefill() error {
	for s, ids := range w.prompts {
		for at := 0; at < len(ids); at += w.together {
			end := min(at+w.together, len(ids))
			part := model.Part{IDs: ids[at:end], At: s * w.rows, Known: at, Quiet: end < len(ids)}
			err := w.reader.Read([]model.Part{part}, func(_ int, logits []float32) error {
				w.next[s] = model.Greatest(logits)
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *streams) do(times int, a *answer) error {
	if w.q.Work == "prefill" {
		for range times {
			if err := w.prefill(); err != nil {
				return err
			}
		}
		a.Tokens = append(a.Tokens, w.next...)
		return nil
	}
	next := append([]int32(nil), w.next...)
	parts := make([]model.Part, len(next))
	for n := range times {
		for s := range parts {
			parts[s] = model.Part{IDs: next[s : s+1], At: s * w.rows, Known: w.q.Context + n}
		}
		a.Tokens = append(a.Tokens, next...)
		err := w.reader.Read(parts, func(s int, logits []float32) error {
			next[s] = model.Greatest(logits)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *streams) close() error {
	return errors.Join(w.reader.Close(), w.cache.Close(), w.m.Close())
}
