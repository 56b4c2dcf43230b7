package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"longlora/internal/store"
	"longlora/pipeline/charset"
	"longlora/pipeline/licence"
	"longlora/schemas"
)

// The reasons of modules that are no documents.
const (
	ReasonNotDownloaded = "not downloaded"
	ReasonWrongHash     = "wrong hash"
)

// What a document of the gomod source is.
const (
	perModule  = "module"
	perPackage = "package"
)

// gomodSource reads the Go modules that a go.sum pins, from the module cache of this machine. A module,
// or each package of it, is a document: its Go files, each after a line that names it.
type gomodSource struct {
	cache   string
	per     string
	modules []pinned
}

// pinned is a line of go.sum.
type pinned struct {
	module.Version
	Hash string
}

func openGomod(ctx context.Context, o Options) (Source, error) {
	file, ok := store.Local(o.Path)
	if !ok {
		return nil, errors.New("the module cache is read on this machine; --path names a go.sum here")
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = filepath.Join(file, "go.sum")
	}
	data, err := readSum(file)
	if err != nil {
		return nil, err
	}
	modules, err := parseSum(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("ask the go command for GOMODCACHE: %w", err)
	}
	return &gomodSource{strings.TrimSpace(string(out)), o.Per, modules}, nil
}

// maxSum is more than any go.sum has, in bytes.
const maxSum = 64 << 20

func readSum(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", file)
	case info.Size() > maxSum:
		return nil, fmt.Errorf("%s is too large: %d bytes, at most %d", file, info.Size(), maxSum)
	}
	return os.ReadFile(file)
}

// parseSum reads the modules of a go.sum whose content is pinned, sorted.
func parseSum(data []byte) (all []pinned, err error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if len(f) == 0 || len(f) == 3 && strings.HasSuffix(f[1], "/go.mod") {
			continue
		}
		if len(f) != 3 || !strings.HasPrefix(f[2], "h1:") || module.Check(f[0], f[1]) != nil {
			return nil, fmt.Errorf("line %d: %q is no module, version and h1 hash", n, lines.Text())
		}
		all = append(all, pinned{module.Version{Path: f[0], Version: f[1]}, f[2]})
	}
	if len(all) == 0 {
		return nil, errors.Join(errors.New("it pins no module"), lines.Err())
	}
	slices.SortFunc(all, func(a, b pinned) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(all), lines.Err()
}

func (s *gomodSource) Config() map[string]any {
	var sums []string
	for _, m := range s.modules {
		sums = append(sums, m.String()+" "+m.Hash)
	}
	c := map[string]any{"modules": sums}
	if s.per != perModule {
		c["per"] = s.per
	}
	return c
}

func (s *gomodSource) Languages() []string { return []string{"en"} }

func (s *gomodSource) Units(context.Context) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		b := batch{yield: yield}
		for i, m := range s.modules {
			part := Part{Name: m.String(), From: int64(i), To: int64(i) + 1}
			if !b.add(part, unitBytes/8) { // a module's size shows when it is read
				return
			}
		}
		b.flush()
	}
}

func (s *gomodSource) Read(ctx context.Context, u Unit) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, p := range u.Parts {
			err := ctx.Err()
			if err == nil && (p.From < 0 || p.From >= int64(len(s.modules))) {
				err = fmt.Errorf("gomod: module %d of %d", p.From, len(s.modules))
			}
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, it := range s.items(s.modules[p.From]) {
				if !yield(it, nil) {
					return
				}
			}
		}
	}
}

// items returns the documents of a module, or the one item that says why there are none.
func (s *gomodSource) items(m pinned) []Item {
	it := Item{Document: schemas.Document{
		DocID: "gomod:" + m.String(), Source: "gomod", Language: "en", Title: "module " + m.Path,
		URL:  "https://pkg.go.dev/" + m.String(),
		Meta: map[string]string{"module": m.Path, "version": m.Version.Version, "h1": m.Hash},
	}}
	tree := s.check(m, &it)
	if it.Reason != "" {
		return []Item{it}
	}
	packages, err := goPackages(tree)
	switch {
	case err != nil:
		it.Reason, it.Detail = ReasonUnreadable, store.Cause(err)
	case len(packages) == 0:
		it.Reason, it.Detail = ReasonNoText, "it has no Go files that people wrote"
	case s.per == perPackage:
		return packageItems(it, m, packages)
	default:
		var b strings.Builder
		for _, p := range packages {
			b.Write(p.text)
		}
		it.setText(b.String())
	}
	return []Item{it}
}

