package source

import (
	"bytes"
	"compress/zlib"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"longlora/pipeline/repository"
)

// commit makes a repository with a work tree, or adds to it, and returns the commit's hash.
func commit(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	r, err := git.PlainOpen(dir)
	if err != nil {
		r, err = git.PlainInit(dir, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, files)
	w, err := r.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if _, err := w.Add(name); err != nil {
			t.Fatal(err)
		}
	}
	h, err := w.Commit("m", &git.CommitOptions{
		Author: &object.Signature{Name: "a", Email: "a@example.org", When: time.Unix(1e9, 0).UTC()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

func TestGit(t *testing.T) {
	root := t.TempDir()
	licence, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "tool")
	first := commit(t, dir, map[string]string{
		"LICENSE": string(licence), "a.py": "import b\n", "b.py": "", "b/x.py": "x = 1\n", "vendor/v.py": "v",
	})
	second := commit(t, dir, map[string]string{"b.py": "b = 1\n"})
	put(t, dir, map[string]string{"b.py": "not committed"})
	id := "git:tool@" + second
	want := map[string]string{
		id:              "// file: b.py\nb = 1\n// file: a.py\nimport b\n// file: b/x.py\nx = 1\n",
		id + ":LICENSE": "licence text: ", id + ":vendor/": "vendored: a folder for the code of others",
	}
	for _, path := range []string{dir, dir + "@HEAD", dir + "@master", filepath.Join(dir, ".git"), dir + "@" + second} {
		check(t, outcomes(t, open(t, "git", Options{Path: path})), want)
	}
	delete(want, id+":vendor/")
	for _, path := range []string{dir + "@HEAD~1", dir + "@" + first[:10]} {
		got := outcomes(t, open(t, "git", Options{Path: path}))
		if text := "// file: a.py\nimport b\n// file: b/x.py\nx = 1\n"; got["git:tool@"+first] != text {
			t.Errorf("%s: got %q", path, got)
		}
	}
	check(t, outcomes(t, open(t, "git", Options{Path: dir, Per: perDirectory})), map[string]string{
		id + ":.": "// file: b.py\nb = 1\n// file: a.py\nimport b\n", id + ":b": "// file: b/x.py\nx = 1\n",
		id + ":LICENSE": "licence text: ",
	})
	s := open(t, "git", Options{Path: dir})
	items := read(t, s, units(t, s)[0])
	if it := items[0]; it.Within || it.Licence != "Apache-2.0" || it.Meta["commit"] != second ||
		it.Meta["files"] != "3" || it.Meta["licence_files"] != "LICENSE" {
		t.Errorf("document %+v", it.Document)
	}
	for _, it := range items[1:] {
		if !it.Within {
			t.Errorf("%s is an input of its own", it.DocID)
		}
	}
}

// TestGitFolder reads a folder of repositories, one of which is damaged, empty or without a licence.
func TestGitFolder(t *testing.T) {
	root := t.TempDir()
	commit(t, filepath.Join(root, "good"), map[string]string{"a.txt": "good"})
	commit(t, filepath.Join(root, "deep", "bad"), map[string]string{"a.txt": "bad"})
	commit(t, filepath.Join(root, "terms"), map[string]string{"LICENSE": "Keep out.", "a.txt": "own"})
	if _, err := git.PlainInit(filepath.Join(root, "empty"), true); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(root, "deep", "bad", ".git", "objects")); err != nil {
		t.Fatal(err)
	}
	for licence, want := range map[string]map[string]string{
		"":    {"good": ReasonNoLicence, "terms": ReasonNoLicence},
		"MIT": {"good": "// file: a.txt\ngood\n", "terms": "// file: a.txt\nown\n"},
	} {
		want["deep/bad"], want["empty"] = ReasonUnreadable, ReasonUnreadable
		got := outcomes(t, open(t, "git", Options{Path: root, Licence: licence}))
		for name, w := range want {
			found := ""
			for id, outcome := range got {
				if rest, ok := strings.CutPrefix(id, "git:"+name); ok && !strings.Contains(rest, ":") {
					found = outcome
				}
			}
			if !strings.HasPrefix(found, w) {
				t.Errorf("licence %q, %s: got %q, want %q", licence, name, found, w)
			}
		}
	}
}

func TestGitRefuses(t *testing.T) {
	root := t.TempDir()
	commit(t, filepath.Join(root, "r"), map[string]string{"a.txt": "a"})
	k, err := Find("git")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(root, "r@v9"): "no such commit: v9", filepath.Join(root, "none"): "no such file",
		t.TempDir(): "is no git repository and holds none", "https://example.org/r.git": "git clone --bare URL",
		filepath.Join(root, "r@^{/x}"):    "want a branch, a tag or a hash",
		filepath.Join(root, "r", "a.txt"): "is no git repository and holds none",
	} {
		if _, err := k.Open(context.Background(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

// FuzzGitTree reads repositories whose tree object holds arbitrary bytes.
func FuzzGitTree(f *testing.F) {
	f.Add([]byte("100644 a\x00"+strings.Repeat("a", 20)), []byte("ref: refs/heads/master\n"))
	f.Add([]byte("40000 \x00"), []byte("HEAD"))
	dir := f.TempDir() // one for all inputs, which come one after another
	hash := commit(f, dir, map[string]string{"a.txt": "a", "b/c.txt": "c"})
	objects, err := filepath.Glob(filepath.Join(dir, ".git", "objects", "??", "*"))
	if err != nil {
		f.Fatal(err)
	}
	damaged := objects[:len(objects)/2]
	for _, name := range damaged {
		if err := os.Chmod(name, 0o666); err != nil {
			f.Fatal(err)
		}
	}
	headFile := filepath.Join(dir, ".git", "HEAD")
	f.Fuzz(func(t *testing.T, object, head []byte) {
		for _, name := range damaged {
			if err := os.WriteFile(name, deflated(object), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(headFile, []byte("ref: refs/heads/master\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if r, err := repository.Open(dir, hash); err == nil {
			_, _ = r.Document(context.Background(), "", repository.Options{Licence: "MIT", MaxBytes: 1 << 20})
			_, _ = r.Directories()
			_ = r.Close()
		}
		if err := os.WriteFile(headFile, head, 0o666); err != nil {
			t.Fatal(err)
		}
		if r, err := repository.Open(dir, ""); err == nil {
			_ = r.Close()
		}
	})
}

// deflated is a loose object whose content is arbitrary.
func deflated(content []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}
