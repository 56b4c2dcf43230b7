package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"longlora/pipeline/filter"
	"longlora/pipeline/pool"
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

// numbered is a unit with its place in source order.
type numbered struct {
	source.Unit
	number int
}

// scan reads all units.
func scan(ctx context.Context, o Options, b *shard.Builder, scratch string) (*scanned, error) {
	s := &scanned{scratch: scratch}
	var mu sync.Mutex
	units := func(yield func(numbered, error) bool) {
		n := 0
		for unit, err := range o.Source.Units(ctx) {
			mu.Lock()
			s.entries = append(s.entries, 0)
			mu.Unlock()
			if !yield(numbered{unit, n}, err) || err != nil {
				return
			}
			n++
		}
	}
	err := pool.Each(ctx, o.Workers, units, func() func(context.Context, numbered) error {
		return func(ctx context.Context, u numbered) error {
			entries, inputs, err := scanUnit(ctx, o, b, scratch, u)
			mu.Lock()
			defer mu.Unlock()
			s.entries[u.number] = entries
			s.inputs += inputs
			return err
		}
	})
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	return s, nil
}

// scanUnit reads, cleans and filters one unit.
func scanUnit(ctx context.Context, o Options, b *shard.Builder, scratch string,
	unit numbered) (entries int, inputs int64, err error) {
	chain, err := filter.New(o.Filters, o.Filter)
	if err != nil {
		return 0, 0, err
	}
	s, err := newSpill(scratch, unit.number)
	if err != nil {
		return 0, 0, err
	}
	for item, err := range o.Source.Read(ctx, unit.Unit) {
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
