package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is what the same files give, wherever they lie.
var tree = map[string]string{
	"a/b.txt": "1", "a.txt": "22", "a-b/c.txt": "333", "B.txt": "", "a/.hidden": "x",
	".git/x.txt": "x", "deep/er/est/x": "4444", "z.txt": "z",
}

const treeWalk = "B.txt:0 a/b.txt:1 a-b/c.txt:3 a.txt:2 deep/er/est/x:4 z.txt:1"

// stores returns a folder and a bucket that hold the tree.
func stores(t *testing.T) map[string]Store {
	t.Helper()
	root := t.TempDir()
	objects := map[string]string{"other/x": "x", "booksellers/x": "x"}
	for name, content := range tree {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o777),
			os.WriteFile(p, []byte(content), 0o666)); err != nil {
			t.Fatal(err)
		}
		objects["books/"+name] = content
	}
	local, err := Open(context.Background(), root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	byURL, err := Open(context.Background(), "file://"+filepath.ToSlash(root), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Store{
		"folder": local, "file URL": byURL,
		"bucket": openFake(t, newFake(objects), "fake://b/books/"),
	}
}

func walkOf(t *testing.T, s Store) string {
	t.Helper()
	var got []string
	for f, err := range s.Walk(context.Background()) {
		if err != nil {
			return err.Error()
		}
		if f.Problem != "" {
			f.Problem = "!" + f.Problem
		}
		got = append(got, f.Name+":"+itoa(f.Size)+f.Problem)
	}
	return strings.Join(got, " ")
}

func itoa(n int64) string { return string(rune('0' + n)) }

// TestStoresAreAlike holds a folder and a bucket with the same files to the same answers.
func TestStoresAreAlike(t *testing.T) {
	ctx := context.Background()
	for kind, s := range stores(t) {
		if got := walkOf(t, s); got != treeWalk {
			t.Errorf("%s: walked %s, want %s", kind, got, treeWalk)
		}
		if got, err := readAll(t, s, "deep/er/est/x", 1); got != "444" || err != nil {
			t.Errorf("%s: read %q, %v", kind, got, err)
		}
		if f, err := s.Stat(ctx, "a-b/c.txt"); f.Size != 3 || f.Version == "" || err != nil {
			t.Errorf("%s: stat %+v, %v", kind, f, err)
		}
		for _, name := range []string{"none", "a"} {
			if _, err := readAll(t, s, name, 0); err == nil {
				t.Errorf("%s: %s was opened", kind, name)
			}
		}
		if _, err := s.Stat(ctx, "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: stat of nothing: %v", kind, err)
		}
		checkPut(t, kind, s)
	}
}

// checkPut makes a file once.
func checkPut(t *testing.T, kind string, s Store) {
	t.Helper()
	ctx := context.Background()
	put := func(name, content string) error {
		return s.Put(ctx, name, strings.NewReader(content), int64(len(content)))
	}
	if err := put("new/x", "content"); err != nil {
		t.Errorf("%s: %v", kind, err)
	}
	if err := put("new/x", "other"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%s: a second file of a name gave %v", kind, err)
	}
	if got, err := readAll(t, s, "new/x", 0); got != "content" || err != nil {
		t.Errorf("%s: read back %q, %v", kind, got, err)
	}
	if err := s.Put(ctx, "short", strings.NewReader("abc"), 4); err == nil {
		t.Errorf("%s: content that ends early was put", kind)
	}
	if _, err := s.Stat(ctx, "short"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: a file that failed is there: %v", kind, err)
	}
	at, err := s.OpenAt(ctx, "new/x")
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	var p [4]byte
	if n, err := at.ReadAt(p[:], 3); string(p[:n]) != "tent" || err != nil || at.Size() != 7 {
		t.Errorf("%s: at 3 of %d: %q, %v", kind, at.Size(), p[:n], err)
	}
	if n, err := at.ReadAt(p[:], 5); string(p[:n]) != "nt" || err == nil {
		t.Errorf("%s: at the end: %q, %v", kind, p[:n], err)
	}
	if err := errors.Join(at.Close(), s.Remove(ctx, "new/x")); err != nil {
		t.Errorf("%s: %v", kind, err)
	}
	if _, err := s.Stat(ctx, "new/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: stat of what was removed: %v", kind, err)
	}
	if got := walkOf(t, s); got != treeWalk {
		t.Errorf("%s: afterwards there is %s", kind, got)
	}
}

func TestSingleFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "novel")
	if err := os.WriteFile(file, []byte("call me"), 0o666); err != nil {
		t.Fatal(err)
	}
	local, err := Open(context.Background(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	bucket := newFake(map[string]string{"x/novel": "call me", "x/novel-2": "no"})
	for place, s := range map[string]Store{
		file: local, "fake://b/x/novel": openFake(t, bucket, "fake://b/x/novel"),
	} {
		for f, err := range s.Walk(context.Background()) {
			if err != nil || f.Name != "novel" || !f.Single || f.Size != 7 {
				t.Errorf("%s: got %+v, %v", place, f, err)
			}
		}
		if got, err := readAll(t, s, "novel", 5); got != "me" || err != nil {
			t.Errorf("%s: read %q, %v", place, got, err)
		}
		if got := s.Place("novel"); got != place {
			t.Errorf("place %s, want %s", got, place)
		}
	}
}

func TestFolderProblems(t *testing.T) {
	root := t.TempDir()
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "deep"), 0o777); err != nil {
		t.Fatal(err)
	}
	link("nowhere", "broken")
	link("..", "deep/loop")
	link("/dev/null", "device")
	s, err := Open(context.Background(), root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := "broken:0!no such file or directory deep/loop:0!" + LinkLoop + " device:0!not a regular file"
	if got := walkOf(t, s); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOpenErrors(t *testing.T) {
	for location, want := range map[string]string{
		"s4://bucket/x":                 `no store has the scheme "s4"; there are file`,
		"file://elsewhere/x":            "want file:///path",
		"fake://user:secret@bucket/%zz": "invalid URL escape",
	} {
		_, err := Open(context.Background(), location, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", location, err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a password: %v", location, err)
		}
	}
	if path, ok := Local("file:///a/b"); path != filepath.FromSlash("/a/b") || !ok {
		t.Errorf("got %s, %v", path, ok)
	}
	if _, ok := Local("s3://a/b"); ok {
		t.Error("s3://a/b counts as local")
	}
}

func TestJoin(t *testing.T) {
	for location, want := range map[string]string{
		"a/b": filepath.Join("a", "b", "x", "y"), "s3://b": "s3://b/x/y", "s3://b/c/": "s3://b/c/x/y",
		"s3://b/c?region=x": "s3://b/c/x/y?region=x",
	} {
		if got := Join(location, "x/y"); got != want {
			t.Errorf("%s: got %s, want %s", location, got, want)
		}
	}
}
