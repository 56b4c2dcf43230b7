package code

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"path"
	"strings"

	"longlora/longqa/material"
	"longlora/pipeline/goroot"
)

// extractor reads one package's facts off its syntax and types.
type extractor struct {
	pkg  *Package
	fset *token.FileSet
	info *types.Info
	part *material.Part
	pos  *token.File
	here *material.Piece
}

func extract(doc *goroot.Package, checked *types.Package, fset *token.FileSet, parsed []*ast.File,
	info *types.Info) *Package {
	x := &extractor{
		pkg:  newPackage(doc, checked),
		fset: fset, info: info,
	}
	sources := map[string]string{}
	for _, f := range doc.Files {
		sources[f.Name] = string(f.Source)
	}
	comments := 0
	for _, file := range parsed {
		x.pos = fset.File(file.FileStart)
		source, ok := sources[x.pos.Name()]
		if !ok {
			continue
		}
		x.part = &material.Part{
			Name: x.pos.Name(), Heading: "// file: " + x.pos.Name() + "\n", Source: source,
		}
		x.pkg.Document.Parts = append(x.pkg.Document.Parts, x.part)
		x.head(file)
		if file.Doc != nil {
			x.pkg.Doc = x.comment(file.Doc)
			comments++
		}
		for _, d := range file.Decls {
			x.decl(d)
		}
		last := x.part.Pieces[len(x.part.Pieces)-1]
		last.End = len(source)
	}
	if comments != 1 {
		x.pkg.Doc = nil
	}
	return x.pkg
}

func newPackage(doc *goroot.Package, checked *types.Package) *Package {
	name := doc.Name
	if name == "main" {
		name = path.Base(doc.ImportPath)
	}
	d := &material.Document{
		ID: doc.DocID(), Title: "Package " + doc.ImportPath, Genre: "code", Join: "code", Name: name,
		Licence: goroot.Licence, Heading: "// package: " + doc.ImportPath + "\n",
		Related: map[string]bool{},
	}
	for _, p := range checked.Imports() {
		d.Related["goroot:"+p.Path()] = true
	}
	return &Package{
		Path: doc.ImportPath, Name: name, Command: doc.Name == "main", Document: d, Types: checked,
		Names: map[*material.Piece][]string{},
	}
}

// head is the first piece: all to the end of the imports.
func (x *extractor) head(file *ast.File) {
	end := file.Name.End()
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			end = g.End()
		}
	}
	x.here = &material.Piece{
		Document: x.pkg.Document, Part: x.part, End: x.lineEnd(x.offset(end)),
	}
	x.part.Pieces = append(x.part.Pieces, x.here)
}

func (x *extractor) decl(d ast.Decl) {
	if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
		return
	}
	x.here = &material.Piece{
		Document: x.pkg.Document, Part: x.part, Index: len(x.part.Pieces),
		Start: x.here.End, End: x.lineEnd(x.offset(d.End())),
	}
	if x.here.End <= x.here.Start { // two declarations share a line: they are one piece
		x.here = x.part.Pieces[len(x.part.Pieces)-1]
	} else {
		x.part.Pieces = append(x.part.Pieces, x.here)
	}
	x.pkg.Names[x.here] = append(x.pkg.Names[x.here], names(d)...)
	switch d := d.(type) {
	case *ast.FuncDecl:
		x.function(d)
	case *ast.GenDecl:
		x.group(d)
	}
}

// names lists the identifiers of a declaration or expression, each once.
func names(d ast.Node) []string {
	seen := map[string]bool{}
	var all []string
	ast.Inspect(d, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name != "_" && !seen[id.Name] {
			seen[id.Name] = true
			all = append(all, id.Name)
		}
		return true
	})
	return all
}

func (x *extractor) offset(p token.Pos) int { return x.pos.Offset(p) }

