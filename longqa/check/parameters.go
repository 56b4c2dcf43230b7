package check

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"

	"longlora/schemas"
)

// parameters reads the one function that the context is, and compares its parameters and results,
// in order, with what the answer names.
func (c *checker) parameters(e *schemas.Example) error {
	const head = "package p\n\n"
	source := head + e.Context
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, 0)
	if err != nil {
		return fmt.Errorf("the context is no Go function: %w", err)
	}
	if len(file.Decls) != 1 {
		return fmt.Errorf("the context has %d declarations, want a function", len(file.Decls))
	}
	f, ok := file.Decls[0].(*ast.FuncDecl)
	if !ok || f.Type.Results == nil {
		return errors.New("the context is no Go function with results")
	}
	var want []string
	for _, list := range []*ast.FieldList{f.Type.Params, f.Type.Results} {
		for _, field := range list.List {
			from, to := set.Position(field.Type.Pos()).Offset, set.Position(field.Type.End()).Offset
			text := source[from:to]
			for _, name := range field.Names {
				want = append(want, name.Name+" "+text)
			}
			if len(field.Names) == 0 {
				want = append(want, text)
			}
		}
	}
	return same(terms(e.Output), want)
}
