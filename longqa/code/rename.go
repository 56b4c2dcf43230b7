package code

import (
	"context"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"maps"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"longlora/longqa/dice"
	"longlora/pipeline/goroot"
)

// Tree is Go code to type-check.
type Tree interface {
	Packages() []goroot.Package
	Build(importPath string) ([]goroot.File, error)
	Resolve(from, imported string) string
	Version() string
	GOOS() string
	GOARCH() string
}

// renamedTree is a tree in which identifiers have new names.
type renamedTree struct {
	Tree
	files    map[string][]goroot.File
	packages []goroot.Package
}

func (t *renamedTree) Packages() []goroot.Package { return t.packages }

func (t *renamedTree) Build(importPath string) ([]goroot.File, error) {
	if f, ok := t.files[importPath]; ok {
		return f, nil
	}
	return t.Tree.Build(importPath)
}

// Renamed returns a tree that says the same with other names: every identifier that its packages
// declare, be it of the package, a field, a method, a parameter or a local one, has one new name
// everywhere. Names of one letter, of packages and of the language stay, and so does a name that
// the language or a package that is not part of the tree also gives, as the method Error. A part of
// a name, as Read in ReadFull, has the same new word in every name, and exported names stay
// exported. Comments have the new names where they certainly name something. What is drawn depends
// on the word alone, and the code type-checks as before.
func Renamed(ctx context.Context, tree Tree, keep func(path string) bool,
	word string) (Tree, error) {
	r := &renamer{found: map[string]map[string]*renamedFile{}, names: map[string]bool{}}
	if _, err := load(ctx, tree, keep, r); err != nil {
		return nil, err
	}
	mapping, err := newNames(r.names, r.kept(), word)
	if err != nil {
		return nil, err
	}
	return r.rewrite(tree, mapping)
}

// renamer collects the places of identifiers. It is filled concurrently.
type renamer struct {
	mu    sync.Mutex
	found map[string]map[string]*renamedFile // by package and file
	names map[string]bool                    // of what the tree declares
	other map[string]bool                    // names that must stay
}

// renamedFile are the places in one file.
type renamedFile struct {
	source   []byte
	names    []int // offsets of identifiers that get a new name
	lengths  []int
	comments [][2]int        // their offsets
	firsts   map[int]string  // the name that a comment documents, by its offset
	declared map[string]bool // exported names of the package, shared by its files
}

// see reads off a package's identifiers.
func (r *renamer) see(path string, files []goroot.File, parsed []*ast.File, fset *token.FileSet,
	info *types.Info) {
	mine := map[string]*renamedFile{}
	declared, other := map[string]bool{}, map[string]bool{}
	names := map[string]bool{}
	for i, file := range parsed {
		f := &renamedFile{source: files[i].Source, firsts: map[int]string{}, declared: declared}
		at := fset.File(file.FileStart)
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok || id == file.Name {
				return true
			}
			switch renameable(id, info) {
			case yes:
				f.names, f.lengths = append(f.names, at.Offset(id.Pos())), append(f.lengths, len(id.Name))
				names[id.Name] = true
				if ast.IsExported(id.Name) && info.Defs[id] != nil && isMember(info.Defs[id]) {
					declared[id.Name] = true
				}
			case stays:
				other[id.Name] = true
			}
			return true
		})
		documents(file, at, f)
		for _, g := range file.Comments {
			for _, c := range g.List {
				f.comments = append(f.comments, [2]int{at.Offset(c.Pos()), at.Offset(c.End())})
			}
		}
		mine[files[i].Name] = f
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found[path] = mine
	maps.Copy(r.names, names)
	if r.other == nil {
		r.other = map[string]bool{}
	}
	maps.Copy(r.other, other)
}

// isMember reports whether an object belongs to its package, as a declaration, a field or a method.
func isMember(o types.Object) bool {
	if v, ok := o.(*types.Var); ok && v.IsField() {
		return true
	}
	if f, ok := o.(*types.Func); ok && f.Signature().Recv() != nil {
		return true
	}
	return o.Pkg() != nil && o.Parent() == o.Pkg().Scope()
}

// documents notes the names that doc comments begin with.
func documents(file *ast.File, at *token.File, f *renamedFile) {
	note := func(g *ast.CommentGroup, name string) {
		if g != nil {
			f.firsts[at.Offset(g.List[0].Pos())] = name
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			note(d.Doc, d.Name.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					note(d.Doc, s.Name.Name)
					note(s.Doc, s.Name.Name)
				case *ast.ValueSpec:
					note(d.Doc, s.Names[0].Name)
					note(s.Doc, s.Names[0].Name)
				}
			}
		}
	}
}

