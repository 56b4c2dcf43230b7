// Package export writes examples in other tools' layouts. Each layout is one file and one line of
// the table.
package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"longlora/internal/atomicfile"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Format is one layout.
type Format interface {
	// Name is as a command's flag takes it; About says what it is.
	Name() string
	About() string
	// Begin, Row and End write a file; Row gets the number of rows before it.
	Begin(w io.Writer) error
	Row(w io.Writer, n int64, e *schemas.Example) error
	End(w io.Writer) error
}

// formats is the table.
var formats = [...]Format{longAlpaca{}}

// Names lists the formats.
func Names() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name())
	}
	return names
}

// Find returns the format with a name.
func Find(name string) (Format, error) {
	for _, f := range formats {
		if f.Name() == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("unknown format %q; there are %s", name, strings.Join(Names(), ", "))
}

// Write exports a split's rows to a file, which appears whole or not at all; "" is all splits. It
// returns the number of rows.
func Write(ctx context.Context, d *shard.Dataset, split string, f Format,
	path string) (int64, error) {
	if rows, _ := d.Count(split); rows == 0 {
		return 0, fmt.Errorf("export %s: split %q has no rows; the dataset has the splits %v",
			d.Dir(), split, d.Splits())
	}
	out, err := atomicfile.Create(path)
	if err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	n, err := writeRows(ctx, d, split, f, out)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("export %s: %w", d.Dir(), err), out.Abort())
	}
	return n, out.Commit()
}

func writeRows(ctx context.Context, d *shard.Dataset, split string, f Format,
	w io.Writer) (n int64, err error) {
	if err := f.Begin(w); err != nil {
		return 0, err
	}
	for e, err := range shard.Rows[schemas.Example](d, split) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = f.Row(w, n, &e)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, f.End(w)
}

// encode writes a value as JSON without a newline, with <, > and & as they are.
func encode(w io.Writer, v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.TrimSuffix(b.String(), "\n"))
	return err
}
