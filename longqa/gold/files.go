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
		d := json.NewDecoder(bufio.NewReader(f))
		for n := 1; ; n++ {
			r := record{file: name, split: splitOf(name), id: stem}
			if filepath.Ext(name) == ".jsonl" {
				r.id = fmt.Sprintf("%s-%d", stem, n)
			}
			err := d.Decode(&r.data)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				err = fmt.Errorf("value %d: not JSON: %w", n, err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
