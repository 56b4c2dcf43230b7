package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outcomes maps each input's id to its text, or to its reason and detail.
func outcomes(t *testing.T, s Source) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, u := range units(t, s) {
		for _, it := range read(t, s, u) {
			if got[it.DocID] = it.Text; it.Reason != "" {
				got[it.DocID] = it.Reason + ": " + it.Detail
			}
		}
	}
	return got
}

func check(t *testing.T, got, want map[string]string) {
	t.Helper()
	for id, w := range want {
		if got[id] != w {
			t.Errorf("%s: got %q, want %q", id, got[id], w)
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			t.Errorf("unexpected input %s", id)
		}
	}
}

func TestTextFolder(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{
		"plain.txt": "a\r\nb\x00", "bom.txt": "\ufeffmarked", "latin.txt": "caf\xe9 au lait",
		"deep/er/x.txt": "deep", ".git/x.txt": "hidden", "other.rst": "other", "elsewhere": "linked",
	})
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("elsewhere", "link.txt")
	link("nowhere", "broken.txt")
	link("ring.txt", "ring.txt")
	link("..", "deep/loop")
	link("deep", "twice")
	link(filepath.Join(root, "deep"), "pipe.txt") // a folder, whatever its name
	check(t, outcomes(t, open(t, "text", Options{Path: root, Licence: "MIT"})), map[string]string{
		"text:plain.txt": "a\r\nb\x00", "text:bom.txt": "marked", "text:deep/er/x.txt": "deep",
		"text:link.txt": "linked",
		"text:latin.txt": "undecodable: byte 0xe9 at 3 is not UTF-8; name the encoding, as --encoding " +
			"windows-1252",
		"text:broken.txt":        "unreadable: no such file or directory",
		"text:ring.txt":          "unreadable: too many levels of symbolic links",
		"text:deep/loop":         "unreadable: a link to a folder that it lies in",
		"text:twice/er/x.txt":    "deep",
		"text:twice/loop":        "unreadable: a link to a folder that it lies in",
		"text:pipe.txt/er/x.txt": "deep",
		"text:pipe.txt/loop":     "unreadable: a link to a folder that it lies in",
	})
}

func TestTextOrderIsByPathElement(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"a/b.txt": "1", "a.txt": "2", "a-b/c.txt": "3", "B.txt": "4"})
	s := open(t, "text", Options{Path: root, Licence: "MIT"})
	var got []string
	for _, u := range units(t, s) {
		for _, p := range u.Parts {
			got = append(got, p.Name)
		}
	}
	if want := "B.txt a/b.txt a-b/c.txt a.txt"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestTextSingleFile(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"novel": "call me"})
	s := open(t, "text", Options{Path: filepath.Join(root, "novel"), Licence: "MIT"})
	check(t, outcomes(t, s), map[string]string{"text:novel": "call me"})
}

func TestTextTooLarge(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"huge.txt": ""})
	if err := os.Truncate(filepath.Join(root, "huge.txt"), MaxDocument+1); err != nil {
		t.Fatal(err)
	}
	s := open(t, "text", Options{Path: root, Licence: "MIT"})
	check(t, outcomes(t, s), map[string]string{
		"text:huge.txt": "too large: 268435457 bytes, at most 268435456 are read",
	})
}

func TestTextFolderErrors(t *testing.T) {
	for path, want := range map[string]string{
		t.TempDir():                         "holds no files that end in .txt",
		filepath.Join(t.TempDir(), "where"): "no such file",
	} {
		s := open(t, "text", Options{Path: path, Licence: "MIT"})
		var got error
		for _, err := range s.Units(context.Background()) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, got, want)
		}
	}
}

// TestEncoding reads a folder as another character set; a byte order mark counts for more.
func TestEncoding(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{
		"a.txt": "caf\xe9", "b.txt": "\xef\xbb\xbfcaf\u00e9", "c.txt": "\xfe\xff\x00\xe9",
		"d.md": "---\ntitle: \xe9t\xe9\n---\n\xe0",
	})
	check(t, outcomes(t, open(t, "text", Options{Path: root, Licence: "MIT", Encoding: "latin1"})),
		map[string]string{"text:a.txt": "café", "text:b.txt": "café", "text:c.txt": "é"})
	s := open(t, "markdown", Options{Path: root, Licence: "MIT", Encoding: "windows-1252"})
	if items := read(t, s, units(t, s)[0]); items[0].Title != "été" || items[0].Text != "à" {
		t.Errorf("Markdown: %+v", items[0])
	}
	if got := s.Config()["encoding"]; got != "windows-1252" {
		t.Errorf("config has the encoding %v", got)
	}
}
