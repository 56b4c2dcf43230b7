package repository

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	rustModule = regexp.MustCompile(`(?m)^[ \t]*(?:pub(?:\([^)\n]*\))?[ \t]+)?mod[ \t]+(\w+)[ \t]*;`)
	rustUse    = regexp.MustCompile(`(?m)^[ \t]*(?:pub(?:\([^)\n]*\))?[ \t]+)?use[ \t]+([^;]+);`)
)

// rustImports returns modules, as "mod x", and paths, as "use crate::a::b".
func rustImports(_, text string) (all []string) {
	for _, m := range rustModule.FindAllStringSubmatch(text, -1) {
		all = append(all, "mod "+m[1])
	}
	for _, m := range rustUse.FindAllStringSubmatch(text, -1) {
		for _, p := range rustPaths(strings.Join(strings.Fields(m[1]), " "), 0) {
			all = append(all, "use "+p)
		}
	}
	return all
}

// rustPaths writes out the braces of a use.
func rustPaths(tree string, depth int) (all []string) {
	open := strings.IndexByte(tree, '{')
	if open < 0 || depth > 16 {
		name, _, _ := strings.Cut(tree, " as ")
		return []string{strings.Trim(name, " :{}")}
	}
	before := strings.TrimSpace(tree[:open])
	for _, branch := range rustBranches(strings.TrimSpace(tree[open+1:])) {
		for _, p := range rustPaths(branch, depth+1) {
			all = append(all, before+p)
		}
	}
	return all
}

// rustBranches cuts what stands in braces at its commas.
func rustBranches(s string) (branches []string) {
	from, depth := 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '{':
			depth++
		case s[i] == '}' && depth > 0:
			depth--
		case s[i] == '}' || s[i] == ',' && depth == 0:
			if b := strings.TrimSpace(s[from:i]); b != "" {
				branches = append(branches, b)
			}
			if from = i + 1; s[i] == '}' {
				return branches
			}
		}
	}
	return branches
}

// resolveRust finds the file of a module, or of the longest beginning of a path that has one.
func resolveRust(x *index, from, imported string) []string {
	if name, ok := strings.CutPrefix(imported, "mod "); ok {
		return x.first(rustFiles(path.Join(rustDir(from), name))...)
	}
	parts := strings.Split(strings.TrimPrefix(imported, "use "), "::")
	dir, rest := x.rustStart(from, parts)
	if dir == "" {
		return nil
	}
	for n := len(rest); n > 0; n-- {
		if found := x.first(rustFiles(path.Join(dir, path.Join(rest[:n]...)))...); found != nil {
			return found
		}
	}
	return x.first(path.Join(dir, "lib.rs"), path.Join(dir, "mod.rs"), dir+".rs", path.Join(dir, "main.rs"))
}

func rustFiles(p string) []string { return []string{p + ".rs", p + "/mod.rs"} }

// rustDir is the folder of a file's child modules.
func rustDir(file string) string {
	if slices.Contains([]string{"mod.rs", "lib.rs", "main.rs"}, path.Base(file)) {
		return path.Dir(file)
	}
	return strings.TrimSuffix(file, ".rs")
}

// rustStart returns the folder in which a path begins, and its parts below that; "" if it leads out of
// the repository.
func (x *index) rustStart(from string, parts []string) (dir string, rest []string) {
	switch first := parts[0]; first {
	case "self":
		return rustDir(from), parts[1:]
	case "super":
		dir = rustDir(from)
		for len(parts) > 0 && parts[0] == "super" {
			dir, parts = path.Dir(dir), parts[1:]
		}
		return dir, parts
	case "crate":
		for _, above := range above(from) {
			if x.has(path.Join(above, "Cargo.toml")) {
				return path.Join(above, "src"), parts[1:]
			}
		}
		return "", nil
	default:
		if crate, ok := x.crates[first]; ok {
			return path.Join(crate, "src"), parts[1:]
		}
		return "", nil
	}
}
