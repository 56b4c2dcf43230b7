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
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"longlora/internal/store"
	"longlora/schemas"
)

// The reasons of modules that are no documents.
const (
	ReasonNotDownloaded = "not downloaded"
	ReasonWrongHash     = "wrong hash"
)

// gomodSource reads the Go modules that a go.sum pins, from the module cache of this machine. A module
// is a document: its Go files, each after a line that names it.
type gomodSource struct {
	cache   string
	modules []pinned
}

// pinned is a line of go.sum.
type pinned struct {
	module.Version
	Hash string
}

func openGomod(ctx context.Context, o Options) (Source, error) {
	path, ok := store.Local(o.Path)
	if !ok {
		return nil, errors.New("the module cache is read on this machine; --path names a go.sum here")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "go.sum")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	modules, err := parseSum(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("ask the go command for GOMODCACHE: %w", err)
	}
	return &gomodSource{strings.TrimSpace(string(out)), modules}, nil
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
	return map[string]any{"modules": sums}
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
			if !yield(s.item(s.modules[p.From]), nil) {
				return
			}
		}
	}
}

func (s *gomodSource) item(m pinned) Item {
	it := Item{Document: schemas.Document{
		DocID: "gomod:" + m.String(), Source: "gomod", Language: "en", Title: "module " + m.Path,
		URL:  "https://pkg.go.dev/" + m.String(),
		Meta: map[string]string{"module": m.Path, "version": m.Version.Version, "h1": m.Hash},
	}}
	dir, err := s.dir(m.Version)
	if err != nil {
		it.Reason, it.Detail = ReasonNotDownloaded, "go mod download "+m.String()+" brings it"
		return it
	}
	sum, err := dirhash.HashDir(dir, m.String(), dirhash.Hash1)
	switch {
	case err != nil:
		it.Reason, it.Detail = ReasonUnreadable, store.Cause(err)
		return it
	case sum != m.Hash:
		it.Reason, it.Detail = ReasonWrongHash, fmt.Sprintf("%s, go.sum says %s", sum, m.Hash)
		return it
	}
	if it.Licence, it.Detail = licenceOf(os.DirFS(dir)); it.Licence == "" {
		it.Reason = ReasonNoLicence
		return it
	}
	it.Detail = ""
	if it.Text, err = moduleText(os.DirFS(dir)); err != nil {
		it.Reason, it.Detail = ReasonUnreadable, store.Cause(err)
	} else if it.Text == "" {
		it.Reason, it.Detail = ReasonNoText, "it has no Go files that people wrote"
	} else if len(it.Text) > MaxDocument {
		it.Reason, it.Detail = ReasonTooLarge, tooLarge(int64(len(it.Text)))
	}
	return it
}

// dir returns the folder of a module in the cache.
func (s *gomodSource) dir(v module.Version) (string, error) {
	path, err := module.EscapePath(v.Path)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(v.Version)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.cache, filepath.FromSlash(path)+"@"+version)
	_, err = os.Stat(dir)
	return dir, err
}

// licenceFile is the name of a file that holds terms.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-.].*)?$`)

// leastCovered is the part of a licence file, in percent, that must be known text.
const leastCovered = 75

// licenceOf returns the SPDX expression of the licences at the top of a tree, or says why there is
// none: no file, or text that is not that of a known licence.
func licenceOf(tree fs.FS) (spdx, why string) {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return "", store.Cause(err)
	}
	var found []string
	for _, e := range entries {
		if !licenceFile.MatchString(e.Name()) || e.IsDir() || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		data, err := fs.ReadFile(tree, e.Name())
		if err != nil {
			return "", store.Cause(err)
		}
		c := licensecheck.Scan(data)
		if c.Percent < leastCovered {
			return "", fmt.Sprintf("%s is %.0f %% text of known licences", e.Name(), c.Percent)
		}
		for _, m := range c.Match {
			if !m.IsURL && !slices.Contains(found, m.ID) {
				found = append(found, m.ID)
			}
		}
	}
	if len(found) == 0 {
		return "", "it has no file with a known licence"
	}
	slices.Sort(found)
	return strings.Join(found, " AND "), ""
}

var (
	generatedGo  = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.\r?$`)
	skippedInMod = map[string]bool{"testdata": true, "vendor": true, "internal/testdata": true}
)

// moduleText joins a module's Go files in the order of their paths, tests and generated files apart.
func moduleText(tree fs.FS) (string, error) {
	var b strings.Builder
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
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
		if err != nil || generatedGo.Match(data) || invalidUTF8(data) >= 0 {
			return err
		}
		b.WriteString("// file: " + name + "\n")
		b.Write(data)
		if !bytes.HasSuffix(data, []byte("\n")) {
			b.WriteByte('\n')
		}
		return nil
	})
	return b.String(), err
}
