package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"longlora/internal/store"
	"longlora/pipeline/charset"
	"longlora/schemas"
	"longlora/schemas/ipc"
)

// arrowSource reads Arrow IPC files and streams with a column of text; a file is the least unit.
type arrowSource struct {
	o     Options
	files store.Store
}

func openArrow(ctx context.Context, o Options) (Source, error) {
	if o.Fields.Text == "" {
		return nil, errors.New("the text column has no name")
	}
	files, err := store.Open(ctx, o.Path, o.Stores)
	return &arrowSource{o, files}, err
}

func (s *arrowSource) Config() map[string]any { return rowConfig(s.o) }

func (s *arrowSource) Languages() []string { return []string{s.o.Language} }

func (s *arrowSource) Units(ctx context.Context) iter.Seq2[Unit, error] {
	return fileUnits(ctx, s.files, "arrow", whole)
}

func (s *arrowSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			if p.Problem != "" {
				if !yield(unreadable("arrow:"+p.Name, p.Problem), nil) {
					return
				}
				continue
			}
			more, err := s.readPart(ctx, p, yield)
			if err != nil {
				yield(Item{}, fmt.Errorf("read %s: %w", p.Name, err))
			}
			if err != nil || !more {
				return
			}
		}
	}
}

func (s *arrowSource) readPart(ctx context.Context, p Part, yield func(Item, error) bool) (bool, error) {
	f, err := s.files.Open(ctx, p.Name, 0)
	if err != nil && isReject(err) {
		return yield(unreadable("arrow:"+p.Name, store.Cause(err)), nil), nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	r, err := ipc.NewReader(f, ipc.Options{})
	if err != nil {
		return false, fmt.Errorf("%w; repair or remove the file", err)
	}
	defer r.Release()
	return s.rows(ctx, r, p, yield)
}

// columns maps the fields that documents are made of to their columns.
func (s *arrowSource) columns(r *ipc.Reader) (map[string]int, error) {
	at := map[string]int{}
	var names []string
	f := s.o.Fields
	for i, c := range r.Schema().Fields() {
		names = append(names, c.Name)
		switch c.Type.Name() {
		case "utf8", "large_utf8":
			if slices.Contains([]string{f.Text, f.ID, f.Title, f.Licence, f.URL, f.Language}, c.Name) {
				at[c.Name] = i
			}
		default:
			if c.Name == f.ID {
				at[c.Name] = i
			}
		}
	}
	if _, ok := at[f.Text]; !ok {
		return nil, fmt.Errorf("no column of text named %q; it has %s; name it with --text-field", f.Text,
			strings.Join(names, ", "))
	}
	return at, nil
}

func (s *arrowSource) rows(ctx context.Context, r *ipc.Reader, p Part,
	yield func(Item, error) bool) (bool, error) {
	columns, err := s.columns(r)
	if err != nil {
		return false, err
	}
	n := 0
	for r.Next() {
		record := r.Record()
		for i := range int(record.NumRows()) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			it := Item{Document: schemas.Document{DocID: fmt.Sprintf("arrow:%s@%d", p.Name, n)}}
			value := func(name string) (string, bool) {
				at, ok := columns[name]
				if !ok || record.Column(at).IsNull(i) {
					return "", false
				}
				return strings.Clone(record.Column(at).ValueStr(i)), true
			}
			s.fill(&it, value)
			if !yield(it, nil) {
				return false, nil
			}
			n++
		}
	}
	if err := r.Err(); err != nil {
		return false, fmt.Errorf("after row %d: %w; repair or remove the file", n, err)
	}
	return true, ctx.Err()
}

func (s *arrowSource) fill(it *Item, value func(string) (string, bool)) {
	text, _ := value(s.o.Fields.Text)
	if at := charset.InvalidUTF8([]byte(text)); at >= 0 {
		it.Reason, it.Detail = ReasonInvalidUTF8, fmt.Sprintf("byte %#02x at %d", text[at], at)
		return
	}
	if len(text) > MaxDocument {
		it.Reason, it.Detail = ReasonTooLarge, tooLarge(int64(len(text)))
		return
	}
	fillRow(it, s.o, "arrow", value)
}
