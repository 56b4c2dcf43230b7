package decontaminate

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"longlora/internal/store"
	"longlora/pipeline/inflate"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// file is an evaluation file, for the record.
type file struct {
	Name   string `json:"name"` // without folders
	SHA256 string `json:"sha256"`
	Items  int64  `json:"items"`
}

// kinds is the table of evaluation files, by the end of their names.
var kinds = []struct {
	suffix string
	load   func(s set, ctx context.Context, name string) error
}{
	{".jsonl", set.loadLines}, {".ndjson", set.loadLines}, {".json", set.loadJSON},
	{".parquet", set.loadParquet}, {".txt", set.loadText}, {".md", set.loadText},
}

// set is the files of an evaluation set that are read, and the index that they go to.
type set struct {
	*Index
	files store.Store
}

// Load makes an index of evaluation files: JSON lines, JSON, Parquet and plain text, the first two
// and the last also as .gz and .zst. A location is a path or a URL; a folder stands for all such files
// in it, and for its Parquet files if it is a dataset of this project.
func Load(ctx context.Context, locations []string, o Options) (*Index, error) {
	x, err := NewIndex(o)
	if err != nil {
		return nil, err
	}
	for _, l := range locations {
		if err := x.loadSet(ctx, l); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *Index) loadSet(ctx context.Context, location string) (err error) {
	files, err := store.Open(ctx, location, x.o.Stores)
	if err != nil {
		return fmt.Errorf("evaluation set: %w", err)
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	names, err := evaluationFiles(ctx, files)
	if err != nil {
		return fmt.Errorf("evaluation set %s: %w", files.Location(), err)
	}
	s := set{x, files}
	for _, name := range names {
		if err := s.load(ctx, name); err != nil {
			return fmt.Errorf("evaluation set %s: %w", files.Place(name), err)
		}
	}
	return nil
}

// evaluationFiles lists the files that are read, sorted.
func evaluationFiles(ctx context.Context, files store.Store) (names []string, err error) {
	dataset := false
	for f, err := range files.Walk(ctx) {
		if err == nil && f.Problem != "" && loader(f.Name) != nil {
			err = fmt.Errorf("%s: %s", f.Name, f.Problem)
		}
		switch {
		case err != nil:
			return nil, err
		case f.Single:
			return []string{f.Name}, nil
		case f.Name == schemas.ManifestName:
			dataset = true
		case loader(f.Name) != nil:
			names = append(names, f.Name)
		}
	}
	if dataset {
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, "data/") })
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the folder holds none of %s", suffixes())
	}
	return names, nil
}

func suffixes() string {
	var list []string
	for _, k := range kinds {
		list = append(list, k.suffix)
	}
	return strings.Join(list, ", ")
}

func loader(name string) func(set, context.Context, string) error {
	plain := inflate.Plain(name)
	for _, k := range kinds {
		if strings.HasSuffix(plain, k.suffix) && (plain == name || k.suffix != ".parquet") {
			return k.load
		}
	}
	return nil
}

func (s set) load(ctx context.Context, name string) error {
	load := loader(name)
	if load == nil {
		return fmt.Errorf("the name ends in none of %s", suffixes())
	}
	sum, err := s.hash(ctx, name)
	if err != nil {
		return err
	}
	x := s.Index
	before := len(x.items)
	if err := load(s, ctx, name); err != nil {
		return err
	}
	if len(x.items) == before {
		return fmt.Errorf("it holds none of the fields %s; name those that hold queries, answers and "+
			"texts", strings.Join(slices.Concat(x.o.QueryFields, x.o.AnswerFields, x.o.TextFields), ", "))
	}
	x.files = append(x.files, file{path.Base(name), sum, int64(len(x.items) - before)})
	return nil
}

func (s set) hash(ctx context.Context, name string) (string, error) {
	f, err := s.files.Open(ctx, name, 0)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// Config is what the outcome depends on: the options and the evaluation files' digests.
func (x *Index) Config() map[string]any {
	return map[string]any{
		"words": x.o.Words, "parts": x.o.Parts, "policy": x.o.Policy, "files": x.files,
		"query_fields": x.o.QueryFields, "answer_fields": x.o.AnswerFields,
		"text_fields": x.o.TextFields,
	}
}

// collect adds the items of a JSON value.
func (x *Index) collect(id string, value any) {
	c := collector{o: &x.o, id: id, emit: x.Add}
	c.collect(value)
}

// loadLines reads JSON lines.
func (s set) loadLines(ctx context.Context, name string) error {
	return s.read(ctx, name, func(r io.Reader) error {
		lines := bufio.NewReaderSize(r, 1<<20)
		for n := 1; ; n++ {
			line, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) == 0 {
				return nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			var value any
			if err := json.Unmarshal(line, &value); err != nil {
				return fmt.Errorf("line %d: %w; repair or remove the file", n, err)
			}
			s.collect(fmt.Sprintf("%s:%d", path.Base(name), n), value)
		}
	})
}

// loadJSON reads a file that is one JSON value; an array holds an entry in each element.
func (s set) loadJSON(ctx context.Context, name string) error {
	return s.read(ctx, name, func(r io.Reader) error {
		var value any
		if err := json.NewDecoder(bufio.NewReaderSize(r, 1<<20)).Decode(&value); err != nil {
			return fmt.Errorf("%w; repair or remove the file", err)
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for i, v := range list {
			s.collect(fmt.Sprintf("%s:%d", path.Base(name), i+1), v)
		}
		return nil
	})
}

// loadText reads a file that is one text.
func (s set) loadText(ctx context.Context, name string) error {
	return s.read(ctx, name, func(r io.Reader) error {
		data, err := io.ReadAll(r)
		if err == nil {
			s.Add(Item{ID: path.Base(name), Texts: []string{string(data)}})
		}
		return err
	})
}

// loadParquet reads the columns that are named as the parts are, or stand in a group or list that is.
func (s set) loadParquet(ctx context.Context, name string) error {
	file, err := s.files.OpenAt(ctx, name)
	if err != nil {
		return err
	}
	f, err := shard.NewForeign(s.files.Place(name), file)
	if err != nil {
		return err
	}
	var columns [][]string
	var parts []Part
	for _, column := range f.TextColumns() {
		if part := s.o.partAt(column); part != "" {
			columns, parts = append(columns, column), append(parts, part)
		}
	}
	n := 0
	for group := range f.Groups() {
		if len(columns) == 0 {
			break
		}
		for row, err := range f.Texts(group, columns) {
			if err != nil {
				return errors.Join(err, f.Close())
			}
			n++
			it := Item{ID: fmt.Sprintf("%s:%d", path.Base(name), n)}
			for i, texts := range row {
				for _, text := range texts {
					it.put(parts[i], text)
				}
			}
			s.Add(it)
		}
	}
	return f.Close()
}

// read opens a file, compressed or not.
func (s set) read(ctx context.Context, name string, f func(io.Reader) error) (err error) {
	file, err := s.files.Open(ctx, name, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r, err := inflate.Reader(name, file)
	if err != nil {
		return fmt.Errorf("%w; repair or remove the file", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return f(r)
}
