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
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

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
	load   func(x *Index, path string) error
}{
	{".jsonl", (*Index).loadLines}, {".ndjson", (*Index).loadLines}, {".json", (*Index).loadJSON},
	{".parquet", (*Index).loadParquet}, {".txt", (*Index).loadText}, {".md", (*Index).loadText},
}

// Load makes an index of evaluation files: JSON lines, JSON, Parquet and plain text, the first two
// and the last also as .gz and .zst. A folder stands for all such files in it; of a dataset of this
// project they are its Parquet files.
func Load(ctx context.Context, paths []string, o Options) (*Index, error) {
	x, err := NewIndex(o)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		names, err := evaluationFiles(p)
		if err != nil {
			return nil, fmt.Errorf("evaluation set %s: %w", p, err)
		}
		for _, name := range names {
			if err := errors.Join(ctx.Err(), x.load(name)); err != nil {
				return nil, fmt.Errorf("evaluation set %s: %w", name, err)
			}
		}
	}
	return x, nil
}

// evaluationFiles lists the files that a path stands for, sorted.
func evaluationFiles(path string) (names []string, err error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	if _, err := os.Stat(filepath.Join(path, schemas.ManifestName)); err == nil {
		path = filepath.Join(path, "data")
	}
	err = filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && loader(name) != nil {
			names = append(names, name)
		}
		return err
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("the folder holds none of %s", suffixes())
	}
	return names, err
}

func suffixes() string {
	var list []string
	for _, k := range kinds {
		list = append(list, k.suffix)
	}
	return strings.Join(list, ", ")
}

func loader(name string) func(*Index, string) error {
	plain := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	for _, k := range kinds {
		if strings.HasSuffix(plain, k.suffix) && (plain == name || k.suffix != ".parquet") {
			return k.load
		}
	}
	return nil
}

func (x *Index) load(path string) error {
	load := loader(path)
	if load == nil {
		return fmt.Errorf("the name ends in none of %s", suffixes())
	}
	sum, err := hashFile(path)
	if err != nil {
		return err
	}
	before := len(x.items)
	if err := load(x, path); err != nil {
		return err
	}
	if len(x.items) == before {
		return fmt.Errorf("it holds none of the fields %s; name those that hold queries, answers and "+
			"texts", strings.Join(slices.Concat(x.o.QueryFields, x.o.AnswerFields, x.o.TextFields), ", "))
	}
	x.files = append(x.files, file{filepath.Base(path), sum, int64(len(x.items) - before)})
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
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
func (x *Index) loadLines(path string) error {
	return read(path, func(r io.Reader) error {
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
			x.collect(fmt.Sprintf("%s:%d", filepath.Base(path), n), value)
		}
	})
}

// loadJSON reads a file that is one JSON value; an array holds an entry in each element.
func (x *Index) loadJSON(path string) error {
	return read(path, func(r io.Reader) error {
		var value any
		if err := json.NewDecoder(bufio.NewReaderSize(r, 1<<20)).Decode(&value); err != nil {
			return fmt.Errorf("%w; repair or remove the file", err)
		}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for i, v := range list {
			x.collect(fmt.Sprintf("%s:%d", filepath.Base(path), i+1), v)
		}
		return nil
	})
}

// loadText reads a file that is one text.
func (x *Index) loadText(path string) error {
	return read(path, func(r io.Reader) error {
		data, err := io.ReadAll(r)
		if err == nil {
			x.Add(Item{ID: filepath.Base(path), Texts: []string{string(data)}})
		}
		return err
	})
}

// loadParquet reads the columns that are named as the parts are, or stand in a group or list that is.
func (x *Index) loadParquet(path string) error {
	f, err := shard.OpenForeign(path)
	if err != nil {
		return err
	}
	var columns [][]string
	var parts []Part
	for _, column := range f.TextColumns() {
		if part := x.o.partAt(column); part != "" {
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
			it := Item{ID: fmt.Sprintf("%s:%d", filepath.Base(path), n)}
			for i, texts := range row {
				for _, text := range texts {
					it.put(parts[i], text)
				}
			}
			x.Add(it)
		}
	}
	return f.Close()
}

// read opens a file, compressed or not.
func read(path string, f func(io.Reader) error) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	switch {
	case strings.HasSuffix(path, ".gz"):
		r, err := gzip.NewReader(file)
		if err != nil {
			return fmt.Errorf("%w; repair or remove the file", err)
		}
		return f(r)
	case strings.HasSuffix(path, ".zst"):
		r, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer r.Close()
		return f(r)
	}
	return f(file)
}
