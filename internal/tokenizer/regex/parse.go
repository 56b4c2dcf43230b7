package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer/ucd"
)

// parser reads Oniguruma's Ruby syntax (doc/RE of kkos/oniguruma).
type parser struct {
	rest   string
	fold   bool // (?i)
	dotAll bool // (?m), which in Ruby lets the dot match line ends
	depth  int
}

// maxDepth bounds the nesting of groups and character classes.
const maxDepth = 100

func (p *parser) parse() (*node, error) {
	n, err := p.choice()
	if err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, fmt.Errorf("unmatched ) before %q", p.rest[1:])
	}
	return n, nil
}

// enter counts a level of nesting.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("groups are nested deeper than %d", maxDepth)
	}
	return nil
}

// accept consumes s if the rest begins with it.
func (p *parser) accept(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

// char consumes one character.
func (p *parser) char() rune {
	r, n := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[n:]
	return r
}

// choice reads alternatives up to a closing parenthesis or the end.
func (p *parser) choice() (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	fold, dotAll := p.fold, p.dotAll // options end with their group
	defer func() { p.fold, p.dotAll = fold, dotAll }()
	all := &node{kind: nodeChoice}
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		all.subs = append(all.subs, n)
		if !p.accept("|") {
			break
		}
	}
	if len(all.subs) == 1 {
		return all.subs[0], nil
	}
	return all, nil
}

func (p *parser) sequence() (*node, error) {
	seq := &node{kind: nodeSequence}
	for p.rest != "" && p.rest[0] != '|' && p.rest[0] != ')' {
		n, err := p.item()
		if err != nil {
			return nil, err
		}
		if n == nil { // an option or a comment
			continue
		}
		if n, err = p.quantified(n); err != nil {
			return nil, err
		}
		seq.subs = append(seq.subs, n)
	}
	return seq, nil
}

// item reads what a quantifier can follow.
func (p *parser) item() (*node, error) {
	switch p.rest[0] {
	case '(':
		return p.group()
	case '[':
		p.rest = p.rest[1:]
		set, err := p.class()
		if err != nil {
			return nil, err
		}
		return &node{kind: nodeSet, set: set}, nil
	case '.':
		p.rest = p.rest[1:]
		if p.dotAll {
			return &node{kind: nodeSet, set: ucd.Set(nil).Not()}, nil
		}
		return &node{kind: nodeSet, set: ucd.Of('\n').Not()}, nil
	case '^':
		p.rest = p.rest[1:]
		return assertion(lineStart), nil
	case '$':
		p.rest = p.rest[1:]
		return assertion(lineEnd), nil
	case '\\':
		return p.escaped()
	case '*', '+', '?':
		return nil, fmt.Errorf("nothing to repeat before %q", p.rest)
	}
	return p.literal(p.char())
}

func assertion(kind assertKind, subs ...*node) *node {
	return &node{kind: nodeAssert, assert: kind, subs: subs}
}

// literal is one character, in both cases if case is ignored.
func (p *parser) literal(r rune) (*node, error) {
	set := ucd.Of(r)
	if p.fold {
		if r >= utf8.RuneSelf {
			return nil, fmt.Errorf("%q without regard to case is not supported", r)
		}
		if err := p.foldsAlone(r); err != nil {
			return nil, err
		}
		set = folded(set)
	}
	return &node{kind: nodeSet, set: set}, nil
}

// foldsAlone refuses the pairs of letters that have a character of their own, as ss has ß: without
// regard to case the engine matches that too.
func (p *parser) foldsAlone(r rune) error {
	if p.rest == "" {
		return nil
	}
	pair := strings.ToLower(string(r) + p.rest[:1])
	switch pair {
	case "ss", "st", "ff", "fi", "fl":
		return fmt.Errorf("%q without regard to case is not supported: ligatures match it too", pair)
	}
	return nil
}

// folded adds the other cases of ASCII letters, and the two other characters that are cases of
// theirs: U+017F of s and U+212A of k (CaseFolding.txt).
func folded(s ucd.Set) ucd.Set {
	out := s
	for r := rune('a'); r <= 'z'; r++ {
		upper := r - 'a' + 'A'
		if s.Has(r) || s.Has(upper) {
			out = out.Or(ucd.Of(r, upper))
			switch r {
			case 's':
				out = out.Or(ucd.Of(0x17F))
			case 'k':
				out = out.Or(ucd.Of(0x212A))
			}
		}
	}
	return out
}

// group reads a parenthesis; it returns nil for one that matches nothing.
func (p *parser) group() (*node, error) {
	p.rest = p.rest[1:]
	switch {
	case p.accept("?:"):
		return p.enclosed()
	case p.accept("?="):
		return p.look(ahead)
	case p.accept("?!"):
		return p.look(notAhead)
	case p.accept("?<="):
		return p.look(behind)
	case p.accept("?<!"):
		return p.look(notBehind)
	case p.accept("?>"):
		n, err := p.enclosed()
		return &node{kind: nodeAtomic, subs: []*node{n}}, err
	case p.accept("?#"):
		_, after, ok := strings.Cut(p.rest, ")")
		if !ok {
			return nil, fmt.Errorf("a comment is not closed")
		}
		p.rest = after
		return nil, nil
	case p.accept("?<"), p.accept("?P<"):
		_, after, ok := strings.Cut(p.rest, ">")
		if !ok {
			return nil, fmt.Errorf("a group's name is not closed")
		}
		p.rest = after
		return p.enclosed()
	case p.accept("?"):
		return p.options()
	}
	return p.enclosed()
}

