package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"longlora/pipeline/filter"
	"longlora/pipeline/source"
	"longlora/pipeline/split"
	"longlora/schemas/shard"
)

// scanned is what scanning leaves behind.
type scanned struct {
	scratch string
	entries []int // documents of each unit
	inputs  int64 // documents and inputs that are none
}

// scan reads all units.
func scan(ctx context.Context, o Options, b *shard.Builder, scratch string) (*scanned, error) {
	s := &scanned{scratch: scratch}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type job struct {
		number int
		unit   source.Unit
	}
	jobs := make(chan job)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range o.Workers {
		workers.Go(func() {
			for j := range jobs {
				entries, inputs, err := scanUnit(ctx, o, b, scratch, j.number, j.unit)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				s.entries[j.number] = entries
				s.inputs += inputs
				mu.Unlock()
			}
		})
	}
	n := 0
	for unit, err := range o.Source.Units(ctx) {
		if err != nil {
			cancel(err)
		}
		if ctx.Err() != nil {
			break
		}
		mu.Lock()
		s.entries = append(s.entries, 0)
		mu.Unlock()
		jobs <- job{n, unit}
		n++
	}
	close(jobs)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	return s, nil
}

// scanUnit reads, cleans and filters one unit.
func scanUnit(ctx context.Context, o Options, b *shard.Builder, scratch string, number int,
	unit source.Unit) (entries int, inputs int64, err error) {
	chain, err := filter.New(o.Filters, o.Filter)
	if err != nil {
		return 0, 0, err
	}
	s, err := newSpill(scratch, number)
	if err != nil {
		return 0, 0, err
	}
	for item, err := range o.Source.Read(ctx, unit) {
		if err != nil {
			return 0, 0, errors.Join(err, s.close())
		}
		inputs++
		if item.Reason == "" {
			item.Reason, item.Detail = chain.Apply(&item.Document)
		}
		if item.Reason != "" {
			b.Reject(item.DocID, item.Reason, item.Detail)
			continue
		}
		var sketch split.Sketch
		if o.Split == "" {
			sketch = split.SketchOf(item.Text)
		}
		if err := s.add(&item.Document, &sketch); err != nil {
			return 0, 0, errors.Join(err, s.close())
		}
	}
	if o.Progress != nil {
		o.Progress(unit.Bytes)
	}
	return s.entries, inputs, s.close()
}
