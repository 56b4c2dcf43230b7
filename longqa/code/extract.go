package code

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"longlora/pipeline/goroot"
)

// extractor reads one package's facts off its syntax and types.
type extractor struct {
	pkg  *Package
	fset *token.FileSet
	info *types.Info
	file *File
	pos  *token.File
	here *Piece
}

func extract(doc *goroot.Package, checked *types.Package, fset *token.FileSet, parsed []*ast.File,
	info *types.Info) *Package {
	x := &extractor{
		pkg:  &Package{Path: doc.ImportPath, Name: doc.Name, Types: checked},
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
		x.file = &File{Name: x.pos.Name(), Source: source}
		x.pkg.Files = append(x.pkg.Files, x.file)
		x.head(file)
		if file.Doc != nil {
			x.pkg.Doc = x.comment(file.Doc)
			comments++
		}
		for _, d := range file.Decls {
			x.decl(d)
		}
		last := x.file.Pieces[len(x.file.Pieces)-1]
		last.End = len(source)
	}
	if comments != 1 {
		x.pkg.Doc = nil
	}
	return x.pkg
}

// head is the first piece: all to the end of the imports.
func (x *extractor) head(file *ast.File) {
	end := file.Name.End()
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			end = g.End()
		}
	}
	x.here = &Piece{Package: x.pkg, File: x.file, End: x.lineEnd(x.offset(end))}
	x.file.Pieces = append(x.file.Pieces, x.here)
	x.here.Names = []string{file.Name.Name}
}

func (x *extractor) decl(d ast.Decl) {
	if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
		return
	}
	x.here = &Piece{
		Package: x.pkg, File: x.file, Index: len(x.file.Pieces),
		Start: x.here.End, End: x.lineEnd(x.offset(d.End())),
	}
	if x.here.End <= x.here.Start { // two declarations share a line: they are one piece
		x.here = x.file.Pieces[len(x.file.Pieces)-1]
	} else {
		x.file.Pieces = append(x.file.Pieces, x.here)
	}
	x.here.Names = append(x.here.Names, names(d)...)
	slices.Sort(x.here.Names)
	x.here.Names = slices.Compact(x.here.Names)
	switch d := d.(type) {
	case *ast.FuncDecl:
		x.function(d)
	case *ast.GenDecl:
		x.group(d)
	}
}

// names lists the identifiers of a declaration.
func names(d ast.Decl) []string {
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
	if i := strings.IndexByte(x.file.Source[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(x.file.Source)
}

// lineStart returns the offset of the beginning of the line that holds at.
func (x *extractor) lineStart(at int) int {
	return strings.LastIndexByte(x.file.Source[:at], '\n') + 1
}

// lines is the range of the whole lines from one position to another, without the last newline.
func (x *extractor) lines(from, to token.Pos) Range {
	end := x.lineEnd(x.offset(to))
	if end > 0 && x.file.Source[end-1] == '\n' {
		end--
	}
	return Range{x.here, x.lineStart(x.offset(from)), end}
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
	if r.End < len(x.file.Source) {
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
	x.here.Symbols = append(x.here.Symbols, s)
	x.pkg.Symbols = append(x.pkg.Symbols, s)
	return s
}

func (x *extractor) function(d *ast.FuncDecl) {
	if d.Name.Name == "_" || d.Name.Name == "init" && d.Recv == nil {
		return
	}
	s := &Symbol{Kind: Func, Name: d.Name.Name}
	if d.Recv != nil && len(d.Recv.List) == 1 {
		s.Kind, s.Recv = Method, receiverName(d.Recv.List[0].Type)
	} else {
		s.Object = x.info.Defs[d.Name]
	}
	x.add(s, d.Pos(), d.End(), d.Doc)
	s.Signature = oneLine(x.file.Source[x.offset(d.Pos()):x.offset(d.Type.End())])
	s.Params, s.Results = d.Type.Params.NumFields(), d.Type.Results.NumFields()
	if d.Body != nil {
		s.Callees = x.callees(d.Body)
		s.Returns = x.returns(d.Body)
	}
}

// receiverName is the name of a receiver's type.
func receiverName(e ast.Expr) string {
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
	for _, spec := range d.Specs {
		var from, to ast.Node = spec, spec
		if !d.Lparen.IsValid() {
			from, to = d, d
		}
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := spec.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			x.typeSpec(spec, from.Pos(), to.End(), doc)
		case *ast.ValueSpec:
			doc := spec.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			x.valueSpec(d.Tok, spec, from.Pos(), to.End(), doc)
		}
	}
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
		written := oneLine(x.file.Source[x.offset(f.Type.Pos()):x.offset(f.Type.End())])
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
	return receiverName(e)
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
	doc *ast.CommentGroup) {
	for i, n := range spec.Names {
		if n.Name == "_" {
			continue
		}
		s := &Symbol{Kind: Var, Name: n.Name}
		if tok == token.CONST {
			s.Kind = Const
		}
		x.add(s, from, to, doc)
		s.Object = x.info.Defs[n]
		if c, ok := s.Object.(*types.Const); ok {
			s.Value = c.Val().ExactString()
		}
		if len(spec.Values) == len(spec.Names) {
			v := spec.Values[i]
			s.Expr = oneLine(x.file.Source[x.offset(v.Pos()):x.offset(v.End())])
			s.Message = x.errorText(v)
		}
	}
}
