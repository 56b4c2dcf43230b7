package goroot

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Package is one package with the files of the build that people wrote.
type Package struct {
	ImportPath string // as "net/http" or "cmd/go/internal/load"
	Name       string // of the package clause
	Dir        string // within src, with slashes
	Files      []File // by name; at least one
}

// File is one Go file.
type File struct {
	Name   string // as "request.go"
	Source []byte
}

// fileMark begins the line that names a file in a package's document.
const fileMark = "// file: "

// DocID is the package's document id.
func (p *Package) DocID() string { return "goroot:" + p.ImportPath }

// Text is the package's document: its files, each after a line that names it.
func (p *Package) Text() string {
	var b strings.Builder
	for _, f := range p.Files {
		b.WriteString(fileMark + f.Name + "\n")
		b.Write(f.Source)
		if !bytes.HasSuffix(f.Source, []byte("\n")) {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Build returns all files of a package's build by name, generated ones too. The path may be that of
// a vendored package, as Resolve returns it.
func (t *Tree) Build(importPath string) ([]File, error) {
	names, _, err := t.list(importPath)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", importPath, err)
	}
	files := make([]File, len(names))
	for i, name := range names {
		source, err := os.ReadFile(filepath.Join(t.dir(importPath), name))
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", importPath, err)
		}
		files[i] = File{Name: name, Source: source}
	}
	return files, nil
}

// Resolve returns the path of the package that an import in package from means: the vendored copy,
// where there is one.
func (t *Tree) Resolve(from, imported string) string {
	vendored := "vendor/" + imported
	if from == "cmd" || strings.HasPrefix(from, "cmd/") {
		vendored = "cmd/vendor/" + imported
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return imported // the standard library's own paths have no dot
	}
	if info, err := os.Stat(t.dir(vendored)); err == nil && info.IsDir() {
		return vendored
	}
	return imported
}

func (t *Tree) dir(importPath string) string {
	return filepath.Join(t.src, filepath.FromSlash(importPath))
}

// readPackages lists the directories and reads them in parallel; the order is the list's.
func (t *Tree) readPackages() ([]Package, error) {
	dirs, err := packageDirs(t.src)
	if err != nil {
		return nil, err
	}
	found := make([]Package, len(dirs))
	errs := make([]error, len(dirs))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, dir := range dirs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			found[i], errs[i] = t.readPackage(dir)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var packages []Package
	for _, p := range found {
		if len(p.Files) > 0 {
			packages = append(packages, p)
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("src holds no package for %s/%s", t.build.GOOS, t.build.GOARCH)
	}
	return packages, nil
}

// packageDirs returns the directories under src that may hold packages, sorted, with slashes.
func packageDirs(src string) ([]string, error) {
	var dirs []string
	err := fs.WalkDir(os.DirFS(src), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || name == "." {
			return err
		}
		base := path.Base(name)
		if base == "testdata" || base == "vendor" || base[0] == '_' || base[0] == '.' {
			return fs.SkipDir
		}
		dirs = append(dirs, name)
		return nil
	})
	sort.Strings(dirs)
	return dirs, err
}

// readPackage returns a package without files if the directory has none of this build.
func (t *Tree) readPackage(dir string) (Package, error) {
	if err := checkFiles(t.dir(dir)); err != nil {
		return Package{}, fmt.Errorf("package %s: %w", dir, err)
	}
	names, name, err := t.list(dir)
	if _, ok := errors.AsType[*build.NoGoError](err); ok {
		return Package{}, nil
	}
	if err != nil {
		return Package{}, fmt.Errorf("package %s: %w", dir, err)
	}
	p := Package{ImportPath: dir, Name: name, Dir: dir}
	for _, file := range names {
		source, err := os.ReadFile(filepath.Join(t.dir(dir), file))
		if err != nil {
			return Package{}, fmt.Errorf("package %s: %w", dir, err)
		}
		if !generated(source) {
			p.Files = append(p.Files, File{Name: file, Source: source})
		}
	}
	return p, nil
}

// maxSource is more than any Go file has that people wrote, in bytes.
const maxSource = 64 << 20

// checkFiles refuses Go files that would be read for ever.
func checkFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || e.IsDir() {
			continue
		}
		switch info, err := os.Stat(filepath.Join(dir, e.Name())); {
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is not a regular file", e.Name())
		case info.Size() > maxSource:
			return fmt.Errorf("%s is too large: %d bytes", e.Name(), info.Size())
		}
	}
	return nil
}

// list returns the names of the build's files in a directory, sorted, and the package's name.
func (t *Tree) list(importPath string) (files []string, name string, err error) {
	c := build.Context{
		GOOS: t.build.GOOS, GOARCH: t.build.GOARCH, Compiler: "gc", ReleaseTags: t.releaseTags(),
	}
	p, err := c.ImportDir(t.dir(importPath), 0)
	if err != nil {
		return nil, "", err
	}
	return p.GoFiles, p.Name, nil
}

// releaseTags are go1.1 to the tree's own version.
func (t *Tree) releaseTags() []string {
	tags := make([]string, t.minor)
	for i := range tags {
		tags[i] = "go1." + strconv.Itoa(i+1)
	}
	return tags
}

// generatedMark is the line that marks generated files (https://go.dev/s/generatedcode).
var generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.\r?$`)

var packageClause = regexp.MustCompile(`(?m)^package\s`)

// generated reports whether the mark stands before the package clause.
func generated(source []byte) bool {
	at := generatedMark.FindIndex(source)
	if at == nil {
		return false
	}
	clause := packageClause.FindIndex(source)
	return clause == nil || at[0] < clause[0]
}
