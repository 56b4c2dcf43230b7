package task

import (
	"go/types"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// implementers asks which types implement an interface.
type implementers struct{}

func (implementers) Name() string { return "implementers" }

// maxImplementers bounds the length of an answer.
const maxImplementers = 8

func (implementers) Propose(s *Scope, d *dice.Dice) []Candidate {
	var interfaces []*code.Symbol
	for _, sym := range s.symbols {
		if sym.Kind == code.Interface && len(sym.Methods) > 0 && s.alone(sym) {
			interfaces = append(interfaces, sym)
		}
	}
	if len(interfaces) == 0 {
		return nil
	}
	sets := newMethodSets(s)
	var found []Candidate
	for _, i := range dice.Shuffled(d, interfaces) {
		if len(found) == proposals {
			break
		}
		by, ok := sets.implementers(i)
		if !ok || len(by) == 0 || len(by) > maxImplementers {
			continue
		}
		c := Candidate{
			Key: i.Key(), Source: "derived:implementers",
			Question: dice.Pick(d, []string{
				"Which types in " + s.where() + " implement the interface " + s.quoted(i) +
					", themselves or through a pointer?",
				"Name the types in " + s.where() + " that have all methods of the interface " +
					s.quoted(i) + ", be it on the type or on a pointer to it.",
			}),
			Evidence: []material.Range{i.Range},
			Meta:     map[string]string{"symbol": i.Key()},
		}
		if len(by) == 1 {
			c.Answer = "Only the type " + s.quoted(by[0]) + " implements " + s.quoted(i) + "."
		} else {
			c.Answer = s.quoted(i) + " is implemented by the types " + s.quotedAll(by) + "."
		}
		for _, t := range by {
			for _, name := range i.Methods {
				c.Evidence = append(c.Evidence, sets.witness(t, name, 0)...)
			}
		}
		found = append(found, c)
	}
	return found
}

// methodSets knows the methods of a view's types by their names alone.
type methodSets struct {
	s       *Scope
	types   []*code.Symbol
	byKey   map[string]*code.Symbol            // types
	methods map[string]map[string]*code.Symbol // by the type's key and the method's name
}

func newMethodSets(s *Scope) *methodSets {
	m := &methodSets{
		s: s, byKey: map[string]*code.Symbol{}, methods: map[string]map[string]*code.Symbol{},
	}
	for _, sym := range s.symbols {
		switch {
		case sym.Kind == code.Method:
			key := sym.Package.Path + "." + sym.Recv
			if m.methods[key] == nil {
				m.methods[key] = map[string]*code.Symbol{}
			}
			m.methods[key][sym.Name] = sym
		case sym.IsType() && sym.Kind != code.Interface:
			m.types = append(m.types, sym)
			m.byKey[sym.Key()] = sym
		}
	}
	return m
}

// has reports whether a type has a method, its own or that of an embedded type in the view.
func (m *methodSets) has(t *code.Symbol, name string, depth int) bool {
	if m.methods[t.Key()][name] != nil {
		return true
	}
	for _, f := range t.Fields {
		if e := m.byKey[t.Package.Path+"."+f.Name]; f.Embedded && e != nil && depth < 4 &&
			m.has(e, name, depth+1) {
			return true
		}
	}
	return false
}

// implementers returns the types in the view that implement an interface, if names alone tell the
// same as types do.
func (m *methodSets) implementers(i *code.Symbol) ([]*code.Symbol, bool) {
	target, ok := interfaceOf(i)
	if !ok || target.NumMethods() != len(i.Methods) {
		return nil, false // it embeds others
	}
	var by []*code.Symbol
	for _, t := range m.types {
		named := true
		for _, name := range i.Methods {
			named = named && m.has(t, name, 0)
		}
		typed := implements(t, target)
		if named != typed {
			return nil, false
		}
		if typed {
			if !m.s.alone(t) {
				return nil, false
			}
			by = append(by, t)
		}
	}
	return by, true
}

// interfaceOf is the type of an interface that is neither generic nor a constraint.
func interfaceOf(i *code.Symbol) (*types.Interface, bool) {
	if i.Object == nil || isGeneric(i.Object.Type()) {
		return nil, false
	}
	t, ok := i.Object.Type().Underlying().(*types.Interface)
	return t, ok && t.IsMethodSet()
}

func isGeneric(t types.Type) bool {
	n, ok := t.(*types.Named)
	return ok && n.TypeParams().Len() > 0
}

// implements reports whether a declared type or a pointer to it has an interface's methods.
func implements(t *code.Symbol, target *types.Interface) bool {
	name, ok := t.Object.(*types.TypeName)
	if !ok || name.IsAlias() || isGeneric(name.Type()) || types.IsInterface(name.Type()) {
		return false
	}
	return types.Implements(name.Type(), target) ||
		types.Implements(types.NewPointer(name.Type()), target)
}

// witness is where a type gets a method from: its own, or, through the type's declaration, that of
// an embedded type.
func (m *methodSets) witness(t *code.Symbol, method string, depth int) []material.Range {
	if sym := m.methods[t.Key()][method]; sym != nil {
		return []material.Range{sym.Head}
	}
	for _, f := range t.Fields {
		if e := m.byKey[t.Package.Path+"."+f.Name]; f.Embedded && e != nil && depth < 4 &&
			m.has(e, method, depth+1) {
			return append([]material.Range{t.Range}, m.witness(e, method, depth+1)...)
		}
	}
	return []material.Range{t.Range}
}