// packageItems makes a document of each package.
func packageItems(module Item, m pinned, packages []goPackage) (items []Item) {
	for _, p := range packages {
		it := module
		it.Title = "package " + path.Join(m.Path, p.dir)
		if p.dir != "." {
			it.DocID += "/" + p.dir
			it.URL += "/" + p.dir
		}
		it.setText(string(p.text))
		items = append(items, it)
	}
	return items
}

// setText sets the text, or the reason if it is too large.
func (it *Item) setText(text string) {
	if len(text) > MaxDocument {
		it.Reason, it.Detail = ReasonTooLarge, tooLarge(int64(len(text)))
		return
	}
	it.Text = text
}

// check returns a module's files with the hash of go.sum under a known licence, or sets the reason why
// there are none.
func (s *gomodSource) check(m pinned, it *Item) fs.FS {
	dir, err := s.dir(m.Version)
	if err != nil {
		it.Reason, it.Detail = ReasonNotDownloaded, "go mod download "+m.String()+" brings it"
		return nil
	}
	sum, err := dirhash.HashDir(dir, m.String(), dirhash.Hash1)
	switch {
	case err != nil:
		it.Reason, it.Detail = ReasonUnreadable, store.Cause(err)
		return nil
	case sum != m.Hash:
		it.Reason, it.Detail = ReasonWrongHash, fmt.Sprintf("%s, go.sum says %s", sum, m.Hash)
		return nil
	}
	var why string
	if it.Licence, why = licenceOf(os.DirFS(dir)); it.Licence == "" {
		it.Reason, it.Detail = ReasonNoLicence, why
	}
	return os.DirFS(dir)
}

// dir returns the folder of a module in the cache.
func (s *gomodSource) dir(v module.Version) (string, error) {
	escaped, err := module.EscapePath(v.Path)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(v.Version)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.cache, filepath.FromSlash(escaped)+"@"+version)
	_, err = os.Stat(dir)
	return dir, err
}

// licenceOf returns the SPDX expression of the licences at the top of a tree, or says why there is
// none: no file, or text that is not that of a known licence.
func licenceOf(tree fs.FS) (spdx, why string) {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return "", store.Cause(err)
	}
	var found []string
	for _, e := range entries {
		if !licence.IsFile(e.Name()) || e.IsDir() {
			continue
		}
		data, err := fs.ReadFile(tree, e.Name())
		if err != nil {
			return "", store.Cause(err)
		}
		ids, why := licence.Identify(e.Name(), data)
		if why != "" {
			return "", why
		}
		found = append(found, ids...)
	}
	if len(found) == 0 {
		return "", "it has no file with a known licence"
	}
	return licence.All(found), ""
}

var (
	generatedGo  = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.\r?$`)
	skippedInMod = map[string]bool{"testdata": true, "vendor": true, "internal/testdata": true}
)

// goPackage is a folder's Go files, each after a line that names it.
type goPackage struct {
	dir  string
	text []byte
}

// goPackages joins a module's Go files by folder, in the order of their paths, tests and generated
// files apart.
func goPackages(tree fs.FS) (packages []goPackage, err error) {
	at := map[string]int{}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (skippedInMod[d.Name()] || strings.HasPrefix(d.Name(), ".") ||
			strings.HasPrefix(d.Name(), "_")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil || generatedGo.Match(data) || charset.InvalidUTF8(data) >= 0 {
			return err
		}
		i, ok := at[path.Dir(name)]
		if !ok {
			i = len(packages)
			at[path.Dir(name)] = i
			packages = append(packages, goPackage{dir: path.Dir(name)})
		}
		packages[i].text = appendFile(packages[i].text, name, data)
		return nil
	})
	return packages, err
}

// appendFile appends a file after a line that names it.
func appendFile(text []byte, name string, data []byte) []byte {
	text = append(append(append(text, "// file: "...), name...), '\n')
	text = append(text, data...)
	if !bytes.HasSuffix(data, []byte("\n")) {
		text = append(text, '\n')
	}
	return text
}
