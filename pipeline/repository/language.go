package repository

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// language says how files name others of their repository. What is no import is taken for one where
// that costs nothing: an edge that should not be there moves a file, and no more.
type language struct {
	name     string
	suffixes []string
	// imports returns what a file names, in the language's own terms.
	imports func(name string, text string) []string
	// resolve returns the files that an import in the file from means, of those that there are.
	resolve func(x *index, from, imported string) []string
}

// languages is the table. A suffix belongs to one language.
func languages() []language {
	return []language{
		{"Go", []string{".go"}, goImports, resolveGo},
		{"Python", []string{".py", ".pyi", ".pyx"}, pythonImports, resolvePython},
		{"JavaScript and TypeScript", scriptSuffixes, scriptImports, resolveScript},
		{"Java, Kotlin, Scala and Groovy", javaSuffixes, javaImports, resolveJava},
		{"C, C++, Objective-C and CUDA", []string{
			".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".inl", ".ipp", ".tpp", ".m", ".mm",
			".cu", ".cuh", ".ino",
		}, matches(include), resolveInclude},
		{"Rust", []string{".rs"}, rustImports, resolveRust},
		{"Ruby", []string{".rb"}, matches(require), resolveRuby},
		{"Protocol Buffers", []string{".proto"}, matches(protoImport), resolveInclude},
	}
}

// languageOf returns the language of a file, or nil.
func languageOf(name string) *language {
	ext := strings.ToLower(path.Ext(name))
	if ext == "" {
		return nil
	}
	for _, l := range languages() {
		if slices.Contains(l.suffixes, ext) {
			return &l
		}
	}
	return nil
}

var (
	// include is an #include or #import of C; the first character of the match says which.
	include     = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*(?:include|import)[ \t]*(["<][^">\n]+)[">]`)
	protoImport = regexp.MustCompile(`(?m)^[ \t]*import[ \t]+(?:public[ \t]+|weak[ \t]+)?("[^"\n]+)"`)
	require     = regexp.MustCompile(`(?m)^[ \t]*(require(?:_relative)?[ \t(]+['"][^'"\n]+)['"]`)
)

// matches returns the first group of every match.
func matches(pattern *regexp.Regexp) func(string, string) []string {
	return func(_, text string) (all []string) {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
		return all
	}
}

// resolveInclude looks beside the file, then for the file whose path ends so.
func resolveInclude(x *index, from, imported string) []string {
	name := path.Clean(imported[1:])
	if beside := path.Join(path.Dir(from), name); imported[0] == '"' && x.has(beside) {
		return []string{beside}
	}
	return x.ending(from, strings.TrimLeft(name, "./"))
}

// resolveRuby looks beside the file for require_relative, and in lib/ for require.
func resolveRuby(x *index, from, imported string) []string {
	keyword, name, _ := strings.Cut(imported, imported[strings.IndexAny(imported, `'"`):][:1])
	name = strings.TrimSuffix(name, ".rb") + ".rb"
	if strings.HasPrefix(keyword, "require_relative") {
		return x.first(path.Join(path.Dir(from), name))
	}
	return x.ending(from, "lib/"+name)
}

// index finds files of a repository.
type index struct {
	files map[string]bool
	byEnd map[string][]string // base name -> paths, sorted
	inDir map[string][]string // folder -> paths, sorted
	// dirsByEnd are folders by their last element.
	dirsByEnd map[string][]string
	// goModules, packages and crates are the folders of modules by their names.
	goModules, packages, crates map[string]string
}

// newIndex indexes files, which are sorted. content returns what a file holds.
func newIndex(files []string, content func(string) string) *index {
	x := &index{
		files: map[string]bool{}, byEnd: map[string][]string{}, inDir: map[string][]string{},
		dirsByEnd: map[string][]string{},
		goModules: map[string]string{}, packages: map[string]string{}, crates: map[string]string{},
	}
	for _, f := range files {
		x.files[f] = true
		x.byEnd[path.Base(f)] = append(x.byEnd[path.Base(f)], f)
		dir := path.Dir(f)
		if len(x.inDir[dir]) == 0 {
			x.dirsByEnd[path.Base(dir)] = append(x.dirsByEnd[path.Base(dir)], dir)
		}
		x.inDir[dir] = append(x.inDir[dir], f)
		x.module(f, content)
	}
	return x
}

var (
	goModule    = regexp.MustCompile(`(?m)^module[ \t]+"?([^\s"]+)`)
	packageName = regexp.MustCompile(`(?m)^[ \t{]*"name"[ \t]*:[ \t]*"([^"\n]+)"`)
	crateName   = regexp.MustCompile(`(?m)^name[ \t]*=[ \t]*"([^"\n]+)"`)
)

// module reads the name that a file gives the module in its folder; the first of two counts.
func (x *index) module(file string, content func(string) string) {
	for _, m := range []struct {
		file    string
		pattern *regexp.Regexp
		to      map[string]string
	}{
		{"go.mod", goModule, x.goModules}, {"package.json", packageName, x.packages},
		{"Cargo.toml", crateName, x.crates},
	} {
		if path.Base(file) != m.file {
			continue
		}
		if found := m.pattern.FindStringSubmatch(content(file)); found != nil {
			name := found[1]
			if m.file == "Cargo.toml" {
				name = strings.ReplaceAll(name, "-", "_")
			}
			if _, ok := m.to[name]; !ok {
				m.to[name] = path.Dir(file)
			}
		}
	}
}

func (x *index) has(file string) bool { return x.files[file] }

// first returns the first of the candidates that is a file.
func (x *index) first(candidates ...string) []string {
	for _, c := range candidates {
		if x.files[c] {
			return []string{c}
		}
	}
	return nil
}

// ending returns the file whose path is or ends in the given one; of several, that with the most
// folders in common with from, then the first.
func (x *index) ending(from, end string) []string {
	best, most := "", -1
	for _, f := range x.byEnd[path.Base(end)] {
		if f != end && !strings.HasSuffix(f, "/"+end) {
			continue
		}
		if n := common(from, f); n > most {
			best, most = f, n
		}
	}
	if most < 0 {
		return nil
	}
	return []string{best}
}

// common is the number of folders that two paths share from the top.
func common(a, b string) (n int) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return n
		}
		if a[i] == '/' {
			n++
		}
	}
	return n
}

// above yields a file's folder and those above it, up to ".".
func above(file string) (dirs []string) {
	for d := path.Dir(file); ; d = path.Dir(d) {
		dirs = append(dirs, d)
		if d == "." || d == "/" {
			return dirs
		}
	}
}
