package goroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"
)

// Text is one long text of the tree.
type Text struct {
	Path    string // from the root, with slashes, as "doc/go_spec.html"
	Title   string
	Content string // clean text: markup is gone
	Licence string // SPDX
	Book    bool   // a work of literature, not a manual
}

// DocID is the text's document id.
func (t *Text) DocID() string { return "goroot:text/" + t.Path }

// Licence is that of the Go tree.
const Licence = "BSD-3-Clause"

// minTextBytes leaves out notes too short to be a document of their own.
const minTextBytes = 4 << 10

// books are the works of literature that the tree holds as test inputs; all are in the public
// domain.
var books = map[string]string{
	"src/testdata/Isaac.Newton-Opticks.txt": "Opticks, by Isaac Newton (fourth edition, 1730)",
}

// readTexts reads the books, the pages of doc/ and the manuals that stand beside the code.
func readTexts(root, src string) ([]Text, error) {
	paths, err := manuals(src)
	if err != nil {
		return nil, err
	}
	pages, err := os.ReadDir(filepath.Join(root, "doc"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, p := range pages {
		if ext := path.Ext(p.Name()); ext == ".html" || ext == ".md" {
			paths = append(paths, "doc/"+p.Name())
		}
	}
	for p := range books {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return readAll(root, src, paths)
}

// manuals lists Markdown files and READMEs in src, outside of testdata and vendored code.
func manuals(src string) ([]string, error) {
	var paths []string
	err := fs.WalkDir(os.DirFS(src), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() && (base == "testdata" || base == "vendor" || base == "static") {
			return fs.SkipDir
		}
		if !d.IsDir() && (path.Ext(base) == ".md" || base == "README") {
			paths = append(paths, "src/"+name)
		}
		return nil
	})
	return paths, err
}

// readAll reads the paths that are there; a book may be missing.
func readAll(root, src string, paths []string) ([]Text, error) {
	var texts []Text
	for _, p := range paths {
		file := filepath.Join(root, filepath.FromSlash(p))
		if rest, ok := strings.CutPrefix(p, "src/"); ok {
			file = filepath.Join(src, filepath.FromSlash(rest))
		}
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) && books[p] != "" {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(data) < minTextBytes {
			continue
		}
		t, err := newText(p, data)
		if err != nil {
			return nil, fmt.Errorf("text %s: %w", p, err)
		}
		texts = append(texts, t)
	}
	return texts, nil
}

func newText(p string, data []byte) (Text, error) {
	if !utf8.Valid(data) {
		return Text{}, errors.New("it is not UTF-8")
	}
	t := Text{Path: p, Licence: Licence, Content: string(data)}
	t.Content = strings.ReplaceAll(t.Content, "\r\n", "\n")
	var err error
	switch {
	case books[p] != "":
		t.Title, t.Licence, t.Book = books[p], "LicenseRef-public-domain", true
	case path.Ext(p) == ".html":
		t.Title, t.Content, err = htmlText(t.Content)
	default:
		t.Title = markdownTitle(t.Content)
	}
	if t.Title == "" {
		t.Title = p
	}
	return t, err
}

// markdownTitle is the title of the front matter, else the first heading in either form.
func markdownTitle(content string) string {
	lines := strings.SplitN(content, "\n", 20)
	for i, line := range lines {
		if t, ok := strings.CutPrefix(line, "title: "); ok && lines[0] == "---" {
			return strings.Trim(t, `"`)
		}
		if h := strings.TrimLeft(line, "#"); h != line {
			title, _, _ := strings.Cut(h, "{#") // an anchor may follow
			return strings.TrimSpace(title)
		}
		if i > 0 && len(line) > 2 && strings.Trim(line, "=") == "" {
			return strings.TrimSpace(lines[i-1])
		}
	}
	return ""
}
