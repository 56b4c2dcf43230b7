package gold

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// record is one JSON value of a set, with where it came from.
type record struct {
	data  json.RawMessage
	file  string // relative to the set
	split string
	id    string // of the file, or the file and the line
}

// records streams the values of a .json or .jsonl file, or of all such files in a folder, by path.
func records(path string) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		files, err := jsonFiles(path)
		if err == nil && len(files) == 0 {
			err = errors.New("it holds no .json or .jsonl file")
		}
		if err != nil {
			yield(record{}, fmt.Errorf("read %s: %w", path, err))
			return
		}
		for _, file := range files {
			for r, err := range fileRecords(path, file) {
				if err != nil {
					err = fmt.Errorf("read %s: %w", filepath.Join(path, file), err)
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// jsonFiles lists the files, relative to path; "" is path itself.
func jsonFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{""}, err
	}
	var files []string
	err = fs.WalkDir(os.DirFS(path), ".", func(name string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(name); err == nil && !d.IsDir() && (ext == ".json" || ext == ".jsonl") {
			files = append(files, name)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

func fileRecords(root, file string) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		full := filepath.Join(root, filepath.FromSlash(file))
		f, err := os.Open(full)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer f.Close()
		name := file
		if name == "" {
			name = filepath.Base(root)
		}
		stem := strings.TrimSuffix(name, filepath.Ext(name))
		base := record{file: name, split: splitOf(name), id: stem}
		for r, err := range values(bufio.NewReaderSize(f, 1<<20), base, filepath.Ext(name) == ".jsonl") {
			if !yield(r, err) {
				return
			}
		}
	}
}

// values streams JSON values: those of a file of lines, the elements of an array, or the one value.
func values(in *bufio.Reader, base record, lines bool) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		array := !lines && startsArray(in)
		d := json.NewDecoder(in)
		if array {
			_, _ = d.Token() // the bracket that was seen
		}
		for n := 1; !array || d.More(); n++ {
			r := base
			if lines || array {
				r.id = fmt.Sprintf("%s-%d", base.id, n)
			}
			err := d.Decode(&r.data)
			if errors.Is(err, io.EOF) && !array {
				return
			}
			if err != nil {
				err = fmt.Errorf("value %d: not JSON: %w", n, err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
		if _, err := d.Token(); err != nil {
			yield(record{}, fmt.Errorf("the array does not end: not JSON: %w", err))
		}
	}
}

// startsArray reports whether the first character that is no space opens an array; spaces go.
func startsArray(in *bufio.Reader) bool {
	for {
		c, err := in.ReadByte()
		if err != nil {
			return false
		}
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		return in.UnreadByte() == nil && c == '['
	}
}

// rowsOf streams the rows of a set whose values are JSON of one type. rows fails if a value is not
// of the set.
func rowsOf[T any](path, set string, rows func(record, T) ([]Row, error)) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for r, err := range records(path) {
			var some []Row
			if err == nil {
				var value T
				if err = json.Unmarshal(r.data, &value); err == nil {
					some, err = rows(r, value)
				}
				if err != nil {
					err = fmt.Errorf("read %s of %s: %w", r.id, set, err)
				}
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, row := range some {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}
