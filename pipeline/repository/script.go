package repository

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// scriptSuffixes are tried in this order where an import has none.
var scriptSuffixes = []string{
	".ts", ".tsx", ".js", ".jsx", ".mts", ".cts", ".mjs", ".cjs", ".vue", ".svelte",
}

// scriptImport is an import or export from, an import alone, a require or a dynamic import.
var scriptImport = regexp.MustCompile(`(?:\bfrom|\bimport|\brequire[ \t]*\(|\bimport[ \t]*\()[ \t\n]*` +
	"(?:'([^'\n]+)'|\"([^\"\n]+)\"|`([^`\n$]+)`)")

func scriptImports(_, text string) (all []string) {
	for _, m := range scriptImport.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}

// resolveScript finds a file by a path that begins with a dot, by the name of a package of this
// repository, or, after @/ and ~/, below the source folder of one of the folders above.
func resolveScript(x *index, from, imported string) []string {
	if strings.HasPrefix(imported, ".") {
		return x.script(path.Join(path.Dir(from), imported))
	}
	if rest, ok := cutAlias(imported); ok {
		for _, dir := range above(from) {
			for _, p := range []string{path.Join(dir, "src", rest), path.Join(dir, rest)} {
				if found := x.script(p); found != nil {
					return found
				}
			}
		}
		return nil
	}
	name := imported
	for {
		if dir, ok := x.packages[name]; ok {
			return x.scriptPackage(dir, strings.TrimPrefix(imported[len(name):], "/"))
		}
		at := strings.LastIndexByte(name, '/')
		if at < 0 {
			return nil
		}
		name = name[:at]
	}
}

func cutAlias(imported string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(imported, "@/"); ok {
		return rest, true
	}
	return strings.CutPrefix(imported, "~/")
}

func (x *index) scriptPackage(dir, rest string) []string {
	for _, sources := range []string{"", "src", "lib"} {
		if found := x.script(path.Join(dir, sources, rest)); found != nil {
			return found
		}
	}
	return nil
}

// script finds a file by a path that may lack its suffix, have that of what it is compiled to, or be a
// folder with an index.
func (x *index) script(p string) []string {
	if x.has(p) {
		return []string{p}
	}
	stem := p
	if ext := path.Ext(p); slices.Contains([]string{".js", ".jsx", ".mjs", ".cjs"}, ext) {
		stem = strings.TrimSuffix(p, ext)
	}
	for _, base := range []string{p, stem, p + "/index"} {
		for _, s := range scriptSuffixes {
			if x.has(base + s) {
				return []string{base + s}
			}
		}
	}
	return nil
}
