package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestGomodRejects pins a real module of this one's go.sum, one with another hash, and one that no
// cache holds.
func TestGomodRejects(t *testing.T) {
	sum, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	line := ""
	for l := range strings.Lines(string(sum)) {
		if strings.HasPrefix(l, "pgregory.net/rapid ") && !strings.Contains(l, "/go.mod") {
			line = l
		}
	}
	dir := t.TempDir()
	content := line + "github.com/google/go-cmp v0.7.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" +
		"example.invalid/nothing v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	got := outcomes(t, open(t, "gomod", Options{Path: dir}))
	for id, want := range map[string]string{
		"gomod:pgregory.net/rapid@":             "// file: ",
		"gomod:github.com/google/go-cmp@v0.7.0": ReasonWrongHash,
		"gomod:example.invalid/nothing@v1.0.0":  ReasonNotDownloaded,
	} {
		found := false
		for have, text := range got {
			if strings.HasPrefix(have, id) {
				if found = true; !strings.HasPrefix(text, want) {
					t.Errorf("%s: got %.80q, want %q", have, text, want)
				}
			}
		}
		if !found {
			t.Errorf("%s is missing", id)
		}
	}
}

// TestGomodPackages reads a module a package at a time: together they are the module.
func TestGomodPackages(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"go.sum": sumOf(t)})
	whole := open(t, "gomod", Options{Path: root})
	parts := open(t, "gomod", Options{Path: root, Per: perPackage})
	module := read(t, whole, units(t, whole)[0])[0] // github.com/google/go-cmp
	text, ids := "", map[string]bool{}
	for _, it := range read(t, parts, units(t, parts)[0]) {
		if it.Meta["module"] != module.Meta["module"] {
			continue
		}
		if ids[it.DocID] || it.Reason != "" || it.Licence != module.Licence || !strings.Contains(it.Text, "package ") {
			t.Errorf("%s: %s %q", it.DocID, it.Reason, it.Licence)
		}
		ids[it.DocID] = true
		text += it.Text
	}
	if text != module.Text || !ids[module.DocID+"/cmp"] || len(ids) < 5 {
		t.Errorf("%d packages with %d bytes, the module has %d", len(ids), len(text), len(module.Text))
	}
}

func TestLicenceOf(t *testing.T) {
	mit, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tree fstest.MapFS
		want bool
	}{
		"known":  {fstest.MapFS{"LICENSE": {Data: mit}}, true},
		"none":   {fstest.MapFS{"README": {Data: mit}}, false},
		"own":    {fstest.MapFS{"LICENSE.txt": {Data: []byte("All rights reserved. Do not copy.")}}, false},
		"partly": {fstest.MapFS{"COPYING": {Data: append([]byte(strings.Repeat("no way ", 9000)), mit...)}}, false},
	} {
		if spdx, why := licenceOf(c.tree); (spdx != "") != c.want || (why == "") != c.want {
			t.Errorf("%s: got %q, %q", name, spdx, why)
		}
	}
}
