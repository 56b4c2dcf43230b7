package repository

import (
	"path"
	"regexp"
	"strings"
)

// pythonImport is a statement that imports, its names perhaps in parentheses over several lines.
var pythonImport = regexp.MustCompile(`(?m)^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+c?import[ \t]*` +
	`(\([^)]*\)|[^\n]+)|c?import[ \t]+([^\n]+))`)

// pythonImports returns modules and names in them, as "a.b c" for from a.b import c.
func pythonImports(_, text string) (all []string) {
	for _, m := range pythonImport.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
		if m[3] != "" {
			all = append(all, pythonNames(m[3])...)
			continue
		}
		for _, name := range pythonNames(m[2]) {
			all = append(all, m[1]+" "+name)
		}
	}
	return all
}

// pythonComment is the rest of a line after its statement.
var pythonComment = regexp.MustCompile(`(?m)[#;].*$`)

// pythonNames are the names of a list, without those that they get.
func pythonNames(list string) (names []string) {
	list = strings.Trim(pythonComment.ReplaceAllString(list, ""), " \t\r()")
	for _, name := range strings.Split(list, ",") {
		if f := strings.Fields(name); len(f) > 0 {
			names = append(names, f[0])
		}
	}
	return names
}

// resolvePython finds the module, or the submodule that the name is.
func resolvePython(x *index, from, imported string) []string {
	module, name, _ := strings.Cut(imported, " ")
	for _, root := range pythonRoots(x, from, &module) {
		p := path.Join(root, strings.ReplaceAll(module, ".", "/"))
		var candidates []string
		if name != "" && name != "*" {
			candidates = pythonFiles(path.Join(p, name))
		}
		if found := x.first(append(candidates, pythonFiles(p)...)...); found != nil {
			return found
		}
	}
	return nil
}

func pythonFiles(p string) []string {
	return []string{p + ".py", p + "/__init__.py", p + ".pyx", p + ".pyi"}
}

// pythonRoots are the folders in which a module is looked for: those that its dots lead to; or the
// folders above the file that are no packages, and their src and lib, the nearest first.
func pythonRoots(x *index, from string, module *string) (roots []string) {
	if dots := len(*module) - len(strings.TrimLeft(*module, ".")); dots > 0 {
		*module = (*module)[dots:]
		dir := path.Dir(from)
		for range dots - 1 {
			dir = path.Dir(dir)
		}
		return []string{dir}
	}
	for _, dir := range above(from) {
		if !x.has(path.Join(dir, "__init__.py")) {
			roots = append(roots, dir, path.Join(dir, "src"), path.Join(dir, "lib"))
		}
	}
	return roots
}