// verdict says what becomes of an identifier.
type verdict uint8

const (
	unknown verdict = iota // it names nothing that is known
	yes                    // it gets a new name
	stays                  // its name must stay, everywhere
)

func renameable(id *ast.Ident, info *types.Info) verdict {
	o := info.Uses[id]
	if o == nil {
		var defined bool
		if o, defined = info.Defs[id]; !defined {
			return unknown
		}
		if o == nil { // the variable of a type switch
			return yes
		}
	}
	switch o := o.(type) {
	case *types.PkgName:
		return stays
	case *types.Func:
		if o.Signature().Recv() == nil && (o.Name() == "main" || o.Name() == "init") {
			return stays
		}
	}
	if o.Pkg() == nil || o.Pkg() == types.Unsafe {
		return stays
	}
	return yes
}

// kept are names that stay: those that something else has too, and the language's.
func (r *renamer) kept() map[string]bool {
	kept := maps.Clone(r.other)
	for _, name := range types.Universe.Names() {
		kept[name] = true
	}
	for _, name := range []string{"Error", "New", "Errorf", "_", "main", "init"} {
		kept[name] = true // errors are told by errors.New and fmt.Errorf
	}
	return kept
}

// newNames maps the names that do not stay to new ones.
func newNames(names, kept map[string]bool, word string) (map[string]string, error) {
	words := map[string]string{}
	parts := map[string]bool{}
	for name := range names {
		for _, p := range nameParts(name) {
			parts[strings.ToLower(p)] = true
		}
	}
	for name := range kept {
		for _, p := range nameParts(name) {
			parts[strings.ToLower(p)] = true // no new word is one of these
		}
	}
	taken := map[string]bool{}
	for _, p := range slices.Sorted(maps.Keys(parts)) {
		if utf8.RuneCountInString(p) < 2 || strings.IndexFunc(p, unicode.IsLetter) < 0 {
			words[p] = p
			continue
		}
		d := dice.New("rename", word, p)
		for try := 0; words[p] == ""; try++ { // short words run out
			w := newWord(d, utf8.RuneCountInString(p)+try/8)
			if !taken[w] && !parts[w] && !token.IsKeyword(w) && !kept[w] {
				words[p], taken[w] = w, true
			}
		}
	}
	mapping, from := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if kept[name] {
			continue
		}
		var b strings.Builder
		for _, p := range nameParts(name) {
			b.WriteString(inStyle(words[strings.ToLower(p)], p))
		}
		mapping[name] = b.String()
		if before, ok := from[b.String()]; ok {
			return nil, fmt.Errorf("rename: %s and %s would both be %s", before, name, b.String())
		}
		from[b.String()] = name
	}
	return mapping, nil
}

// nameParts cuts a name at changes of case and between letters and all else; its parts make the
// name again.
func nameParts(name string) []string {
	var parts []string
	r := []rune(name)
	start := 0
	for i := 1; i <= len(r); i++ {
		if i < len(r) && !partBegins(r, i) {
			continue
		}
		parts = append(parts, string(r[start:i]))
		start = i
	}
	return parts
}

// partBegins reports whether a part of a name begins at a rune that is not the first.
func partBegins(r []rune, i int) bool {
	a, b := r[i-1], r[i]
	switch {
	case unicode.IsLetter(a) != unicode.IsLetter(b):
		return true
	case !unicode.IsLetter(b):
		return false
	case !unicode.IsUpper(a) && unicode.IsUpper(b):
		return true
	}
	return unicode.IsUpper(a) && unicode.IsUpper(b) && i+1 < len(r) && unicode.IsLower(r[i+1])
}

