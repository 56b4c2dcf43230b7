package run

import (
	"context"
	"errors"
	"fmt"
	"io"

	"longlora/trainer/model"
)

// Parts of Need.Process, fitted to measured peaks: see docs/results/cpu.md.
const (
	programBytes = 94 << 20 // text, runtime, shards and garbage
	textBytes    = 44 << 20 // of those, the program's file, which the runtime's limit does not count
	tokenBytes   = 2660     // kernels' buffers for a token of a micro-batch
	copies       = 3        // of the largest matrix, as it is read or saved: file, floats, garbage
)

// process estimates Need.Process.
func (r *Run) process(m *model.Model) int64 {
	largest := 0
	for _, p := range m.Params() {
		largest = max(largest, p.Len())
	}
	return programBytes + tokenBytes*int64(r.Config.microTokens()) + copies*4*int64(largest)
}

// Plan prints the memory that a training with c takes by parts, and the longest context that fits
// into limit bytes (0: Limit). No shards are opened; a context of 0 is the model's own.
func Plan(ctx context.Context, c Config, limit int64, w io.Writer) (err error) {
	r := &Run{Config: c}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.openModel(ctx); err != nil {
		return err
	}
	if r.Config.Context == 0 {
		r.Config.Context = r.model.RoPE.Max
	}
	if limit == 0 {
		limit = Limit()
	}
	for _, step := range []func(context.Context) error{r.setContext, r.setMemory} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	longest, err := r.longest(limit)
	if err != nil {
		return err
	}
	return r.table(w, limit, longest)
}

func (r *Run) table(w io.Writer, limit int64, longest int) error {
	n := r.need
	_, err := fmt.Fprintf(w, "context %d, recompute %s, %d parameters, %d trained\n",
		r.Config.Context, r.Config.Recompute, n.Parameters, n.Trained)
	for _, part := range []struct {
		name  string
		bytes int64
	}{
		{"frozen weights", n.Frozen}, {"masters", n.Masters}, {"gradients and moments", n.Optimizer},
		{"rotary tables", n.Tables}, {"activations kept", n.Kept}, {"workspace", n.Workspace},
		{"process (estimate)", n.Process}, {"total", n.Total()}, {"limit", limit},
	} {
		if err == nil {
			_, err = fmt.Fprintf(w, "%-22s %14s\n", part.name, mib(part.bytes))
		}
	}
	if err == nil {
		how := ", layers computed again"
		if r.Config.Engine == EngineGorgonia {
			how = ""
		}
		_, err = fmt.Fprintf(w, "longest context that fits%s: %d\n", how, longest)
	}
	return err
}
