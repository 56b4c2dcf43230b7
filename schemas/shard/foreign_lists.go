package shard

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// TextColumns lists the columns of text by their paths, also those within groups and lists.
func (f *Foreign) TextColumns() (paths [][]string) {
	for _, path := range f.parquet.Schema().Columns() {
		if leaf, ok := f.parquet.Schema().Lookup(path...); ok && isText(leaf) {
			paths = append(paths, path)
		}
	}
	return paths
}

func isText(leaf parquet.LeafColumn) bool { return leaf.Node.Type().Kind() == parquet.ByteArray }

// Texts streams the texts that the columns at some paths of TextColumns hold in each row of a row group:
// of a list all elements, null and what is not there left out. The slices are valid until the next row.
func (f *Foreign) Texts(group int, paths [][]string) iter.Seq2[[][]string, error] {
	return func(yield func([][]string, error) bool) {
		err := f.texts(group, paths, func(row [][]string) bool { return yield(row, nil) })
		if err != nil {
			yield(nil, fmt.Errorf("read Parquet %s: row group %d: %w", f.path, group, err))
		}
	}
}

func (f *Foreign) texts(group int, paths [][]string, yield func([][]string) bool) error {
	groups := f.parquet.RowGroups()
	if group < 0 || group >= len(groups) {
		return fmt.Errorf("there are %d row groups", len(groups))
	}
	cursors := make([]*cursor, 0, len(paths))
	defer func() {
		for _, c := range cursors {
			c.close()
		}
	}()
	for _, path := range paths {
		leaf, ok := f.parquet.Schema().Lookup(path...)
		if !ok || !isText(leaf) {
			return fmt.Errorf("there is no column %q of text", strings.Join(path, "."))
		}
		c := &cursor{name: strings.Join(path, ".")}
		cursors = append(cursors, c)
		err := guard(func() error {
			c.pages = groups[group].ColumnChunks()[leaf.ColumnIndex].Pages()
			return nil
		})
		if err != nil {
			return err
		}
	}
	row := make([][]string, len(paths))
	for n := range groups[group].NumRows() {
		for i, c := range cursors {
			err := guard(func() (err error) { row[i], err = c.list(row[i][:0]); return err })
			if err != nil {
				return fmt.Errorf("row %d: column %q: %w", n, c.name, err)
			}
		}
		if !yield(row) {
			return nil
		}
	}
	return nil
}

// list appends the texts of the next row. All values of a row but the first repeat something.
func (c *cursor) list(dst []string) ([]string, error) {
	for n := 0; ; n++ {
		v, err := c.peek()
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return dst, nil
		case errors.Is(err, io.EOF):
			return dst, io.ErrUnexpectedEOF
		case err != nil:
			return dst, err
		case n > 0 && v.RepetitionLevel() == 0:
			return dst, nil
		}
		c.at++
		if !v.IsNull() {
			dst = append(dst, string(v.ByteArray()))
		}
	}
}