// enclosed reads a group's content and its closing parenthesis.
func (p *parser) enclosed() (*node, error) {
	n, err := p.choice()
	if err == nil && !p.accept(")") {
		err = fmt.Errorf("a group is not closed")
	}
	return n, err
}

// look reads a look-around. Behind, only what has one length can be looked for.
func (p *parser) look(kind assertKind) (*node, error) {
	n, err := p.enclosed()
	if err != nil {
		return nil, err
	}
	if kind == behind || kind == notBehind {
		if n.kind == nodeSequence && len(n.subs) == 1 {
			n = n.subs[0]
		}
		if n.kind != nodeSet {
			return nil, fmt.Errorf("looking behind for more than one character is not supported")
		}
	}
	return assertion(kind, n), nil
}

// options reads (?imx) and (?imx:...).
func (p *parser) options() (*node, error) {
	fold, dotAll, on := p.fold, p.dotAll, true
	for {
		if p.rest == "" {
			return nil, fmt.Errorf("a group is not closed")
		}
		switch c := p.char(); c {
		case '-':
			on = false
		case 'i':
			fold = on
		case 'm':
			dotAll = on
		case ')':
			// The option holds to the end of the group around, alternatives included: in Ruby's
			// syntax a(?i)b|c is a(?i:b|c).
			p.fold, p.dotAll = fold, dotAll
			return p.choice()
		case ':':
			before, beforeDot := p.fold, p.dotAll
			p.fold, p.dotAll = fold, dotAll
			n, err := p.enclosed()
			p.fold, p.dotAll = before, beforeDot
			return n, err
		default:
			return nil, fmt.Errorf("group option (?%c is not supported", c)
		}
	}
}

// quantified reads the quantifier behind n, if there is one.
func (p *parser) quantified(n *node) (*node, error) {
	low, high, found, err := p.bounds()
	if err != nil || !found {
		return n, err
	}
	q := &node{kind: nodeRepeat, subs: []*node{n}, min: low.n, max: high}
	switch {
	case p.accept("?"):
		if low.counted && low.n == high {
			return nil, fmt.Errorf("{n}? is not supported: engines differ on it")
		}
		q.mode = lazy
	case p.accept("+"):
		if q.mode = possessive; low.counted {
			if low.n != 1 || n.kind != nodeSet {
				return nil, fmt.Errorf("{n,m}+ is not supported: engines differ on it")
			}
			q.mode, q.max = greedy, infinite // in Ruby's syntax x{1,m}+ is (?:x{1,m})+, that is, x+
		}
	}
	if _, _, again, err := p.bounds(); err != nil || again {
		return nil, fmt.Errorf("a quantifier behind a quantifier is not supported")
	}
	switch {
	case n.nullable():
		return nil, fmt.Errorf("repeating what can be empty is not supported")
	case high > maxUncertain && !n.certain():
		return nil, fmt.Errorf("repeating more than %d times what can match in several ways is not "+
			"supported: it could take exponential time", maxUncertain)
	}
	return q, nil
}

// lowBound is a quantifier's least count, and whether it was written in braces.
type lowBound struct {
	n       int
	counted bool
}

// maxUncertain is how often something may be repeated that can match a text in several ways.
const maxUncertain = 4

// maxCount bounds the counts of {n,m}.
const maxCount = 1000

// bounds reads *, +, ? or {n,m}.
func (p *parser) bounds() (low lowBound, high int, found bool, err error) {
	switch {
	case p.accept("*"):
		return lowBound{0, false}, infinite, true, nil
	case p.accept("+"):
		return lowBound{1, false}, infinite, true, nil
	case p.accept("?"):
		return lowBound{0, false}, 1, true, nil
	case !strings.HasPrefix(p.rest, "{"):
		return low, 0, false, nil
	}
	inside, after, closed := strings.Cut(p.rest[1:], "}")
	first, second, ranged := strings.Cut(inside, ",")
	n, err1 := strconv.Atoi(first)
	if first == "" && ranged {
		n, err1 = 0, nil
	}
	m, err2 := n, error(nil)
	if ranged {
		m, err2 = strconv.Atoi(second)
		if second == "" && first != "" {
			m, err2 = infinite, nil
		}
	}
	if !closed || err1 != nil || err2 != nil {
		return low, 0, false, nil // a brace that stands for itself
	}
	if n < 0 || n > m || n > maxCount || m != infinite && m > maxCount {
		return low, 0, false, fmt.Errorf("quantifier {%s} is out of range 0..%d", inside, maxCount)
	}
	p.rest = after
	return lowBound{n, true}, m, true, nil
}
