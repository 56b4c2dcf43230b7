package repository

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

var javaSuffixes = []string{".java", ".kt", ".kts", ".scala", ".groovy"}

var (
	javaImport = regexp.MustCompile(`(?m)^[ \t]*import[ \t]+(?:static[ \t]+)?(\w+(?:\.\w+)*(?:\.\*)?)`)
	// typeName is a word that may be the name of a class in the same folder.
	typeName = regexp.MustCompile(`\b[A-Z]\w*`)
)

// javaImports returns imports, and after an equals sign the names of what may be classes beside it.
func javaImports(name, text string) (all []string) {
	for _, m := range javaImport.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	own := strings.TrimSuffix(path.Base(name), path.Ext(name))
	seen := map[string]bool{own: true}
	for _, word := range typeName.FindAllString(text, -1) {
		if !seen[word] {
			seen[word] = true
			all = append(all, "="+word)
		}
	}
	return all
}

// resolveJava finds a class by its package and name, a whole package, or a class beside the file.
func resolveJava(x *index, from, imported string) []string {
	if name, ok := strings.CutPrefix(imported, "="); ok {
		for _, s := range javaSuffixes {
			if found := x.first(path.Join(path.Dir(from), name+s)); found != nil {
				return found
			}
		}
		return nil
	}
	p := strings.ReplaceAll(imported, ".", "/")
	if dir, ok := cutWildcard(p); ok {
		if found := x.javaPackage(dir, from); found != nil {
			return found
		}
		return x.javaClass(dir, from) // the members of a class
	}
	for strings.Contains(p, "/") {
		if found := x.javaClass(p, from); found != nil {
			return found
		}
		p = path.Dir(p) // a member or an inner class
	}
	return nil
}

func cutWildcard(p string) (dir string, ok bool) {
	if dir, ok = strings.CutSuffix(p, "/*"); ok {
		return dir, true
	}
	return strings.CutSuffix(p, "/_")
}

// javaClass finds a class by the end of its path.
func (x *index) javaClass(end, from string) []string {
	for _, s := range javaSuffixes {
		if found := x.ending(from, end+s); found != nil {
			return found
		}
	}
	return nil
}

// javaPackage returns the files of the package that has the most folders in common with from.
func (x *index) javaPackage(end, from string) (files []string) {
	best, most := "", -1
	for _, dir := range x.dirsByEnd[path.Base(end)] {
		if dir != end && !strings.HasSuffix(dir, "/"+end) {
			continue
		}
		if n := common(from, dir+"/"); n > most || n == most && dir < best {
			best, most = dir, n
		}
	}
	if most < 0 {
		return nil
	}
	for _, f := range x.inDir[best] {
		if slices.Contains(javaSuffixes, path.Ext(f)) && f != from {
			files = append(files, f)
		}
	}
	return files
}
