// Package shardtest writes small datasets for tests, and tells what a directory holds.
package shardtest

import (
	"os"
	"path/filepath"
	"testing"

	"longlora/schemas/shard"
)

// File is one file of a dataset: rows of a split.
type File[R shard.Row] struct {
	Split string
	Rows  []R
}

// Write publishes a dataset of files at dir and opens it. Files of one split keep their order.
func Write[R shard.Row](t testing.TB, dir string, o shard.Options, files ...File[R]) *shard.Dataset {
	t.Helper()
	if err := write(dir, o, files); err != nil {
		t.Fatal(err)
	}
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write[R shard.Row](dir string, o shard.Options, files []File[R]) error {
	b, err := shard.Create(dir, o)
	if err != nil {
		return err
	}
	defer b.Abort() //nolint:errcheck // it does nothing after Publish
	for i, f := range files {
		w, err := shard.NewFile[R](b, f.Split, i)
		if err == nil {
			err = w.Write(f.Rows...)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
	}
	_, err = b.Publish()
	return err
}

// Contents returns the bytes of every file below dir by their slash-separated path.
func Contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
