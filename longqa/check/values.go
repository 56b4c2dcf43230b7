package check

import (
	"errors"
	"fmt"
	"go/ast"
	gc "go/constant"
	"go/token"
	"strconv"
	"strings"

	"longlora/schemas"
)

// evaluate computes a constant expression of literals, names of constants and iota.
func (x *code) evaluate(p *pkg, e ast.Expr, iota, depth int) (gc.Value, error) {
	if depth > 20 {
		return nil, errors.New("a constant is defined by itself")
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		return gc.MakeFromLiteral(e.Value, e.Kind, 0), nil
	case *ast.ParenExpr:
		return x.evaluate(p, e.X, iota, depth+1)
	case *ast.Ident:
		if e.Name == "iota" {
			return gc.MakeInt64(int64(iota)), nil
		}
		for _, d := range x.byName[e.Name] {
			if d.pkg == p && d.kind == constant && d.value != nil {
				return x.evaluate(p, d.value, d.iota, depth+1)
			}
		}
		return nil, fmt.Errorf("no constant %s is declared", e.Name)
	case *ast.BinaryExpr:
		a, err := x.evaluate(p, e.X, iota, depth+1)
		if err != nil {
			return nil, err
		}
		b, err := x.evaluate(p, e.Y, iota, depth+1)
		if err != nil {
			return nil, err
		}
		return binary(a, e.Op, b)
	}
	return nil, fmt.Errorf("cannot evaluate a %T", e)
}

func binary(a gc.Value, op token.Token, b gc.Value) (v gc.Value, err error) {
	if op == token.SHL || op == token.SHR {
		n, ok := gc.Uint64Val(b)
		if !ok || n > 1000 {
			return nil, fmt.Errorf("shift by %s", b)
		}
		return gc.Shift(a, op, uint(n)), nil
	}
	if op == token.QUO && a.Kind() == gc.Int && b.Kind() == gc.Int {
		op = token.QUO_ASSIGN // integer division
	}
	if (op == token.QUO_ASSIGN || op == token.REM) && gc.Sign(b) == 0 {
		return nil, errors.New("division by zero")
	}
	return gc.BinaryOp(a, op, b), nil
}

func (c *checker) constant(e *schemas.Example) error {
	x, d, err := c.subject(e, "symbol")
	if err != nil {
		return err
	}
	if d.kind != constant || d.value == nil {
		return fmt.Errorf("%s is no constant with a value", d.name)
	}
	v, err := x.evaluate(d.pkg, d.value, d.iota, 0)
	if err != nil {
		return err
	}
	want := append([]string{x.display(d), v.ExactString()}, x.place(d)...)
	if expr := d.text(d.value); expr != v.ExactString() ||
		strings.Contains(e.Output, "is repeated for it") {
		want = append(want, expr)
	}
	return same(sorted(terms(e.Output)), sorted(want))
}

// sorted makes the order of terms not matter: a constant's answer has its expression before or
// after its place.
func sorted(terms []string) []string {
	out := append([]string(nil), terms...)
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if out[j] < out[i] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

// errors lists what a function's return statements name or create as their last result.
func (c *checker) errors(e *schemas.Example) error {
	x, f, err := c.subject(e, "symbol")
	if err != nil {
		return err
	}
	var named, made []string
	seen := map[string]bool{}
	fn := f.node.(*ast.FuncDecl)
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		r, ok := n.(*ast.ReturnStmt)
		if !ok || len(r.Results) == 0 {
			return true
		}
		last := ast.Unparen(r.Results[len(r.Results)-1])
		if text := newErrorText(f, last); text != "" {
			if !seen["made "+text] {
				made = append(made, text)
			}
			seen["made "+text] = true
			return true
		}
		written, text, ok := x.errorVariable(f, last)
		if ok && !seen[written] {
			seen[written] = true
			named = append(named, written)
			if text != "" {
				named = append(named, text)
			}
		}
		return true
	})
	got := terms(e.Output)
	return same(got, append(append([]string{x.display(f)}, named...), made...))
}

// newErrorText is the literal in errors.New("text") and fmt.Errorf("text", …).
func newErrorText(d *decl, e ast.Expr) string {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	from, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	made := d.imports[from.Name] + "." + sel.Sel.Name
	if made != "errors.New" && made != "fmt.Errorf" {
		return ""
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

// errorVariable reads a result that is the name of a package's variable, and its text if the
// context has it.
func (x *code) errorVariable(f *decl, e ast.Expr) (written, text string, ok bool) {
	switch e := e.(type) {
	case *ast.Ident:
		for _, d := range x.byName[e.Name] {
			if d.pkg == f.pkg && d.kind == variable {
				return e.Name, variableText(d), true
			}
		}
	case *ast.SelectorExpr:
		from, isName := e.X.(*ast.Ident)
		if !isName || f.imports[from.Name] == "" {
			return "", "", false
		}
		written = from.Name + "." + e.Sel.Name
		for _, d := range x.byName[e.Sel.Name] {
			if d.pkg.path == f.imports[from.Name] && d.kind == variable {
				text = variableText(d)
			}
		}
		return written, text, true
	}
	return "", "", false
}

func variableText(d *decl) string {
	if d.value == nil {
		return ""
	}
	return newErrorText(d, d.value)
}
