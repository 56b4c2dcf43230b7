package check

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"

	"longlora/schemas"
)

// code is a context of Go packages, parsed and indexed by names.
type code struct {
	packages []*pkg
	decls    []*decl // in the context's order
	byName   map[string][]*decl
}

type pkg struct {
	path string
	name string // of the package clause, or the command's
}

// kind is what a declaration declares.
type kind uint8

const (
	function kind = iota
	method
	structType
	interfaceType
	otherType
	constant
	variable
)

// decl is one declared name.
type decl struct {
	pkg     *pkg
	file    string
	source  string // of the file
	kind    kind
	name    string
	recv    string
	order   int // in the context
	node    ast.Node
	names   map[string]bool   // identifiers in a function
	imports map[string]string // the file's imports: paths by name

	typ     ast.Expr        // of a type
	value   ast.Expr        // governing expression of a constant, initializer of a variable
	iota    int             // of a constant
	outside map[string]bool // names in the same declaration, if it is no function
}

const (
	packageMark = "// package: "
	fileMark    = "// file: "
)

// parse reads the context once.
func (c *checker) parse() (*code, error) {
	if c.code != nil {
		return c.code, nil
	}
	x := &code{byName: map[string][]*decl{}}
	var p *pkg
	for _, section := range sections(c.context) {
		head, body, _ := strings.Cut(section, "\n")
		if rest, ok := strings.CutPrefix(head, packageMark); ok {
			p = &pkg{path: rest}
			x.packages = append(x.packages, p)
			continue
		}
		name, ok := strings.CutPrefix(head, fileMark)
		if !ok || p == nil {
			return nil, fmt.Errorf("the context has text before its first file: %.40q", section)
		}
		if err := x.file(p, name, body); err != nil {
			return nil, fmt.Errorf("file %s of %s: %w", name, p.path, err)
		}
	}
	for _, d := range x.decls {
		x.byName[d.name] = append(x.byName[d.name], d)
	}
	c.code = x
	return x, nil
}

// sections cuts before every line that marks a package or file.
func sections(text string) []string {
	var all []string
	start := 0
	for at := 0; at < len(text); {
		line := text[at:]
		if at > start && (strings.HasPrefix(line, packageMark) || strings.HasPrefix(line, fileMark)) {
			all, start = append(all, text[start:at]), at
		}
		i := strings.IndexByte(line, '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return append(all, text[start:])
}

func (x *code) file(p *pkg, name, source string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if p.name = f.Name.Name; p.name == "main" {
		p.name = path.Base(p.path)
	}
	base := decl{pkg: p, file: name, source: source, imports: importNames(f)}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			x.function(base, d)
		case *ast.GenDecl:
			x.group(base, d)
		}
	}
	return nil
}

// importNames are the paths of a file's imports by the names that it knows them by.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, i := range f.Imports {
		p := strings.Trim(i.Path.Value, "`\"")
		name := path.Base(p)
		if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
			name = path.Base(path.Dir(p))
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = p
	}
	return names
}

func (x *code) add(d decl) {
	if d.name == "_" || d.kind == function && d.name == "init" {
		return
	}
	d.order = len(x.decls)
	x.decls = append(x.decls, &d)
}

func (x *code) function(base decl, f *ast.FuncDecl) {
	base.kind, base.name, base.node, base.names = function, f.Name.Name, f, identifiers(f)
	if f.Recv != nil && len(f.Recv.List) > 0 {
		base.kind, base.recv = method, typeName(f.Recv.List[0].Type)
	}
	x.add(base)
}

func identifiers(n ast.Node) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			names[id.Name] = true
		}
		return true
	})
	return names
}

// typeName is the last name of a type expression, through pointers and parameters.
func typeName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.ParenExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	case *ast.SelectorExpr:
		return t.Sel.Name
	}
	return ""
}

func (x *code) group(base decl, g *ast.GenDecl) {
	base.outside = identifiers(g)
	var governing *ast.ValueSpec
	for i, s := range g.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			d := base
			d.kind, d.name, d.node, d.typ = otherType, s.Name.Name, s, s.Type
			switch s.Type.(type) {
			case *ast.StructType:
				d.kind = structType
			case *ast.InterfaceType:
				d.kind = interfaceType
			}
			if s.Assign.IsValid() {
				d.kind = otherType
			}
			x.add(d)
		case *ast.ValueSpec:
			if len(s.Values) > 0 {
				governing = s
			}
			x.values(base, g.Tok, s, governing, i)
		}
	}
}

func (x *code) values(base decl, tok token.Token, s, governing *ast.ValueSpec, iota int) {
	for i, n := range s.Names {
		d := base
		d.kind, d.name, d.node, d.iota = variable, n.Name, s, iota
		if tok == token.CONST {
			d.kind = constant
			if governing != nil && len(governing.Values) == len(s.Names) {
				d.value = governing.Values[i]
			}
		} else if len(s.Values) == len(s.Names) {
			d.value = s.Values[i]
		}
		x.add(d)
	}
}

// text is a node's source on one line.
func (d *decl) text(n ast.Node) string { return d.textBetween(n.Pos(), n.End()) }

// textBetween is a file's source between two positions; the file set has one file, so a position is
// an offset and one.
func (d *decl) textBetween(from, to token.Pos) string {
	return strings.Join(strings.Fields(d.source[from-1:to-1]), " ")
}

func (d *decl) local() string {
	if d.recv != "" {
		return d.recv + "." + d.name
	}
	return d.name
}

// display is how questions and answers name a declaration.
func (x *code) display(d *decl) string {
	if len(x.packages) > 1 {
		return d.pkg.name + "." + d.local()
	}
	return d.local()
}

func (x *code) displayAll(decls []*decl) []string {
	var names []string
	for _, d := range decls {
		names = append(names, x.display(d))
	}
	return names
}

// place are the terms that say where a declaration is.
func (x *code) place(d *decl) []string {
	if len(x.packages) > 1 {
		return []string{d.file, d.pkg.path}
	}
	return []string{d.file}
}

// find returns the one declaration with a key as "net/http.Request.Clone".
func (x *code) find(key string) (*decl, error) {
	var found *decl
	for _, d := range x.decls {
		if d.pkg.path+"."+d.local() == key {
			if found != nil {
				return nil, fmt.Errorf("%s is declared twice", key)
			}
			found = d
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%s is not declared in the context", key)
	}
	return found, nil
}

// subject finds the declaration that a row's meta names, and requires the question to name it.
func (c *checker) subject(e *schemas.Example, key string) (*code, *decl, error) {
	x, err := c.parse()
	if err != nil {
		return nil, nil, err
	}
	d, err := x.find(e.Meta[key])
	if err != nil {
		return nil, nil, err
	}
	if !strings.Contains(e.Instruction, "`"+x.display(d)+"`") {
		return nil, nil, fmt.Errorf("the question does not name %s", x.display(d))
	}
	return x, d, nil
}
