package code

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"longlora/pipeline/goroot"
)

// node is a package on its way through the loader.
type node struct {
	path    string
	doc     *goroot.Package // nil if it is only imported
	imports []string        // resolved
	users   []*node
	waiting int // imports that are not checked yet

	types *types.Package
	facts *Package
	err   error // the first that the type checker found
}

// loader checks packages in the order of their imports.
type loader struct {
	tree    Tree
	nodes   map[string]*node
	sizes   types.Sizes
	renamer *renamer // if not nil, only names are collected
}

// Load type-checks the packages of a tree and what they import, and extracts the facts of those
// that only and keep; nil keeps all.
func Load(ctx context.Context, tree Tree, keep func(path string) bool) (*Program, error) {
	l, err := load(ctx, tree, keep, nil)
	if err != nil {
		return nil, err
	}
	return l.program(), nil
}

func load(ctx context.Context, tree Tree, keep func(path string) bool,
	r *renamer) (*loader, error) {
	l := &loader{
		tree: tree, nodes: map[string]*node{}, sizes: types.SizesFor("gc", tree.GOARCH()), renamer: r,
	}
	if l.sizes == nil {
		return nil, fmt.Errorf("type-check the Go tree: unknown architecture %q", tree.GOARCH())
	}
	packages := tree.Packages()
	for i := range packages {
		p := &packages[i]
		if keep != nil && !keep(p.ImportPath) || p.ImportPath == "builtin" {
			continue // builtin only documents the language
		}
		n, err := l.visit(p.ImportPath)
		if err != nil {
			return nil, fmt.Errorf("type-check the Go tree: %w", err)
		}
		n.doc = p
	}
	if err := l.run(ctx); err != nil {
		return nil, fmt.Errorf("type-check the Go tree: %w", err)
	}
	return l, nil
}

// visit adds a package and all that it imports.
func (l *loader) visit(path string) (*node, error) {
	if n := l.nodes[path]; n != nil {
		return n, nil
	}
	n := &node{path: path}
	l.nodes[path] = n
	files, err := l.tree.Build(path)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name, f.Source, parser.ImportsOnly)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", path, err)
		}
		for _, spec := range parsed.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value) // the parser checked it
			if imported == "unsafe" || imported == "C" || seen[imported] {
				continue
			}
			seen[imported] = true
			dep, err := l.visit(l.tree.Resolve(path, imported))
			if err != nil {
				return nil, fmt.Errorf("imported by %s: %w", path, err)
			}
			n.imports = append(n.imports, dep.path)
			dep.users = append(dep.users, n)
			n.waiting++
		}
	}
	return n, nil
}

// run checks every package once its imports are checked.
func (l *loader) run(ctx context.Context) error {
	var mu sync.Mutex
	left := len(l.nodes)
	ready := make(chan *node, left) // each node is sent once
	for _, path := range l.paths() {
		if n := l.nodes[path]; n.waiting == 0 {
			ready <- n
			left--
		}
	}
	if left == len(l.nodes) {
		return errors.New("every package imports another")
	}
	pending := len(l.nodes) - left
	var failed error
	finish := func(n *node, err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
		pending--
		for _, u := range n.users {
			if u.waiting--; u.waiting == 0 {
				pending++
				ready <- u
			}
		}
		if pending == 0 {
			close(ready)
		}
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := range ready {
				err := ctx.Err()
				if err == nil {
					err = l.check(n)
				}
				finish(n, err)
			}
		})
	}
	workers.Wait()
	return failed
}

func (l *loader) paths() []string {
	var paths []string
	for p := range l.nodes {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// check parses and type-checks a package and extracts its facts if it is a document.
func (l *loader) check(n *node) error {
	files, err := l.tree.Build(n.path)
	if err != nil {
		return err
	}
	own := map[string]bool{} // the document's files
	if n.doc != nil {
		for _, f := range n.doc.Files {
			own[f.Name] = true
		}
	}
	fset := token.NewFileSet()
	var parsed []*ast.File
	for _, f := range files {
		mode := parser.SkipObjectResolution
		if own[f.Name] {
			mode |= parser.ParseComments
		}
		file, err := parser.ParseFile(fset, f.Name, f.Source, mode)
		if err != nil {
			return fmt.Errorf("package %s: %w", n.path, err)
		}
		if !own[f.Name] {
			dropBodies(file)
		}
		parsed = append(parsed, file)
	}
	info := &types.Info{}
	if n.doc != nil || l.renamer != nil {
		info.Defs, info.Uses = map[*ast.Ident]types.Object{}, map[*ast.Ident]types.Object{}
	}
	config := types.Config{
		Importer: nodeImporter{l, n.path}, Sizes: l.sizes, IgnoreFuncBodies: n.doc == nil,
		DisableUnusedImportCheck: true,
		Error: func(err error) {
			if n.err == nil {
				n.err = err
			}
		},
	}
	n.types, _ = config.Check(n.path, fset, parsed, info) // config.Error has the error
	if l.renamer != nil {
		l.renamer.see(n.path, files, parsed, fset, info)
		return nil
	}
	if n.doc != nil && n.err == nil {
		n.facts = extract(n.doc, n.types, fset, parsed, info)
	}
	return nil
}

// dropBodies makes a file declarations only: no question is asked about its code.
func dropBodies(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name != "init" && f.Type.TypeParams == nil {
			f.Body = nil
		}
	}
}

// nodeImporter gives the type checker packages that are checked already.
type nodeImporter struct {
	l    *loader
	from string
}

// Import implements types.Importer.
func (i nodeImporter) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if n := i.l.nodes[i.l.tree.Resolve(i.from, path)]; n != nil && n.types != nil {
		return n.types, nil
	}
	return nil, fmt.Errorf("package %s is not loaded", path)
}

// program collects the facts by path.
func (l *loader) program() *Program {
	p := &Program{
		Version: l.tree.Version(), GOOS: l.tree.GOOS(), GOARCH: l.tree.GOARCH(),
		Broken: map[string]string{}, symbols: map[string]*Symbol{}, byDocument: map[string]*Package{},
	}
	for _, path := range l.paths() {
		n := l.nodes[path]
		if n.doc != nil && n.err != nil {
			p.Broken[path] = n.err.Error()
		}
		if n.facts == nil {
			continue
		}
		p.Packages = append(p.Packages, n.facts)
		p.byDocument[n.facts.Document.ID] = n.facts
		for _, s := range n.facts.Symbols {
			if p.symbols[s.Key()] == nil {
				p.symbols[s.Key()] = s
			}
		}
	}
	return p
}
