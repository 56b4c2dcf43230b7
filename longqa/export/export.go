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
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Format is one layout.
type Format interface {
	// Name is as a command's flag takes it; About says what it is.
	Name() string
	About() string
	// Begin, Row and End write a file; Row gets the number of rows before it. It returns Unfit for a
	// row that the layout cannot hold.
	Begin(w io.Writer) error
	Row(w io.Writer, n int64, e *schemas.Example) error
	End(w io.Writer) error
}

// Unfit is why a layout cannot hold a row.
type Unfit string

// Error implements error.
func (u Unfit) Error() string { return string(u) }

// formats is the table.
var formats = [...]Format{longAlpaca{}, alpaca{}, messages{}, shareGPT{}}

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

// Options says which rows to write.
type Options struct {
	Split string // "" is all
	// Gate lets rows through by their licence; nil lets all through.
	Gate *licence.Gate
	// MaxDropped is the greatest part of the rows that the layout may be unable to hold.
	MaxDropped limit.Limit
}

// Report counts what was done.
type Report struct {
	Written int64
	// Denied are the rows that the gate did not let through, Unfit those that the layout cannot hold,
	// by reason.
	Denied int64
	Unfit  map[string]int64
}

// Write exports rows to a file, which appears whole or not at all.
func Write(ctx context.Context, d *shard.Dataset, f Format, path string,
	o Options) (Report, error) {
	r := Report{Unfit: map[string]int64{}}
	rows, _ := d.Count(o.Split)
	if rows == 0 {
		return r, fmt.Errorf("export %s: split %q has no rows; the dataset has the splits %v",
			d.Dir(), o.Split, d.Splits())
	}
	if o.Gate == nil {
		o.Gate = &licence.Gate{}
	}
	out, err := atomicfile.Create(path)
	if err != nil {
		return r, fmt.Errorf("export: %w", err)
	}
	err = r.write(ctx, d, f, o, out)
	if err == nil {
		var unfit int64
		for _, n := range r.Unfit {
			unfit += n
		}
		err = o.MaxDropped.Check("rows do not fit the format "+f.Name(), "--max-dropped", unfit, rows,
			r.Unfit)
	}
	if err == nil && r.Written == 0 {
		err = fmt.Errorf("no row is left of %d", rows)
	}
	if err != nil {
		return r, errors.Join(fmt.Errorf("export %s: %w", d.Dir(), err), out.Abort())
	}
	return r, out.Commit()
}

func (r *Report) write(ctx context.Context, d *shard.Dataset, f Format, o Options,
	w io.Writer) error {
	if err := f.Begin(w); err != nil {
		return err
	}
	for e, err := range shard.Rows[schemas.Example](d, o.Split) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if o.Gate.Check(e.Licence) != "" {
			r.Denied++
			continue
		}
		err = f.Row(w, r.Written, &e)
		if unfit, ok := errors.AsType[Unfit](err); ok {
			r.Unfit[string(unfit)]++
			continue
		}
		if err != nil {
			return err
		}
		r.Written++
	}
	return f.End(w)
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
