package code

import (
	"go/types"
	"strings"

	"longlora/longqa/material"
)

// Program is a type-checked tree. It is immutable.
type Program struct {
	Version, GOOS, GOARCH string
	// Packages are those that are documents, by import path.
	Packages []*Package
	// Broken are the packages that do not type-check, with the first error.
	Broken map[string]string

	symbols    map[string]*Symbol
	byDocument map[string]*Package
}

// None is the program without a package.
func None() *Program { return &Program{} }

// Package returns the package that is a document, nil if none is.
func (p *Program) Package(docID string) *Package { return p.byDocument[docID] }

// Symbol returns the symbol with a key, nil if the documents declare none.
func (p *Program) Symbol(key string) *Symbol { return p.symbols[key] }

// Package is one document's code.
type Package struct {
	Path string
	// Name is that of the package clause; of a command, the last element of its path.
	Name    string
	Command bool
	// Document has the package's files as parts. The first piece of each is its head, to the end of
	// the imports; each other ends with a declaration and begins where the one before ended, so that
	// it holds the declaration's comment. A file without some of its other pieces is still a Go file.
	Document *material.Document
	// Doc is the package comment, nil if there is none or several.
	Doc   *Comment
	Types *types.Package
	// Symbols are the package's declarations in source order.
	Symbols []*Symbol
	// Names are the identifiers in each piece's code, each once.
	Names map[*material.Piece][]string
}

// Comment is a comment that documents something.
type Comment struct {
	Range material.Range // whole lines
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
	Piece   *material.Piece
	Kind    Kind
	Name    string
	Recv    string // of a method: its type's name
	// Range is the declaration without its comment; Head is a function's signature, else the first
	// line. Both are whole lines.
	Range, Head material.Range
	Doc         *Comment // nil if there is none

	// Signature is a function's or method's, from "func" on one line.
	Signature       string
	Params, Results int
	// Callees are what a function or method calls directly, each once, in source order. Calls within
	// function literals count as its own.
	Callees []Call
	// Returns are the errors that the return statements of a function whose last result is an error
	// give by name or make on the spot, each once. Function literals' return statements do not count.
	Returns []Return

	Fields  []Field  // of a struct
	Methods []string // an interface's own, and embedded names

	Value *Value // of a constant that is a whole number or a text
	// Message is the text of a variable that is set by errors.New("text").
	Message string

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
	Callee string         // key; it may lie outside of the documents
	Range  material.Range // the lines of the first call
}

// Return is an error in a return statement: a package's variable or constant, or one that
// errors.New or fmt.Errorf makes of a literal text.
type Return struct {
	Name    string         // key of the variable or constant; "" if it is made on the spot
	Written string         // the name as the statement writes it, as "io.EOF"
	Text    string         // the literal, if it is made on the spot
	Range   material.Range // the lines of the first such statement
}

// Value is what is known of a constant.
type Value struct {
	Text  string         // as Go prints it exactly
	Expr  string         // the governing expression as written
	Own   bool           // the expression stands in the constant's own line, not in one above
	Range material.Range // from the expression's line to the constant's
	// Refs are the names in the expression, iota excepted, in order.
	Refs []string
	// Plain: the expression is made of literals, names of constants, iota and binary operators.
	Plain bool
}

// Field is a struct's field.
type Field struct {
	Name     string // of an embedded field: its type's
	Type     string // as written
	Embedded bool
}
