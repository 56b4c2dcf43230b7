package shard

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Foreign is a Parquet file of another program, of which columns of text are read. Its methods may be
// called concurrently.
type Foreign struct {
	path    string
	file    File
	parquet *parquet.File
}

// OpenForeign opens a Parquet file of this machine.
func OpenForeign(path string) (*Foreign, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read Parquet: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read Parquet %s: %w", path, err), file.Close())
	}
	return NewForeign(path, localFile{file, info.Size()})
}

// NewForeign reads an open Parquet file, which it owns from now on, after an error too. path is what
// messages call it.
func NewForeign(path string, file File) (f *Foreign, err error) {
	f = &Foreign{path: path, file: file}
	if f.parquet, err = openParquet(file, file.Size()); err != nil {
		return nil, errors.Join(fmt.Errorf("read Parquet %s: %w", path, err), file.Close())
	}
	return f, nil
}

// Close closes the file.
func (f *Foreign) Close() error { return f.file.Close() }

// Groups returns the number of row groups and their sizes, before compression, in bytes.
func (f *Foreign) Groups() (sizes []int64) {
	for _, g := range f.parquet.Metadata().RowGroups {
		sizes = append(sizes, g.TotalByteSize)
	}
	return sizes
}

// HasColumn reports whether a column of that name can be read as text; dots lead into groups.
func (f *Foreign) HasColumn(name string) bool {
	_, err := f.column(name)
	return err == nil
}

// Columns lists the columns that can be read as text.
func (f *Foreign) Columns() (names []string) {
	for _, path := range f.parquet.Schema().Columns() {
		if name := strings.Join(path, "."); f.HasColumn(name) {
			names = append(names, name)
		}
	}
	return names
}

// column finds a column by name.
func (f *Foreign) column(name string) (parquet.LeafColumn, error) {
	leaf, ok := f.parquet.Schema().Lookup(name)
	if !ok {
		leaf, ok = f.parquet.Schema().Lookup(strings.Split(name, ".")...)
	}
	if !ok {
		return leaf, fmt.Errorf("there is no column %q", name)
	}
	kind := leaf.Node.Type().Kind()
	switch kind {
	case parquet.ByteArray, parquet.Int32, parquet.Int64:
	default:
		return leaf, fmt.Errorf("column %q holds %v, not text", name, kind)
	}
	if leaf.MaxRepetitionLevel > 0 {
		return leaf, fmt.Errorf("column %q holds lists, not text", name)
	}
	return leaf, nil
}

// Rows streams the named columns of a row group, as text: integers in decimal, null as "". The slice
// is valid until the next row.
func (f *Foreign) Rows(group int, columns []string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		err := f.rows(group, columns, func(row []string) bool { return yield(row, nil) })
		if err != nil {
			yield(nil, fmt.Errorf("read Parquet %s: row group %d: %w", f.path, group, err))
		}
	}
}

func (f *Foreign) rows(group int, columns []string, yield func([]string) bool) error {
	groups := f.parquet.RowGroups()
	if group < 0 || group >= len(groups) {
		return fmt.Errorf("there are %d row groups", len(groups))
	}
	cursors := make([]*cursor, 0, len(columns))
	defer func() {
		for _, c := range cursors {
			c.close()
		}
	}()
	for _, name := range columns {
		leaf, err := f.column(name)
		if err != nil {
			return err
		}
		c := &cursor{name: name}
		cursors = append(cursors, c)
		err = guard(func() error {
			c.pages = groups[group].ColumnChunks()[leaf.ColumnIndex].Pages()
			return nil
		})
		if err != nil {
			return err
		}
	}
	row := make([]string, len(columns))
	for n := range groups[group].NumRows() {
		for i, c := range cursors {
			if err := guard(func() (err error) { row[i], err = c.next(); return err }); err != nil {
				return fmt.Errorf("row %d: column %q: %w", n, c.name, err)
			}
		}
		if !yield(row) {
			return nil
		}
	}
	return nil
}

// cursor reads a column chunk value by value.
type cursor struct {
	name   string
	pages  parquet.Pages
	page   parquet.Page
	reader parquet.ValueReader
	values [16]parquet.Value
	at, n  int
}

// peek returns the next value, which stays the next one; io.EOF at the end.
func (c *cursor) peek() (v parquet.Value, err error) {
	for c.at == c.n {
		if c.reader == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return v, err
			}
			c.page, c.reader = page, page.Values()
		}
		n, err := c.reader.ReadValues(c.values[:])
		c.at, c.n = 0, n
		if errors.Is(err, io.EOF) && n == 0 {
			c.release()
		} else if err != nil && !errors.Is(err, io.EOF) {
			return v, err
		}
	}
	return c.values[c.at], nil
}

func (c *cursor) next() (string, error) {
	v, err := c.peek()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", err
	}
	c.at++
	switch {
	case v.IsNull():
		return "", nil
	case v.Kind() == parquet.Int32:
		return strconv.FormatInt(int64(v.Int32()), 10), nil
	case v.Kind() == parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10), nil
	}
	return string(v.ByteArray()), nil
}

func (c *cursor) release() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.reader = nil, nil
}

// close gives everything back; what a damaged file makes of it does not matter any more.
func (c *cursor) close() {
	_ = guard(func() error {
		c.release()
		if c.pages == nil {
			return nil
		}
		return c.pages.Close()
	})
}
