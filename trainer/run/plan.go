package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/open"
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

// Plan prints the memory that a training with c takes by parts, what of each layer is computed
// again, and the longest context that fits. No shards are opened; a context of 0 is the model's
// own.
func Plan(ctx context.Context, c Config, w io.Writer) (err error) {
	r := &Run{Config: c}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.openConfig(ctx); err != nil {
		return err
	}
	if r.Config.Context == 0 {
		r.Config.Context = r.model.RoPE.Max
	}
	for _, step := range []func(context.Context) error{r.setDevice, r.setContext, r.setMemory} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := r.checkFrozen(); err != nil {
		return err
	}
	longest, err := r.longest(r.limit)
	if err != nil {
		return err
	}
	return r.table(w, longest)
}

// openConfig reads what a plan needs of a model: a folder without weights will do.
func (r *Run) openConfig(ctx context.Context) error {
	if r.Config.Init != "" {
		return r.openModel(ctx)
	}
	fsys := open.Folder(r.Config.Model)
	text, err := fs.ReadFile(fsys, hf.ConfigName)
	if err != nil {
		return r.openModel(ctx) // which says what is wrong
	}
	if r.model, err = hf.ParseConfig(text); err != nil {
		return fmt.Errorf("model %s: %w", r.Config.Model, err)
	}
	notes, err := hf.ReadNotes(fsys)
	if err != nil {
		return fmt.Errorf("model %s: %w", r.Config.Model, err)
	}
	r.planned = r.model.RoPE.Max
	if notes.Context > 0 {
		r.planned = notes.Context
	}
	return nil
}

func (r *Run) table(w io.Writer, longest int) error {
	n := r.need
	_, err := fmt.Fprintf(w, "context %d, recompute %s, %d parameters, %d trained\n",
		r.Config.Context, r.Config.Recompute, n.Parameters, n.Trained)
	parts := []part{
		{"frozen weights", n.Frozen}, {"masters", n.Masters}, {"gradients and moments", n.Optimizer},
		{"rotary tables", n.Tables}, {"activations kept", n.Kept}, {"workspace", n.Workspace},
	}
	if r.gpu != nil {
		parts = append(parts, part{"operators", n.Operators}, part{"driver (estimate)", n.Driver})
	} else {
		parts = append(parts, part{"process (estimate)", n.Process})
	}
	for _, part := range append(parts, part{"total", n.Total()}, part{"limit", r.limit}) {
		if err == nil {
			_, err = fmt.Fprintf(w, "%-22s %14s\n", part.name, mib(part.bytes))
		}
	}
	operations, failed := r.describeOperations()
	if err == nil {
		err = failed
	}
	for _, line := range append(r.describeAgain(), "attention: "+r.describeAttention(),
		"operations: "+operations) {
		if err == nil {
			_, err = fmt.Fprintln(w, line)
		}
	}
	if err == nil && r.gpu != nil {
		err = r.hostTable(w)
	}
	if err == nil {
		err = r.longestTable(w, longest)
	}
	if err == nil && r.gpu != nil {
		err = r.gpuTable(w)
	}
	if refused := r.checkMemory(); err == nil && refused != nil && r.gpu != nil {
		_, err = fmt.Fprintf(w, "refused: %v\n", refused)
	}
	return err
}

// longestTable prints the longest contexts.
func (r *Run) longestTable(w io.Writer, longest int) error {
	const text = "longest context that fits, layers computed again as need be: %d\n"
	if r.gpu == nil {
		_, err := fmt.Fprintf(w, text, longest)
		return err
	}
	kept, err := r.longestWith(r.limit, false)
	if err == nil {
		_, err = fmt.Fprintf(w, text+"and offloaded to the host: %d\n", kept, longest)
	}
	return err
}

// hostTable prints what a run on a GPU takes of the host's memory.
func (r *Run) hostTable(w io.Writer) error {
	n := r.need
	for _, part := range []part{
		{"host: process (estimate)", n.Host}, {"host: batches", n.Batches},
		{"host: offloaded", n.Offloaded}, {"host: total", n.host()}, {"host: limit", r.gpu.host},
	} {
		if _, err := fmt.Fprintf(w, "%-24s %12s\n", part.name, mib(part.bytes)); err != nil {
			return err
		}
	}
	return nil
}

// part is a line of the table.
type part struct {
	name  string
	bytes int64
}

// describeAgain says what of which layers is computed again, neighbours that are alike together.
func (r *Run) describeAgain() (lines []string) {
	layers := r.model.Model.Layers
	of := func(l int) model.Again {
		if len(r.again) == 0 {
			return model.Again{}
		}
		return r.again[min(l, len(r.again)-1)]
	}
	for from := 0; from < layers; {
		to := from + 1
		for to < layers && of(to) == of(from) {
			to++
		}
		name := fmt.Sprintf("layers %d to %d", from, to-1)
		if to == from+1 {
			name = fmt.Sprintf("layer %d", from)
		}
		lines = append(lines, name+": "+of(from).String())
		from = to
	}
	return lines
}