// inStyle gives a word the case of another.
func inStyle(word, like string) string {
	first, n := utf8.DecodeRuneInString(like)
	switch {
	case word == strings.ToLower(like):
		return like
	case !unicode.IsUpper(first):
		return word
	case n < len(like) && strings.ToUpper(like) == like:
		return strings.ToUpper(word)
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

var (
	onsets = strings.Fields("b br c cl d dr f fl g gr h j k kl l m n p pl pr qu r s sk sl st t tr v w y z")
	vowels = strings.Fields("a e i o u ai ea oo")
	codas  = strings.Fields("b d f g k l m n p r s t v x nd rt sk")
)

// newWord draws a word of about a length.
func newWord(d *dice.Dice, letters int) string {
	var b strings.Builder
	for b.Len() < max(letters, 3)-1 {
		b.WriteString(dice.Pick(d, onsets) + dice.Pick(d, vowels))
	}
	return b.String() + dice.Pick(d, codas)
}

// rewrite makes the tree's files anew, on all processors.
func (r *renamer) rewrite(tree Tree, mapping map[string]string) (Tree, error) {
	out := &renamedTree{Tree: tree, files: map[string][]goroot.File{}}
	paths := slices.Sorted(maps.Keys(r.found))
	rewritten := make([]map[string][]byte, len(paths))
	var workers sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, path := range paths {
		slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-slots }()
			rewritten[i] = map[string][]byte{}
			for name, f := range r.found[path] {
				rewritten[i][name] = f.rewrite(mapping)
			}
		})
	}
	workers.Wait()
	for i, path := range paths {
		files, err := tree.Build(path)
		if err != nil {
			return nil, err
		}
		for k := range files {
			files[k].Source = rewritten[i][files[k].Name]
		}
		out.files[path] = files
	}
	for _, p := range tree.Packages() {
		byName := map[string][]byte{}
		for _, f := range out.files[p.ImportPath] {
			byName[f.Name] = f.Source
		}
		files := slices.Clone(p.Files)
		for k := range files {
			if source, ok := byName[files[k].Name]; ok {
				files[k].Source = source
			}
		}
		p.Files = files
		out.packages = append(out.packages, p)
	}
	return out, nil
}

// edit replaces a range of a source.
type edit struct {
	start, end int
	text       string
}

func (f *renamedFile) rewrite(mapping map[string]string) []byte {
	var edits []edit
	for i, at := range f.names {
		name := string(f.source[at : at+f.lengths[i]])
		if to, ok := mapping[name]; ok {
			edits = append(edits, edit{at, at + len(name), to})
		}
	}
	first := ""
	for _, c := range f.comments {
		if name, ok := f.firsts[c[0]]; ok {
			first = name
		}
		text := string(f.source[c[0]:c[1]])
		edits = append(edits, edit{c[0], c[1], f.comment(text, first, mapping)})
	}
	sort.Slice(edits, func(i, j int) bool { return edits[i].start < edits[j].start })
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.Write(f.source[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.Write(f.source[at:])
	source := []byte(b.String())
	if nice, err := format.Source(source); err == nil { // names have other lengths
		return nice
	}
	return source
}

// comment replaces the words of a comment that certainly name something: those that no prose has,
// those behind a dot, the name that the comment documents, and exported names of the package.
func (f *renamedFile) comment(text, first string, mapping map[string]string) string {
	if strings.HasPrefix(text, "//go:") && !strings.HasPrefix(text, "//go:linkname") ||
		strings.HasPrefix(text, "//line ") || strings.HasPrefix(text, "// +build") {
		return text
	}
	var b strings.Builder
	start := -1
	for i, r := range text + "\n" {
		if r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			word := text[start:i]
			to, known := mapping[word]
			if known && f.certain(text, start, i, word, first) {
				word = to
			}
			b.WriteString(word)
			start = -1
		}
		if i < len(text) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// certain reports whether a word of a comment, at [start, end), names something.
func (f *renamedFile) certain(text string, start, end int, word, first string) bool {
	switch {
	case strings.HasPrefix(text, "//go:linkname"):
		return true
	case word == first, len(nameParts(word)) > 1:
		return true
	case start > 0 && text[start-1] == '.' && start > 1 && isNameByte(text[start-2]):
		return true
	case end < len(text) && text[end] == '(':
		return true
	}
	return f.declared[word] && !functionWord(word)
}

func isNameByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// functionWord reports whether an exported name is a word that begins many sentences.
func functionWord(word string) bool {
	switch word {
	case "A", "An", "And", "Any", "All", "As", "At", "Be", "But", "By", "Do", "Each", "For", "From", "Has",
		"If", "In", "Is", "It", "Its", "No", "Not", "Of", "On", "One", "Only", "Or", "Other", "See", "So",
		"That", "The", "Then", "There", "These", "This", "To", "Use", "We", "When", "Where", "With":
		return true
	}
	return false
}
