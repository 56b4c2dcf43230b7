package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := Write(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer: %v, want %v", err, ErrLocked)
	}
	if _, err := f.Write([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "one" {
		t.Errorf("after Abort: %q, %v; want the old content", got, err)
	}
	if err := Write(path, []byte("three")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the directory holds %v, want only the file", got)
	}
}

func TestWriteErrorLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "x")
	if err := Write(path, nil); err == nil {
		t.Error("writing into a missing directory succeeded")
	}
}

// TestNoFile leaves alone what is no file: a rename would put a file in a device's place.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, os.DevNull} {
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if before.Mode().IsRegular() {
			t.Fatalf("%s is a file here", path)
		}
		if _, err := Create(path); !errors.Is(err, ErrNoFile) {
			t.Errorf("%s: %v, want %v", path, err, ErrNoFile)
		}
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("the directory holds %v, want nothing", got)
	}
}

func fill(t *testing.T, path string, overwrite bool, content string) {
	t.Helper()
	d, err := CreateDir(path, overwrite)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateDir(path, overwrite); !errors.Is(err, ErrLocked) {
		t.Errorf("second writer: %v, want %v", err, ErrLocked)
	}
	if err := os.WriteFile(filepath.Join(d.Path(), "f"), []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := d.Abort(); err != nil {
		t.Errorf("Abort after Commit: %v", err)
	}
}

func TestDir(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "out")
	fill(t, path, false, "one")
	if _, err := CreateDir(path, false); !errors.Is(err, ErrExists) {
		t.Errorf("full target: %v, want %v", err, ErrExists)
	}
	fill(t, path, true, "two")
	if got, err := os.ReadFile(filepath.Join(path, "f")); err != nil || string(got) != "two" {
		t.Errorf("got %q, %v; want the new content", got, err)
	}
	if got := names(t, root); len(got) != 1 {
		t.Errorf("the parent holds %v, want only the directory", got)
	}
}

// TestKilledWriter starts from each state that a killed process can leave.
func TestKilledWriter(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "out")
	fill(t, path, false, "one")
	if err := os.Rename(path, path+oldSuffix); err != nil { // killed between the two renames
		t.Fatal(err)
	}
	if err := os.Mkdir(path+partialSuffix, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateDir(path, false); !errors.Is(err, ErrExists) {
		t.Errorf("the old directory did not come back: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(path, "f")); err != nil || string(got) != "one" {
		t.Errorf("got %q, %v; want the old content", got, err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	release, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("second holder: %v, want %v", err, ErrLocked)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = Lock(path); err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
