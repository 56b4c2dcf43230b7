package check

import (
	"errors"
	"fmt"
	"go/ast"
	"regexp"
	"strconv"
	"strings"

	"longlora/schemas"
)

// interfaceMethods are the names of an interface's methods; it must embed nothing.
func interfaceMethods(d *decl) ([]string, error) {
	t, ok := d.typ.(*ast.InterfaceType)
	if !ok {
		return nil, fmt.Errorf("%s is no interface", d.name)
	}
	var names []string
	for _, f := range t.Methods.List {
		if len(f.Names) == 0 {
			return nil, fmt.Errorf("%s embeds another type", d.name)
		}
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// methodNames are the methods that a type has by itself or by embedding, as far as the context
// shows.
func (x *code) methodNames(p *pkg, typ string, depth int) map[string]bool {
	names := map[string]bool{}
	for _, d := range x.decls {
		if d.pkg != p {
			continue
		}
		if d.kind == method && d.recv == typ {
			names[d.name] = true
		}
		if s, ok := d.typ.(*ast.StructType); ok && d.name == typ && depth < 5 {
			for _, f := range s.Fields.List {
				if len(f.Names) > 0 {
					continue
				}
				for n := range x.methodNames(p, typeName(f.Type), depth+1) {
					names[n] = true
				}
			}
		}
	}
	return names
}

func (c *checker) implementers(e *schemas.Example) error {
	x, i, err := c.subject(e, "symbol")
	if err != nil {
		return err
	}
	wanted, err := interfaceMethods(i)
	if err != nil {
		return err
	}
	var by []*decl
	for _, d := range x.decls {
		if d.kind != structType && d.kind != otherType {
			continue
		}
		has := x.methodNames(d.pkg, d.name, 0)
		all := true
		for _, w := range wanted {
			all = all && has[w]
		}
		if all {
			by = append(by, d)
		}
	}
	return same(without(terms(e.Output), x.display(i)), x.displayAll(by))
}

var numberOf = regexp.MustCompile(`has (\d+) methods`)

func (c *checker) methods(e *schemas.Example) error {
	x, t, err := c.subject(e, "symbol")
	if err != nil {
		return err
	}
	var names []string
	for _, d := range x.decls {
		if d.kind == method && d.pkg == t.pkg && d.recv == t.name {
			names = append(names, d.name)
		}
	}
	if m := numberOf.FindStringSubmatch(e.Output); m == nil || m[1] != strconv.Itoa(len(names)) {
		return fmt.Errorf("the answer does not count %d methods", len(names))
	}
	return same(terms(e.Output), append([]string{x.display(t)}, names...))
}

// signature is a function's declaration to the end of its results.
func (d *decl) signature() string {
	f := d.node.(*ast.FuncDecl)
	return d.textBetween(f.Pos(), f.Type.End())
}

// parameters counts a function's parameters.
func (d *decl) parameters() int {
	n := 0
	for _, p := range d.node.(*ast.FuncDecl).Type.Params.List {
		n += max(1, len(p.Names))
	}
	return n
}

// fields are the names of a struct's fields.
func (d *decl) fields() ([]string, error) {
	s, ok := d.typ.(*ast.StructType)
	if !ok {
		return nil, fmt.Errorf("%s is no struct type", d.name)
	}
	var names []string
	for _, f := range s.Fields.List {
		if len(f.Names) == 0 {
			return nil, fmt.Errorf("%s embeds another type", d.name)
		}
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names, nil
}

func (c *checker) declaration(e *schemas.Example) error {
	x, d, err := c.subject(e, "symbol")
	if err != nil {
		return err
	}
	want := x.place(d)
	switch d.kind {
	case function, method:
		want = append(want, d.signature())
	default:
		fields, err := d.fields()
		if err != nil {
			return err
		}
		if !strings.Contains(e.Output, "with "+counted(len(fields), "field")) {
			return fmt.Errorf("the answer does not count %d fields", len(fields))
		}
		want = append(want, fields...)
	}
	if err := c.evidenceHas(e, fileMark+d.file); err != nil {
		return err
	}
	got := terms(e.Output)
	if len(got) > 0 && got[0] == x.display(d) {
		got = got[1:]
	}
	return same(got, want)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func (c *checker) comparison(e *schemas.Example) error {
	x, a, err := c.subject(e, "first")
	if err != nil {
		return err
	}
	_, b, err := c.subject(e, "second")
	if err != nil {
		return err
	}
	if e.Meta["compare"] == "parameters" {
		return compareParameters(x, a, b, e)
	}
	return compareFields(x, a, b, e)
}

func compareParameters(x *code, a, b *decl, e *schemas.Example) error {
	if b.parameters() > a.parameters() {
		a, b = b, a
	}
	if a.parameters() == b.parameters() {
		return fmt.Errorf("both take %d parameters", a.parameters())
	}
	counts := fmt.Sprintf("takes more: %s, where `%s` takes %d.", counted(a.parameters(), "parameter"),
		x.display(b), b.parameters())
	if !strings.Contains(e.Output, counts) {
		return fmt.Errorf("the answer does not say that the first %s", counts)
	}
	return same(terms(e.Output), []string{x.display(a), x.display(b), a.signature(), b.signature()})
}

func compareFields(x *code, a, b *decl, e *schemas.Example) error {
	first, err := a.fields()
	if err != nil {
		return err
	}
	second, err := b.fields()
	if err != nil {
		return err
	}
	want := append([]string{x.display(a)}, first...)
	want = append(append(want, x.display(b)), second...)
	shared := 0
	for _, f := range first {
		for _, g := range second {
			if f == g {
				want, shared = append(want, f), shared+1
			}
		}
	}
	for _, s := range []string{
		"`" + x.display(a) + "` has " + counted(len(first), "field") + ", ",
		"`" + x.display(b) + "` has " + counted(len(second), "field") + ", ",
	} {
		if !strings.Contains(e.Output, s) {
			return fmt.Errorf("the answer does not say that %s", s)
		}
	}
	if strings.Contains(e.Output, "no field name in common") != (shared == 0) {
		return fmt.Errorf("the answer is wrong about %d names in common", shared)
	}
	return same(terms(e.Output), want)
}

func (c *checker) ordering(e *schemas.Example) error {
	if labels := e.Meta["labels"]; labels != "" {
		return c.titleOrder(e, labels)
	}
	x, err := c.parse()
	if err != nil {
		return err
	}
	asked := map[*decl]bool{}
	for _, key := range strings.Fields(e.Meta["symbols"]) {
		d, err := x.find(key)
		if err != nil {
			return err
		}
		asked[d] = true
		if !strings.Contains(e.Instruction, "`"+x.display(d)+"`") {
			return fmt.Errorf("the question does not name %s", x.display(d))
		}
	}
	if len(asked) == 0 {
		return errors.New("there is nothing to order")
	}
	var order []*decl
	for _, d := range x.decls {
		if asked[d] {
			order = append(order, d)
		}
	}
	return same(terms(e.Output), x.displayAll(order))
}
