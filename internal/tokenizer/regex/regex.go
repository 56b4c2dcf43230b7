// Package regex matches regular expressions as Oniguruma does in its Ruby syntax: the dialect of the
// patterns in tokenizer files. Character classes follow ucd. It finds what a backtracking engine
// finds: of several alternatives the first that leads to a match.
//
// What it does not know (back-references, \X, variable case folding, …) and what could take more
// than polynomial time is an error of Compile that names it; no expression is read as something else.
package regex

import (
	"fmt"
	"unicode/utf8"

	"longlora/internal/tokenizer/ucd"
)

// Regexp is a compiled expression. It may be used concurrently, through Matchers.
type Regexp struct {
	expr  string
	prog  []inst
	first *charSet // that a match can begin with
}

// Compile reads an expression. One that matches the empty text is an error: it cuts nothing.
func Compile(expr string) (*Regexp, error) {
	p := parser{rest: expr}
	root, err := p.parse()
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", expr, err)
	}
	if root.nullable() {
		return nil, fmt.Errorf("regular expression %q matches the empty text, which is not supported",
			expr)
	}
	c := compiler{sets: map[*node]*charSet{}}
	c.emit(root)
	c.add(inst{op: opMatch})
	if len(c.prog) > maxProgram {
		return nil, fmt.Errorf("regular expression %q needs %d instructions, more than %d",
			expr, len(c.prog), maxProgram)
	}
	first, _ := root.first()
	return &Regexp{expr: expr, prog: c.prog, first: newCharSet(first)}, nil
}

// maxProgram bounds what counted repetition can blow up to.
const maxProgram = 5000

// String returns the expression.
func (re *Regexp) String() string { return re.expr }

// charSet is a set of characters in the form that matching uses.
type charSet struct {
	ascii [utf8.RuneSelf]bool
	rest  *ucd.Bitmap
}

func newCharSet(s ucd.Set) *charSet {
	c := &charSet{rest: s.Bitmap()}
	for r := range rune(utf8.RuneSelf) {
		c.ascii[r] = c.rest.Has(r)
	}
	return c
}

// next returns the end of the character at text[i] if it is in the set, else -1.
func (c *charSet) next(text string, i int) int {
	if i >= len(text) {
		return -1
	}
	if b := text[i]; b < utf8.RuneSelf {
		if c.ascii[b] {
			return i + 1
		}
		return -1
	}
	r, n := utf8.DecodeRuneInString(text[i:])
	if c.rest.Has(r) {
		return i + n
	}
	return -1
}

// endsAt reports whether the character before text[i] is in the set.
func (c *charSet) endsAt(text string, i int) bool {
	if i == 0 {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(text[:i])
	return c.rest.Has(r)
}
