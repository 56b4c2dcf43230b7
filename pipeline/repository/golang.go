package repository

import (
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// goImports returns the paths that a file imports, as far as it can be read.
func goImports(name, text string) (all []string) {
	f, _ := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.SkipObjectResolution)
	if f == nil {
		return nil
	}
	for _, s := range f.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// resolveGo finds the package in the module whose path is the longest that the import begins with.
func resolveGo(x *index, _, imported string) []string {
	module := imported
	for ; module != "."; module = path.Dir(module) {
		if dir, ok := x.goModules[module]; ok {
			return x.goPackage(path.Join(dir, strings.TrimPrefix(imported[len(module):], "/")))
		}
		if !strings.Contains(module, "/") {
			break
		}
	}
	return nil
}

// goPackage returns a file of a package that is none of its tests; the others stand with it.
func (x *index) goPackage(dir string) []string {
	for _, f := range x.inDir[dir] {
		if strings.HasSuffix(f, ".go") && !strings.HasSuffix(f, "_test.go") {
			return []string{f}
		}
	}
	return nil
}
