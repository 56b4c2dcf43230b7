package code

import (
	"go/types"
	"strings"
)

// Program is a type-checked tree. It is immutable.
type Program struct {
	Version, GOOS, GOARCH string
	// Packages are those that are documents, by import path.
	Packages []*Package
	// Broken are the packages that do not type-check, with the first error.
	Broken map[string]string

	symbols map[string]*Symbol
}

// Symbol returns the symbol with a key, nil if the documents declare none.
func (p *Program) Symbol(key string) *Symbol { return p.symbols[key] }

// Package is one document's code.
type Package struct {
	Path, Name string
	Files      []*File
	// Doc is the package comment, nil if there is none or several.
	Doc   *Comment
	Types *types.Package
	// Symbols are the package's declarations in source order.
	Symbols []*Symbol
}

// DocID is the package's document id.
func (p *Package) DocID() string { return "goroot:" + p.Path }

// File is a source file cut into pieces.
type File struct {
	Name   string
	Source string
	// Pieces cover the source without gaps. The first is the head, to the end of the imports; each
	// other ends with a declaration, and begins where the one before ended, so that it holds the
	// declaration's comment. A file without some of its other pieces is still a Go file.
	Pieces []*Piece
}

// Piece is a part of a file that is kept or left out as a whole.
type Piece struct {
	Package *Package
	File    *File
	Index   int // in File.Pieces
	Start   int // bytes of File.Source, half-open
	End     int
	// Names are the identifiers in its code, sorted, each once.
	Names []string
	// Symbols are what it declares, in source order.
	Symbols []*Symbol
}

// Text is the piece's source.
func (p *Piece) Text() string { return p.File.Source[p.Start:p.End] }

// Range is a half-open range of bytes of a file, within one piece.
type Range struct {
	Piece      *Piece
	Start, End int // of File.Source
}

// Text is the range's source.
func (r Range) Text() string { return r.Piece.File.Source[r.Start:r.End] }

// Comment is a comment that documents something.
type Comment struct {
	Range Range // whole lines
	Text  string
}

// Kind is what a symbol is.
type Kind uint8

// The kinds of symbols.
const (
	Func Kind = iota
	Method
	Struct
	Interface
	OtherType
	Const
	Var
)

// Symbol is one declared name with what is known about it.
type Symbol struct {
	Package *Package
	Piece   *Piece
	Kind    Kind
	Name    string
	Recv    string // of a method: its type's name
	// Range is the declaration without its comment; Head its first line.
	Range, Head Range
	Doc         *Comment // nil if there is none

	// Signature is a function's or method's, from "func" on one line.
	Signature       string
	Params, Results int
	// Callees are what a function or method calls directly, each once, in source order. Calls within
	// function literals count as its own.
	Callees []Call
	// Returns are the package-level variables that its return statements give as their last result,
	// each once. Function literals' return statements do not count.
	Returns []Return

	Fields  []Field  // of a struct
	Methods []string // an interface's own, and embedded names

	Value   string // of a constant, as Go prints it exactly
	Expr    string // of a constant: the expression of its own specification, "" if implied
	Message string // of a variable: the text, if it is set by errors.New("text")

	Object types.Object // nil for methods
}

// Key names the symbol in all programs, as "net/http.Request.Clone".
func (s *Symbol) Key() string { return s.Package.Path + "." + s.Local() }

// Local names the symbol within its package, as "Request.Clone".
func (s *Symbol) Local() string {
	if s.Recv != "" {
		return s.Recv + "." + s.Name
	}
	return s.Name
}

// IsFunc reports whether it is a function or method.
func (s *Symbol) IsFunc() bool { return s.Kind == Func || s.Kind == Method }

// IsType reports whether it is a type.
func (s *Symbol) IsType() bool { return s.Kind >= Struct && s.Kind <= OtherType }

// Exported reports whether other packages can name it.
func (s *Symbol) Exported() bool { return isUpper(s.Name) && (s.Recv == "" || isUpper(s.Recv)) }

func isUpper(name string) bool {
	return name != "" && strings.ToUpper(name[:1]) == name[:1] && name[0] != '_'
}

// Call is a call of a function or method that is known before the program runs.
type Call struct {
	Callee string // key; it may lie outside of the documents
	Range  Range  // the lines of the first call
}

// Return is a package-level variable in a return statement.
type Return struct {
	Variable string // key
	Written  string // as the statement writes it, as "io.EOF"
	Range    Range  // the lines of the first such statement
}

// Field is a struct's field.
type Field struct {
	Name     string // of an embedded field: its type's
	Type     string // as written
	Embedded bool
}