// lineEnd returns the offset after the end of the line that holds the byte before at.
func (x *extractor) lineEnd(at int) int {
	if i := strings.IndexByte(x.part.Source[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(x.part.Source)
}

// lineStart returns the offset of the beginning of the line that holds at.
func (x *extractor) lineStart(at int) int {
	return strings.LastIndexByte(x.part.Source[:at], '\n') + 1
}

// lines is the range of the whole lines from one position to another, without the last newline.
func (x *extractor) lines(from, to token.Pos) material.Range {
	end := x.lineEnd(x.offset(to))
	if end > 0 && x.part.Source[end-1] == '\n' {
		end--
	}
	return material.Range{Piece: x.here, Start: x.lineStart(x.offset(from)), End: end}
}

func (x *extractor) comment(g *ast.CommentGroup) *Comment {
	if g == nil {
		return nil
	}
	text := strings.TrimSpace(g.Text())
	if text == "" {
		return nil // directives only
	}
	r := x.lines(g.Pos(), g.End())
	if strings.TrimSpace(x.part.Source[x.offset(g.End()):r.End]) != "" {
		return nil // code stands on its last line
	}
	if r.End < len(x.part.Source) {
		r.End++ // with its newline: it is removed as a whole
	}
	if r.Start < x.here.Start || r.End > x.here.End {
		return nil
	}
	return &Comment{Range: r, Text: text}
}

func (x *extractor) add(s *Symbol, from, to token.Pos, doc *ast.CommentGroup) *Symbol {
	s.Package, s.Piece, s.Doc = x.pkg, x.here, x.comment(doc)
	s.Range, s.Head = x.lines(from, to), x.lines(from, from)
	x.pkg.Symbols = append(x.pkg.Symbols, s)
	return s
}

func (x *extractor) function(d *ast.FuncDecl) {
	if d.Name.Name == "_" || d.Name.Name == "init" && d.Recv == nil {
		return
	}
	s := &Symbol{Kind: Func, Name: d.Name.Name}
	if d.Recv != nil && len(d.Recv.List) == 1 {
		s.Kind, s.Recv = Method, ReceiverName(d.Recv.List[0].Type)
	} else {
		s.Object = x.info.Defs[d.Name]
	}
	x.add(s, d.Pos(), d.End(), d.Doc)
	s.Head = x.lines(d.Pos(), d.Type.End())
	s.Signature = oneLine(x.part.Source[x.offset(d.Pos()):x.offset(d.Type.End())])
	s.Params, s.Results = d.Type.Params.NumFields(), d.Type.Results.NumFields()
	if d.Body != nil {
		s.Callees = x.callees(d.Body)
		if givesError(d.Type) {
			s.Returns = x.returns(d.Body)
		}
	}
}

// ReceiverName is the name of a receiver's type, "" if it has none.
func ReceiverName(e ast.Expr) string {
	for {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.ParenExpr:
			e = t.X
		case *ast.IndexExpr:
			e = t.X
		case *ast.IndexListExpr:
			e = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

// oneLine joins a text's lines by single spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (x *extractor) group(d *ast.GenDecl) {
	var governs *ast.ValueSpec // whose expressions the constants below repeat
	for _, spec := range d.Specs {
		var from, to ast.Node = spec, spec
		if !d.Lparen.IsValid() {
			from, to = d, d
		}
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			x.typeSpec(spec, from.Pos(), to.End(), docOf(d, spec.Doc))
		case *ast.ValueSpec:
			if len(spec.Values) > 0 {
				governs = spec
			}
			for _, s := range x.valueSpec(d.Tok, spec, from.Pos(), to.End(), docOf(d, spec.Doc)) {
				if s.Kind == Const && len(spec.Names) == 1 && governs != nil {
					s.Value = x.constant(s, spec, governs)
				}
			}
		}
	}
}

// docOf is a specification's comment: its own, or that of a declaration that holds it alone.
func docOf(d *ast.GenDecl, own *ast.CommentGroup) *ast.CommentGroup {
	if own == nil && !d.Lparen.IsValid() {
		return d.Doc
	}
	return own
}

func (x *extractor) typeSpec(spec *ast.TypeSpec, from, to token.Pos, doc *ast.CommentGroup) {
	if spec.Name.Name == "_" {
		return
	}
	s := x.add(&Symbol{Kind: OtherType, Name: spec.Name.Name}, from, to, doc)
	s.Object = x.info.Defs[spec.Name]
	if spec.Assign.IsValid() {
		return
	}
	switch t := spec.Type.(type) {
	case *ast.StructType:
		s.Kind, s.Fields = Struct, x.fields(t)
	case *ast.InterfaceType:
		s.Kind, s.Methods = Interface, methods(t)
	}
}

func (x *extractor) fields(t *ast.StructType) []Field {
	var fields []Field
	for _, f := range t.Fields.List {
		written := oneLine(x.part.Source[x.offset(f.Type.Pos()):x.offset(f.Type.End())])
		if len(f.Names) == 0 {
			fields = append(fields, Field{Name: embeddedName(f.Type), Type: written, Embedded: true})
		}
		for _, n := range f.Names {
			fields = append(fields, Field{Name: n.Name, Type: written})
		}
	}
	return fields
}

// embeddedName is the name of an embedded type, without its package.
func embeddedName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return embeddedName(t.X)
	case *ast.SelectorExpr:
		return t.Sel.Name
	}
	return ReceiverName(e)
}

func methods(t *ast.InterfaceType) []string {
	var all []string
	for _, f := range t.Methods.List {
		for _, n := range f.Names {
			all = append(all, n.Name)
		}
	}
	return all
}

func (x *extractor) valueSpec(tok token.Token, spec *ast.ValueSpec, from, to token.Pos,
	doc *ast.CommentGroup) []*Symbol {
	var all []*Symbol
	for i, n := range spec.Names {
		if n.Name == "_" {
			continue
		}
		s := &Symbol{Kind: Var, Name: n.Name}
		if tok == token.CONST {
			s.Kind = Const
		}
		all = append(all, x.add(s, from, to, doc))
		s.Object = x.info.Defs[n]
		if len(spec.Values) == len(spec.Names) {
			s.Message = x.errorText(spec.Values[i], "errors", "New")
		}
	}
	return all
}

// constant is what is known of a constant that is alone in its specification; nil if it is neither
// a whole number nor a text.
func (x *extractor) constant(s *Symbol, spec, governs *ast.ValueSpec) *Value {
	c, ok := s.Object.(*types.Const)
	if !ok || len(governs.Values) != 1 ||
		c.Val().Kind() != constant.Int && c.Val().Kind() != constant.String {
		return nil
	}
	e := governs.Values[0]
	v := &Value{
		Text: c.Val().ExactString(), Own: spec == governs, Plain: plain(e),
		Expr:  oneLine(x.part.Source[x.offset(e.Pos()):x.offset(e.End())]),
		Range: x.lines(governs.Pos(), spec.End()),
	}
	for _, name := range names(e) {
		if name != "iota" {
			v.Refs = append(v.Refs, name)
		}
	}
	return v
}

// plain reports whether an expression has nothing but literals, names and binary operators.
func plain(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.INT || e.Kind == token.STRING || e.Kind == token.CHAR
	case *ast.Ident:
		return e.Name != "true" && e.Name != "false"
	case *ast.ParenExpr:
		return plain(e.X)
	case *ast.BinaryExpr:
		return plain(e.X) && plain(e.Y)
	}
	return false
}
