package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"longlora/internal/store"
	"longlora/pipeline/charset"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// parquetSource reads Parquet files of other programs; a row group is the least unit.
type parquetSource struct {
	o     Options
	files store.Store
}

func openParquet(ctx context.Context, o Options) (Source, error) {
	if o.Fields.Text == "" {
		return nil, errors.New("the text column has no name")
	}
	files, err := store.Open(ctx, o.Path, o.Stores)
	return &parquetSource{o, files}, err
}

func (s *parquetSource) Config() map[string]any { return rowConfig(s.o) }

func (s *parquetSource) Languages() []string { return []string{s.o.Language} }

// Units opens every file, so that a damaged one is found before the work begins.
func (s *parquetSource) Units(ctx context.Context) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		var failed error
		units := fileUnits(ctx, s.files, "parquet", func(f store.File) iter.Seq2[Part, int64] {
			return func(yield func(Part, int64) bool) {
				if failed == nil { // the first that failed ends the run
					failed = s.cut(ctx, f, yield)
				}
			}
		})
		for u, err := range units {
			if err = errors.Join(err, failed); !yield(u, err) || err != nil {
				return
			}
		}
		if failed != nil {
			yield(Unit{}, failed)
		}
	}
}

// cut yields a part for every row group.
func (s *parquetSource) cut(ctx context.Context, f store.File, yield func(Part, int64) bool) error {
	if f.Problem != "" {
		yield(Part{Name: f.Name, Problem: f.Problem}, 0)
		return nil
	}
	file, err := s.open(ctx, f.Name)
	if err != nil {
		return err
	}
	for i, size := range file.Groups() {
		if !yield(Part{Name: f.Name, From: int64(i), To: int64(i) + 1}, size) {
			break
		}
	}
	return file.Close()
}

func (s *parquetSource) open(ctx context.Context, name string) (*shard.Foreign, error) {
	file, err := s.files.OpenAt(ctx, name)
	if err != nil {
		return nil, err
	}
	f, err := shard.NewForeign(s.files.Place(name), file)
	if err != nil {
		return nil, err
	}
	if !f.HasColumn(s.o.Fields.Text) {
		return nil, errors.Join(fmt.Errorf("read Parquet %s: no column of text named %q; it has %s",
			s.files.Place(name), s.o.Fields.Text, strings.Join(f.Columns(), ", ")), f.Close())
	}
	return f, nil
}

func (s *parquetSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			if p.Problem != "" {
				if !yield(unreadable("parquet:"+p.Name, p.Problem), nil) {
					return
				}
				continue
			}
			more, err := s.readPart(ctx, p, yield)
			if err != nil {
				yield(Item{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// readPart yields the documents of a row group; more is false if the reader has had enough.
func (s *parquetSource) readPart(ctx context.Context, p Part,
	yield func(Item, error) bool) (more bool, err error) {
	file, err := s.open(ctx, p.Name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	var columns []string
	fields := s.o.Fields
	for _, name := range []string{
		fields.Text, fields.ID, fields.Title, fields.Licence, fields.URL, fields.Language,
	} {
		if name != "" && file.HasColumn(name) {
			columns = append(columns, name)
		}
	}
	n := 0
	for row, err := range file.Rows(int(p.From), columns) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, fmt.Errorf("%w; repair or remove the file", err)
		}
		it := Item{Document: schemas.Document{DocID: fmt.Sprintf("parquet:%s@%d.%d", p.Name, p.From, n)}}
		s.fill(&it, columns, row)
		if !yield(it, nil) {
			return false, nil
		}
		n++
	}
	return true, nil
}

func (s *parquetSource) fill(it *Item, columns, row []string) {
	for i, v := range row {
		if at := charset.InvalidUTF8([]byte(v)); at >= 0 {
			it.Reason = ReasonInvalidUTF8
			it.Detail = fmt.Sprintf("column %s, byte %#02x at %d", columns[i], v[at], at)
			return
		}
	}
	if len(row[0]) > MaxDocument {
		it.Reason, it.Detail = ReasonTooLarge, tooLarge(int64(len(row[0])))
		return
	}
	fillRow(it, s.o, "parquet", func(name string) (string, bool) {
		for i, c := range columns {
			if c == name {
				return row[i], row[i] != ""
			}
		}
		return "", false
	})
}
