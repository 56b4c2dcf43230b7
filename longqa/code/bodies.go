package code

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
)

// callees lists the functions and methods that a body calls, without those through interfaces.
func (x *extractor) callees(body *ast.BlockStmt) []Call {
	var calls []Call
	seen := map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		id := calledName(c.Fun)
		if id == nil {
			return true
		}
		f, ok := x.info.Uses[id].(*types.Func)
		if !ok {
			return true
		}
		if key := funcKey(f); key != "" && !seen[key] {
			seen[key] = true
			calls = append(calls, Call{key, x.lines(id.Pos(), id.End())})
		}
		return true
	})
	return calls
}

// calledName is the identifier that names what is called, nil if none does.
func calledName(e ast.Expr) *ast.Ident {
	switch f := ast.Unparen(e).(type) {
	case *ast.Ident:
		return f
	case *ast.SelectorExpr:
		return f.Sel
	case *ast.IndexExpr:
		return calledName(f.X)
	case *ast.IndexListExpr:
		return calledName(f.X)
	}
	return nil
}

// funcKey is the key of a function, or of a method of a named type that is no interface; else "".
func funcKey(f *types.Func) string {
	f = f.Origin()
	if f.Pkg() == nil {
		return ""
	}
	recv := f.Signature().Recv()
	if recv == nil {
		return f.Pkg().Path() + "." + f.Name()
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || types.IsInterface(named) {
		return ""
	}
	return f.Pkg().Path() + "." + named.Obj().Name() + "." + f.Name()
}

// returns lists the errors that return statements name or make as their last result.
func (x *extractor) returns(body *ast.BlockStmt) []Return {
	var found []Return
	seen := map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 {
			e, ok := x.returned(ast.Unparen(r.Results[len(r.Results)-1]))
			if id := e.Name + "\n" + e.Text; ok && !seen[id] {
				seen[id] = true
				e.Range = x.lines(r.Pos(), r.End())
				found = append(found, e)
			}
		}
		return true
	})
	return found
}

// returned reads the last result of a return statement.
func (x *extractor) returned(e ast.Expr) (Return, bool) {
	if id := lastName(e); id != nil {
		o := x.info.Uses[id]
		if o == nil || o.Pkg() == nil || o.Parent() != o.Pkg().Scope() {
			return Return{}, false
		}
		return Return{
			Name:    o.Pkg().Path() + "." + o.Name(),
			Written: x.part.Source[x.offset(e.Pos()):x.offset(e.End())],
		}, true
	}
	text := x.errorText(e, "errors", "New")
	if text == "" {
		text = x.errorText(e, "fmt", "Errorf")
	}
	return Return{Text: text}, text != ""
}

// lastName is the identifier of a plain or a qualified name.
func lastName(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		if _, ok := e.X.(*ast.Ident); ok {
			return e.Sel
		}
	}
	return nil
}

// givesError reports whether a function's last result is declared as error.
func givesError(f *ast.FuncType) bool {
	if f.Results.NumFields() == 0 {
		return false
	}
	id, ok := f.Results.List[len(f.Results.List)-1].Type.(*ast.Ident)
	return ok && id.Name == "error"
}

// errorText is the literal text that a call of a package's function begins with, "" for any other
// expression.
func (x *extractor) errorText(e ast.Expr, pkg, name string) string {
	c, ok := e.(*ast.CallExpr)
	if !ok || len(c.Args) == 0 {
		return ""
	}
	id := calledName(c.Fun)
	if id == nil {
		return ""
	}
	f, ok := x.info.Uses[id].(*types.Func)
	if !ok || f.Pkg() == nil || f.Pkg().Path() != pkg || f.Name() != name {
		return ""
	}
	lit, ok := c.Args[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(lit.Value) // the parser checked it
	return text
}
