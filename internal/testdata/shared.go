// Package testdata finds the large real inputs that some tests read. They are not part of the
// project: a test that wants them skips where they are absent.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Shared returns the path of an entry of ../shared/data beside the checkout. It skips the test if
// the folder is absent and fails it if only the entry is.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := filepath.Join(checkout(t), "..", "shared", "data")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("needs %s, which is absent", filepath.Join("..", "shared", "data"))
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("shared data: %v", err)
	}
	return path
}

// checkout returns the directory that holds go.work.
func checkout(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.work above the test's directory")
		}
		dir = parent
	}
}
