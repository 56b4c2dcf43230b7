package check

import (
	"fmt"
	"go/ast"
	"regexp"
	"strconv"

	"longlora/schemas"
)

// callersOf returns the functions and methods that have a name in their code, in order. It is an
// error if the name stands anywhere else, or is not called.
func (x *code) callersOf(f *decl) ([]*decl, error) {
	var by []*decl
	for _, d := range x.decls {
		switch {
		case d == f:
		case d.outside[f.name]:
			return nil, fmt.Errorf("the name %s stands outside of functions too", f.name)
		case d.names[f.name]:
			if !calls(d.node, f.name) {
				return nil, fmt.Errorf("%s has the name %s without calling it", d.local(), f.name)
			}
			by = append(by, d)
		}
	}
	return by, nil
}

// calls reports whether something by a name is called.
func calls(n ast.Node, name string) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && typeName(ast.Unparen(c.Fun)) == name {
			found = true
		}
		return !found
	})
	return found
}

var ofThem = regexp.MustCompile(`by (\d+) of them`)

func (c *checker) callers(e *schemas.Example) error {
	x, f, err := c.subject(e, "symbol")
	if err != nil {
		return err
	}
	by, err := x.callersOf(f)
	if err != nil {
		return err
	}
	if m := ofThem.FindStringSubmatch(e.Output); m != nil && m[1] != strconv.Itoa(len(by)) {
		return fmt.Errorf("the answer counts %s callers, computed %d", m[1], len(by))
	}
	for _, d := range by {
		if err := c.evidenceHas(e, d.name); err != nil {
			return err
		}
	}
	return same(without(terms(e.Output), x.display(f)), x.displayAll(by))
}

func (c *checker) chain(e *schemas.Example) error {
	x, first, err := c.subject(e, "first")
	if err != nil {
		return err
	}
	_, last, err := c.subject(e, "last")
	if err != nil {
		return err
	}
	if first.names[last.name] {
		return fmt.Errorf("%s has the name %s itself", first.local(), last.name)
	}
	by, err := x.callersOf(last)
	if err != nil {
		return err
	}
	var between []*decl
	for _, d := range by {
		if first.names[d.name] {
			if !calls(first.node, d.name) || len(x.byName[d.name]) != 1 {
				return fmt.Errorf("%s has the name %s without certainly calling it", first.local(), d.name)
			}
			between = append(between, d)
		}
	}
	got := without(terms(e.Output), x.display(first), x.display(last))
	return same(got, x.displayAll(between))
}
