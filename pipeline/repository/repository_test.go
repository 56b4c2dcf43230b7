package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"

	"longlora/pipeline/charset"
)

// mit is the text of a known licence.
func mit(t testing.TB) string {
	t.Helper()
	return `MIT License

Copyright (c) 2025 A. Nyone

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`
}

// tree is a folder to be committed: names to content.
type tree map[string]string

// repo is a repository that a test makes.
type repo struct {
	t   testing.TB
	dir string
	git *git.Repository
}

func newRepo(t testing.TB, bare bool) *repo {
	t.Helper()
	dir := t.TempDir()
	r, err := git.PlainInit(dir, bare)
	if err != nil {
		t.Fatal(err)
	}
	return &repo{t, dir, r}
}

func (r *repo) store(o plumbing.EncodedObject, err error) plumbing.Hash {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	h, err := r.git.Storer.SetEncodedObject(o)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

func (r *repo) blob(content string) plumbing.Hash {
	o := r.git.Storer.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	w, err := o.Writer()
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	return r.store(o, err)
}

func (r *repo) tree(entries ...object.TreeEntry) plumbing.Hash {
	o := r.git.Storer.NewEncodedObject()
	o.SetType(plumbing.TreeObject)
	w, err := o.Writer()
	for _, e := range entries { // as they are, in whatever order and under whatever names
		if err == nil {
			_, err = fmt.Fprintf(w, "%o %s\x00%s", uint32(e.Mode), e.Name, e.Hash[:])
		}
	}
	return r.store(o, err)
}

func (r *repo) commit(tree plumbing.Hash, parents ...plumbing.Hash) plumbing.Hash {
	who := object.Signature{Name: "a", Email: "a@example.org", When: time.Unix(1e9, 0).UTC()}
	c := object.Commit{Author: who, Committer: who, Message: "m", TreeHash: tree, ParentHashes: parents}
	o := r.git.Storer.NewEncodedObject()
	h := r.store(o, c.Encode(o))
	if err := r.git.Storer.SetReference(plumbing.NewHashReference("refs/heads/master", h)); err != nil {
		r.t.Fatal(err)
	}
	return h
}

// files makes the tree of a map of paths; links and submodules are marked by what their content
// begins with.
func (r *repo) files(files tree) plumbing.Hash {
	var entries []object.TreeEntry
	below := map[string]tree{}
	for name, content := range files {
		if dir, rest, ok := strings.Cut(name, "/"); ok {
			if below[dir] == nil {
				below[dir] = tree{}
			}
			below[dir][rest] = content
			continue
		}
		e := object.TreeEntry{Name: name, Mode: filemode.Regular}
		if to, ok := strings.CutPrefix(content, "link:"); ok {
			e.Mode, e.Hash = filemode.Symlink, r.blob(to)
		} else if to, ok := strings.CutPrefix(content, "submodule:"); ok {
			e.Mode, e.Hash = filemode.Submodule, plumbing.NewHash(to)
		} else if content == "missing" {
			e.Hash = plumbing.NewHash(strings.Repeat("ab", 20))
		} else {
			e.Hash = r.blob(content)
		}
		entries = append(entries, e)
	}
	for dir, files := range below {
		entries = append(entries, object.TreeEntry{Name: dir, Mode: filemode.Dir, Hash: r.files(files)})
	}
	return r.tree(entries...)
}

func read(t testing.TB, dir, revision, folder string, o Options) Document {
	t.Helper()
	r, err := Open(dir, revision)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	d, err := r.Document(context.Background(), folder, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// reasons maps what was left out to why.
func reasons(d Document) map[string]string {
	all := map[string]string{}
	for _, l := range d.LeftOut {
		all[l.Path] = l.Reason
	}
	return all
}

// TestLeftOut holds the reason of everything that is no text of the repository's own.
func TestLeftOut(t *testing.T) {
	for _, bare := range []bool{false, true} {
		r := newRepo(t, bare)
		r.commit(r.files(tree{
			"LICENSE": mit(t), "README.md": "# Read me", "a.go": "package a\n", "z.txt": "\xef\xbb\xbfmarked",
			"wide.txt": "\xff\xfeh\x00i\x00", "logo.png": "\x89PNG\x00", "late.bin": "text" + strings.Repeat("x", 7000) + "\x00",
			"latin.txt": "caf\xe9", "weights.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
			"link.txt": "link:../../etc/passwd", "lib": "submodule:" + strings.Repeat("1", 40),
			"vendor/x/x.go": "package x\n", "web/node_modules/y/y.js": "1", ".github/w.yml": "on: push",
			"go.sum": "x v1 h1:=\n", "big.sql": strings.Repeat("x\n", MaxFile/2+1), "empty.py": "",
			"gen.go": "// Code generated by x. DO NOT EDIT.\npackage a\n", "app.min.js": "x", "table.csv": "1,2",
			"mini.js": "x=" + strings.Repeat("1+", longLine), "gone.txt": "missing",
			"docs/deep/api.html": "<p>", "docs/mine.html": "<p>",
			".gitattributes": "docs/** linguist-generated=true\ndocs/mine.html -linguist-generated\n* text=auto\n",
		}))
		d := read(t, r.dir, "", "", Options{})
		want := map[string]string{
			"LICENSE": ReasonTerms, "logo.png": ReasonBinary, "late.bin": ReasonBinary,
			"latin.txt": charset.Reason, "weights.bin": ReasonPointer, "link.txt": "symbolic link",
			"lib/": "submodule", "vendor/": ReasonVendored, "web/node_modules/": ReasonVendored,
			".github/": ReasonHidden, ".gitattributes": ReasonHidden, "go.sum": ReasonGenerated,
			"big.sql": ReasonTooLarge, "empty.py": ReasonEmpty, "gen.go": ReasonGenerated,
			"app.min.js": ReasonGenerated, "table.csv": ReasonData, "mini.js": ReasonGenerated,
			"gone.txt": "missing object", "docs/deep/api.html": ReasonGenerated,
		}
		if diff := cmp.Diff(want, reasons(d)); diff != "" {
			t.Errorf("bare %v: left out (-want +got):\n%s", bare, diff)
		}
		text := "// file: README.md\n# Read me\n// file: a.go\npackage a\n// file: wide.txt\nhi\n" +
			"// file: z.txt\nmarked\n// file: docs/mine.html\n<p>\n"
		if d.Text != text || d.Licence != "MIT" || d.Files != 5 || !cmp.Equal(d.Terms, []string{"LICENSE"}) {
			t.Errorf("bare %v: licence %q of %v, %d files, text %q", bare, d.Licence, d.Terms, d.Files, d.Text)
		}
	}
}

// TestRevisions opens a repository at names of its two commits.
func TestRevisions(t *testing.T) {
	r := newRepo(t, false)
	first := r.commit(r.files(tree{"a.txt": "first"}))
	if _, err := r.git.CreateTag("v1", first, &git.CreateTagOptions{
		Tagger: &object.Signature{Name: "a", When: time.Unix(1e9, 0)}, Message: "m",
	}); err != nil {
		t.Fatal(err)
	}
	second := r.commit(r.files(tree{"a.txt": "second"}), first)
	for revision, want := range map[string]plumbing.Hash{
		"": second, "HEAD": second, "master": second, "v1": first, "refs/tags/v1": first, "HEAD~1": first,
		"master^": first, first.String(): first, first.String()[:8]: first,
	} {
		opened, err := Open(r.dir, revision)
		if err != nil || opened.Commit() != want.String() {
			t.Errorf("%q: got %v, %v, want %s", revision, opened, err, want)
		}
	}
	for _, revision := range []string{"nowhere", "~1", "^", "@", ":", "HEAD~7", "master^2", "v1:a.txt", "^{/m}",
		strings.Repeat("0", 40), "HEAD~999999", "-x"} {
		if opened, err := Open(r.dir, revision); err == nil {
			t.Errorf("%q: got %s", revision, opened.Commit())
		}
	}
	if _, err := Open(newRepo(t, true).dir, ""); err == nil || !strings.Contains(err.Error(), "no such commit: HEAD") {
		t.Errorf("an empty repository: %v", err)
	}
	if _, err := Open(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "no git repository") {
		t.Errorf("no repository: %v", err)
	}
}

func TestSplitRevision(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "a@b")
	if err := os.Mkdir(odd, 0o777); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string][2]string{
		dir: {dir, ""}, dir + "@v1": {dir, "v1"}, odd: {odd, ""}, odd + "@x/y": {odd, "x/y"},
		dir + "/gone": {dir + "/gone", ""}, dir + "/gone@v2": {dir + "/gone", "v2"},
		dir + "@feature@2": {dir, "feature@2"},
	} {
		path, revision := SplitRevision(location)
		if path != want[0] || revision != want[1] {
			t.Errorf("%s: got %s and %s", location, path, revision)
		}
	}
}

// TestFolders opens a linked work tree and a clone that borrows objects, as git lays them out.
func TestFolders(t *testing.T) {
	origin := newRepo(t, true)
	hash := origin.commit(origin.files(tree{"a.txt": "a"})).String()
	write := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	linked, own := t.TempDir(), filepath.Join(origin.dir, "worktrees", "linked")
	write(filepath.Join(linked, ".git"), "gitdir: "+own+"\n")
	write(filepath.Join(own, "HEAD"), hash+"\n")
	write(filepath.Join(own, "commondir"), "../..\n")
	borrower := newRepo(t, false)
	write(filepath.Join(borrower.dir, ".git", "objects", "info", "alternates"),
		filepath.Join(origin.dir, "objects")+"\n")
	write(filepath.Join(borrower.dir, ".git", "refs", "heads", "master"), hash+"\n")
	for _, dir := range []string{linked, own, borrower.dir} {
		if d := read(t, dir, "", "", Options{Licence: "MIT"}); d.Text != "// file: a.txt\na\n" {
			t.Errorf("%s: %q", dir, d.Text)
		}
	}
	write(filepath.Join(linked, ".git"), "nothing")
	write(filepath.Join(borrower.dir, ".git", "config"), "[core]\nrepositoryformatversion = 1\n"+
		"[extensions]\nobjectformat = sha256\n")
	for dir, want := range map[string]string{linked: ".git names no folder", borrower.dir: "SHA-1"} {
		if _, err := Open(dir, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
}

// TestLicences gives files the terms that stand nearest, or that they name themselves.
func TestLicences(t *testing.T) {
	r := newRepo(t, true)
	r.commit(r.files(tree{
		"LICENSE": mit(t), "a.c": "int a;\n", "own/COPYING": "All rights reserved. Do not copy.",
		"own/b.c": "int b;\n", "own/free/c.c": "/* SPDX-License-Identifier: GPL-2.0 OR MIT */\nint c;\n",
		"bad.py": "# SPDX-License-Identifier: do as you like!\n",
	}))
	d := read(t, r.dir, "", "", Options{})
	if want := "(GPL-2.0 OR MIT) AND MIT"; d.Licence != want {
		t.Errorf("licence %q, want %q", d.Licence, want)
	}
	want := map[string]string{
		"LICENSE": ReasonTerms, "own/COPYING": ReasonNoLicence, "own/b.c": ReasonNoLicence,
	}
	got := reasons(d)
	delete(got, "own/COPYING")
	delete(want, "own/COPYING")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if d := read(t, r.dir, "", "own", Options{}); d.Licence != "GPL-2.0 OR MIT" || d.Files != 1 {
		t.Errorf("folder own: licence %q, %d files", d.Licence, d.Files)
	}
	if d := read(t, r.dir, "", "own", Options{Licence: "LicenseRef-own"}); d.Files != 2 ||
		d.Licence != "(GPL-2.0 OR MIT) AND LicenseRef-own" {
		t.Errorf("folder own under a licence: %q, %d files", d.Licence, d.Files)
	}
}

func TestDirectories(t *testing.T) {
	r := newRepo(t, true)
	r.commit(r.files(tree{"LICENSE": mit(t), "a.md": "a", "x/b.md": "b", "y/z/c.md": "c", "vendor/d.md": "d"}))
	opened, err := Open(r.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := opened.Directories()
	if want := []string{".", "x", "y"}; err != nil || !cmp.Equal(dirs, want) {
		t.Errorf("got %v, %v, want %v", dirs, err, want)
	}
	for dir, want := range map[string]string{
		".": "// file: a.md\na\n", "x": "// file: x/b.md\nb\n", "y": "// file: y/z/c.md\nc\n",
	} {
		if d := read(t, r.dir, "", dir, Options{}); d.Text != want || d.Licence != "MIT" {
			t.Errorf("%s: %q under %s", dir, d.Text, d.Licence)
		}
	}
}

// TestBounds refuses trees that a walk would not end in: ten folders in each of ten levels.
func TestBounds(t *testing.T) {
	r := newRepo(t, true)
	h := r.tree(object.TreeEntry{Name: "f.txt", Mode: filemode.Regular, Hash: r.blob("x")})
	for range 10 {
		var entries []object.TreeEntry
		for i := range 10 {
			entries = append(entries, object.TreeEntry{Name: fmt.Sprint("d", i), Mode: filemode.Dir, Hash: h})
		}
		h = r.tree(entries...)
	}
	r.commit(h)
	opened, err := Open(r.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	opened.mostFiles = 20_000 // the bound itself takes seconds
	_, err = opened.Document(context.Background(), "", Options{Licence: "MIT", MaxBytes: 1 << 20})
	if !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("too many files: %v", err)
	}
	r.commit(r.files(tree{"a.txt": "0123456789", "b.txt": "0123456789"}))
	if opened, err = Open(r.dir, ""); err != nil {
		t.Fatal(err)
	}
	_, err = opened.Document(context.Background(), "", Options{Licence: "MIT", MaxBytes: 50})
	if err == nil || !strings.Contains(err.Error(), ErrTooLarge.Error()) {
		t.Errorf("too much text: %v", err)
	}
}

// TestDamaged reads repositories whose objects or names are not what they should be.
func TestDamaged(t *testing.T) {
	r := newRepo(t, true)
	gone := plumbing.NewHash(strings.Repeat("cd", 20))
	r.commit(r.tree(
		object.TreeEntry{Name: "../up", Mode: filemode.Regular, Hash: r.blob("x")},
		object.TreeEntry{Name: "a\nb", Mode: filemode.Regular, Hash: r.blob("x")},
		object.TreeEntry{Name: "lost", Mode: filemode.Dir, Hash: gone},
		object.TreeEntry{Name: "bad\xff", Mode: filemode.Regular, Hash: r.blob("x")},
		object.TreeEntry{Name: "ok", Mode: filemode.Regular, Hash: r.blob("x")},
	))
	d := read(t, r.dir, "", "", Options{Licence: "MIT"})
	if d.Text != "// file: ok\nx\n" || len(d.LeftOut) != 4 {
		t.Errorf("text %q, left out %v", d.Text, d.LeftOut)
	}
	r.commit(gone)
	opened, err := Open(r.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Document(context.Background(), "", Options{MaxBytes: 1}); err == nil {
		t.Error("a commit without a tree was read")
	}
	for _, name := range []string{"HEAD", "config"} {
		if err := os.WriteFile(filepath.Join(r.dir, name), bytes.Repeat([]byte("\x00["), 999), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(r.dir, ""); err == nil {
			t.Errorf("a broken %s was read", name)
		}
	}
}

func TestURL(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:secret@example.org/a/b.git": "https://example.org/a/b", "git@example.org:a/b.git": "",
		"/home/someone/b": "", "": "",
	} {
		r := newRepo(t, true)
		r.commit(r.files(tree{"a": "a"}))
		if address != "" {
			if _, err := r.git.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{address}}); err != nil {
				t.Fatal(err)
			}
		}
		opened, err := Open(r.dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := opened.URL(); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func TestAttributes(t *testing.T) {
	for _, c := range []struct {
		line, name string
		want       bool
	}{
		{"*.c linguist-vendored", "a/b.c", true}, {"*.c linguist-vendored", "a/b.cc", false},
		{"/*.c linguist-vendored", "a/b.c", false}, {"/*.c linguist-vendored=true", "b.c", true},
		{"a/** linguist-generated", "a/b/c", true}, {"a/* linguist-generated", "a/b/c", false},
		{"**/x/*.[ch] linguist-generated", "a/b/x/y.h", true}, {"x/ linguist-vendored", "x/y", false},
		{"a?b text linguist-vendored", "a/b", false}, {"[!a]b linguist-vendored", "cb", true},
		{"a linguist-vendored=false", "a", false}, {"a -linguist-vendored", "a", false},
		{"[z linguist-vendored", "[z", true}, {"[]x linguist-vendored", "x", false},
		{"\\* linguist-vendored", "*", true}, {"# linguist-vendored", "#", false},
	} {
		if _, got := leftOut(parseAttributes(c.line), c.name); got != c.want {
			t.Errorf("%q on %s: got %v", c.line, c.name, got)
		}
	}
}
