package task

import (
	"strconv"
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/material"
	"longlora/longqa/outline"
	"longlora/longqa/phrase"
)

// Scope is a view with what is known about its documents. It is immutable.
type Scope struct {
	View     *material.View
	Program  *code.Program
	Packages []*code.Package // those of the view, in its order
	Texts    []*outline.Text // those of the view, in its order
	Text     *outline.Text   // the view's only document, if it is no code
	Book     phrase.Book     // of the documents' language

	library   map[string]*outline.Text // all texts, by document
	stretches []stretch
	squeezed  string // the texts without spaces

	symbols  []*code.Symbol // declared in the view, in its order
	byName   map[string][]*code.Symbol
	byKey    map[string]*code.Symbol
	mentions map[string][]*material.Piece // by identifier
	callers  map[string][]*code.Symbol    // by the callee's key
	declares map[*material.Piece]int      // number of symbols
	begins   map[*material.Piece]int      // bytes of the view before a piece
	heads    map[*material.Part]int       // bytes of the view before a part
	bytes    int                          // of the view
}

// NewScope indexes a view.
func NewScope(v *material.View, p *code.Program, texts map[string]*outline.Text) *Scope {
	s := &Scope{
		View: v, Program: p,
		byName: map[string][]*code.Symbol{}, byKey: map[string]*code.Symbol{},
		mentions: map[string][]*material.Piece{}, callers: map[string][]*code.Symbol{},
		declares: map[*material.Piece]int{}, begins: map[*material.Piece]int{},
		heads: map[*material.Part]int{}, library: texts, Book: phrase.For(""),
	}
	s.place()
	for _, k := range v.Docs {
		if t := texts[k.Document.ID]; t != nil {
			s.Texts = append(s.Texts, t)
		}
		if pkg := p.Package(k.Document.ID); pkg != nil {
			s.Packages = append(s.Packages, pkg)
			s.index(pkg, k.Pieces)
		}
	}
	if len(s.Texts) > 0 {
		s.Book = phrase.For(s.Texts[0].Language)
		s.stretch()
	}
	if len(v.Docs) == 1 && len(s.Texts) == 1 {
		s.Text = s.Texts[0]
	}
	return s
}

// place finds where pieces and parts begin.
func (s *Scope) place() {
	for _, k := range s.View.Docs {
		for _, p := range k.Pieces {
			if _, ok := s.heads[p.Part]; !ok {
				s.heads[p.Part] = s.bytes
			}
			s.begins[p] = s.bytes
			s.bytes += p.End - p.Start
		}
	}
}

// Position is about where the middle of a range stands in the view, in [0, 1].
func (s *Scope) Position(r material.Range) float64 {
	if before := r.Piece.Before; before != nil {
		return float64(s.begins[before]) / float64(max(s.bytes, 1))
	}
	return float64(s.begins[r.Piece]+(r.Start+r.End)/2-r.Piece.Start) / float64(max(s.bytes, 1))
}

// Positions are those of a candidate's evidence, each place once.
func (s *Scope) Positions(c Candidate) []float64 {
	var all []float64
	seen := map[any]bool{}
	add := func(of any, position float64) {
		if !seen[of] {
			seen[of] = true
			all = append(all, position)
		}
	}
	for _, r := range c.Evidence {
		add(r, s.Position(r))
		if !c.Located {
			continue
		}
		head := float64(s.heads[r.Piece.Part]) / float64(max(s.bytes, 1))
		add(r.Piece.Part, head)
		if len(s.View.Docs) > 1 {
			first := s.heads[firstPart(s.View, r.Piece.Document)]
			add(r.Piece.Document, float64(first)/float64(max(s.bytes, 1)))
		}
	}
	return all
}

// firstPart is the part of a document that a view shows first.
func firstPart(v *material.View, d *material.Document) *material.Part {
	for _, k := range v.Docs {
		if k.Document == d {
			return k.Pieces[0].Part
		}
	}
	return nil
}

func (s *Scope) index(pkg *code.Package, pieces []*material.Piece) {
	for _, p := range pieces {
		for _, name := range pkg.Names[p] {
			s.mentions[name] = append(s.mentions[name], p)
		}
	}
	for _, sym := range pkg.Symbols {
		if !s.View.Has(sym.Piece) {
			continue
		}
		s.declares[sym.Piece]++
		s.symbols = append(s.symbols, sym)
		s.byName[sym.Name] = append(s.byName[sym.Name], sym)
		s.byKey[sym.Key()] = sym
		for _, c := range sym.Callees {
			s.callers[c.Callee] = append(s.callers[c.Callee], sym)
		}
	}
}

// alone reports whether a symbol is the only one in the view with its name.
func (s *Scope) alone(sym *code.Symbol) bool { return len(s.byName[sym.Name]) == 1 }

// name is how a question names a symbol: within its package, or with it if there are several.
func (s *Scope) name(sym *code.Symbol) string {
	if len(s.Packages) > 1 {
		return sym.Package.Name + "." + sym.Local()
	}
	return sym.Local()
}

// quoted is a symbol's name in backticks.
func (s *Scope) quoted(sym *code.Symbol) string { return "`" + s.name(sym) + "`" }

// quotedAll are the names of symbols as a list in prose.
func (s *Scope) quotedAll(symbols []*code.Symbol) string {
	names := make([]string, len(symbols))
	for i, sym := range symbols {
		names[i] = s.quoted(sym)
	}
	return join(names)
}

// where says what code is meant: "the given code of package `x`".
func (s *Scope) where() string {
	if len(s.Packages) != 1 {
		return "the given code"
	}
	return "the given code of " + owner(s.Packages[0])
}

// owner is "package `x`" or "command `cmd/x`".
func owner(p *code.Package) string {
	if p.Command {
		return "command `" + p.Path + "`"
	}
	return "package `" + p.Path + "`"
}

// file names the file of a symbol, with its package if there are several.
func (s *Scope) file(sym *code.Symbol) string {
	if len(s.Packages) > 1 {
		return "`" + sym.Piece.Part.Name + "` of " + owner(sym.Package)
	}
	return "`" + sym.Piece.Part.Name + "`"
}

// join lists items in prose.
func join(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// kindOf is the word for a symbol.
func kindOf(s *code.Symbol) string {
	switch s.Kind {
	case code.Func:
		return "function"
	case code.Method:
		return "method"
	case code.Struct:
		return "struct type"
	case code.Interface:
		return "interface"
	case code.Const:
		return "constant"
	case code.Var:
		return "variable"
	}
	return "type"
}

// count is a number with a noun, as "1 field" or "3 fields".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
