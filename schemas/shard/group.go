package shard

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/parquet-go/parquet-go"
)

// Group is a row group: its rows, and their bytes before compression.
type Group struct{ Rows, Bytes int64 }

// Groups lists the row groups of one of the manifest's files: the units that GroupRows reads.
func (d *Dataset) Groups(ctx context.Context, number int) (groups []Group, err error) {
	f := d.manifest.Files[number]
	p, err := d.open(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %s: %w", d.dir, f.Path, err)
	}
	for _, g := range p.Metadata().RowGroups {
		groups = append(groups, Group{Rows: g.NumRows, Bytes: g.TotalByteSize})
	}
	return groups, p.Close()
}

// GroupRows streams the rows of a row group of one of the manifest's files. It ends after the first
// error.
func GroupRows[T Row](ctx context.Context, d *Dataset, number, group int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		f := d.manifest.Files[number]
		more := true
		err := groupRows(ctx, d, number, group, func(row T) bool {
			more = yield(row, nil)
			return more
		})
		if err != nil && more {
			var zero T
			yield(zero, fmt.Errorf("read %s: %s: row group %d: %w", d.dir, f.Path, group, err))
		}
	}
}

func groupRows[T Row](ctx context.Context, d *Dataset, number, group int,
	yield func(T) bool) (err error) {
	var zero T
	if err := d.wantKind(zero); err != nil {
		return err
	}
	p, err := d.open(ctx, d.manifest.Files[number])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	groups := p.RowGroups()
	if group < 0 || group >= len(groups) {
		return fmt.Errorf("there are %d row groups", len(groups))
	}
	var r *parquet.GenericReader[T]
	err = guard(func() error { r = parquet.NewGenericRowGroupReader[T](groups[group]); return nil })
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		row, ok, err := readRow(r)
		if err != nil || !ok || !yield(row) {
			return err
		}
	}
}
