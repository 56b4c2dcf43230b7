package regex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer/ucd"
)

// escaped reads a backslash and what follows, outside of a character class.
func (p *parser) escaped() (*node, error) {
	if len(p.rest) < 2 {
		return nil, errors.New("a backslash at the end")
	}
	if kind, ok := map[byte]assertKind{
		'A': textStart, 'z': textEnd, 'Z': textEndOrNewline, 'b': wordBoundary, 'B': notWordBoundary,
	}[p.rest[1]]; ok {
		p.rest = p.rest[2:]
		return assertion(kind), nil
	}
	p.rest = p.rest[1:]
	set, isChar, err := p.escape(false)
	switch {
	case err != nil:
		return nil, err
	case isChar:
		return p.literal(set[0].First)
	case p.fold:
		return nil, errors.New("a class of characters without regard to case is not supported")
	}
	return &node{kind: nodeSet, set: set}, nil
}

// The characters that escapes stand for.
var escapes = map[rune]rune{
	'n': '\n', 'r': '\r', 't': '\t', 'f': '\f', 'v': '\v', 'a': '\a', 'e': 0x1B,
}

// escape reads what follows a backslash: a class of characters, or one character. In brackets, the
// engine's \w lacks the superscripts and fractions of Latin-1 that it has outside.
func (p *parser) escape(inBrackets bool) (set ucd.Set, isChar bool, err error) {
	if p.rest == "" {
		return nil, false, errors.New("a backslash at the end")
	}
	r := p.char()
	switch r {
	case 'p', 'P':
		set, err = p.property(r == 'P')
		return set, false, err
	case 'x', 'u':
		r, err = p.hex(r)
		return ucd.Of(r), true, err
	}
	word := "onig:word"
	if inBrackets {
		word = "onig:classword"
	}
	if set, ok := shorthand(r, word); ok {
		return set, false, nil
	}
	if to, ok := escapes[r]; ok {
		return ucd.Of(to), true, nil
	}
	if r >= utf8.RuneSelf || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return nil, false, fmt.Errorf(`\%c is not supported`, r)
	}
	return ucd.Of(r), true, nil
}

// shorthand returns the class of \s, \d, \w, \h and of their complements.
func shorthand(r rune, word string) (ucd.Set, bool) {
	switch r {
	case 's':
		return ucd.Must("onig:space"), true
	case 'S':
		return ucd.Must("onig:space").Not(), true
	case 'd':
		return ucd.Must("Nd"), true
	case 'D':
		return ucd.Must("Nd").Not(), true
	case 'w':
		return ucd.Must(word), true
	case 'W':
		return ucd.Must(word).Not(), true
	case 'h':
		return hexDigits(), true
	case 'H':
		return hexDigits().Not(), true
	}
	return nil, false
}

func span(first, last rune) ucd.Set { return ucd.Set{{First: first, Last: last}} }

func hexDigits() ucd.Set { return span('0', '9').Or(span('A', 'F')).Or(span('a', 'f')) }

// property reads {Name} or {^Name} behind \p.
func (p *parser) property(not bool) (ucd.Set, error) {
	name, after, ok := strings.Cut(p.rest, "}")
	if !ok || !strings.HasPrefix(name, "{") {
		return nil, fmt.Errorf(`\p without a name in braces`)
	}
	p.rest = after
	name = name[1:]
	if strings.HasPrefix(name, "^") {
		name, not = name[1:], !not
	}
	set, ok := named(name)
	if !ok {
		return nil, fmt.Errorf(`character property \p{%s} is not supported`, name)
	}
	if not {
		set = set.Not()
	}
	return set, nil
}

// The long names of general categories (PropertyValueAliases.txt) and of POSIX brackets.
var aliases = map[string]string{
	"letter": "L", "uppercaseletter": "Lu", "lowercaseletter": "Ll", "titlecaseletter": "Lt",
	"modifierletter": "Lm", "otherletter": "Lo", "mark": "M", "nonspacingmark": "Mn",
	"spacingmark": "Mc", "enclosingmark": "Me", "number": "N", "decimalnumber": "Nd",
	"letternumber": "Nl", "othernumber": "No", "punctuation": "P", "symbol": "S", "mathsymbol": "Sm",
	"currencysymbol": "Sc", "modifiersymbol": "Sk", "othersymbol": "So", "separator": "Z",
	"other": "C", "control": "Cc", "format": "Cf", "alpha": "posix:alpha",
	"alphabetic": "posix:alpha", "lower": "posix:lower", "lowercase": "posix:lower",
	"upper": "posix:upper", "uppercase": "posix:upper", "punct": "posix:punct",
	"graph": "posix:graph", "print": "posix:print", "digit": "Nd", "space": "onig:space",
	"whitespace": "onig:space", "word": "onig:classword", "cntrl": "Cc",
}

// named finds a property by its name, in any case, spaces, dashes and underscores aside.
func named(name string) (ucd.Set, bool) {
	plain := strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(name))
	if to, ok := aliases[plain]; ok {
		return ucd.Named(to)
	}
	if plain == "" {
		return nil, false
	}
	switch plain {
	case "xdigit":
		return hexDigits(), true
	case "ascii":
		return span(0, utf8.RuneSelf-1), true
	case "any":
		return ucd.Set(nil).Not(), true
	case "alnum":
		return ucd.Must("posix:alpha").Or(ucd.Must("Nd")), true
	case "blank":
		return ucd.Must("Zs").Or(ucd.Of('\t')), true
	}
	if plain == "punctuation" || strings.Contains(plain, ":") {
		return nil, false
	}
	return ucd.Named(strings.ToUpper(plain[:1]) + plain[1:])
}

// hex reads the digits of \xHH, \x{H...} or \uHHHH.
func (p *parser) hex(kind rune) (rune, error) {
	digits := ""
	switch {
	case kind == 'x' && strings.HasPrefix(p.rest, "{"):
		inside, after, ok := strings.Cut(p.rest[1:], "}")
		if !ok {
			return 0, errors.New(`\x{ is not closed`)
		}
		digits, p.rest = inside, after
	case kind == 'x' && len(p.rest) >= 2:
		digits, p.rest = p.rest[:2], p.rest[2:]
	case kind == 'u' && len(p.rest) >= 4:
		digits, p.rest = p.rest[:4], p.rest[4:]
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return 0, fmt.Errorf(`\%c%s is not a character`, kind, digits)
	}
	if kind == 'x' && len(digits) == 2 && n >= utf8.RuneSelf {
		return 0, fmt.Errorf(`\x%s is a byte, not a character, which is not supported`, digits)
	}
	return rune(n), nil
}

// class reads a character class behind its opening bracket.
func (p *parser) class() (ucd.Set, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	not := p.accept("^")
	var all, part ucd.Set // the operands of && so far, and the present one
	intersected := false
	for first := true; ; first = false {
		switch {
		case p.rest == "":
			return nil, errors.New("a character class is not closed")
		case p.rest[0] == ']' && !first:
			p.rest = p.rest[1:]
			if intersected {
				part = all.And(part)
			}
			return p.finish(part, not)
		case p.accept("&&"):
			if intersected {
				part = all.And(part)
			}
			all, part, intersected = part, nil, true
		default:
			s, err := p.classItem()
			if err != nil {
				return nil, err
			}
			part = part.Or(s)
		}
	}
}

func (p *parser) finish(s ucd.Set, not bool) (ucd.Set, error) {
	if p.fold {
		if n := len(s); n > 0 && s[n-1].Last >= utf8.RuneSelf || not {
			return nil, errors.New("this character class without regard to case is not supported")
		}
		s = folded(s)
	}
	if not {
		s = s.Not()
	}
	return s, nil
}

// classItem reads a nested class, a POSIX bracket, a range or a character.
func (p *parser) classItem() (ucd.Set, error) {
	if p.accept("[:") {
		return p.posix()
	}
	if p.accept("[") {
		return p.class()
	}
	low, isChar, err := p.classChar()
	if err != nil || !isChar {
		return low, err
	}
	if !strings.HasPrefix(p.rest, "-") || strings.HasPrefix(p.rest, "-]") {
		return low, nil
	}
	p.rest = p.rest[1:]
	if strings.HasPrefix(p.rest, "[") {
		return nil, errors.New("a range up to a class is not supported")
	}
	high, isChar, err := p.classChar()
	if err != nil {
		return nil, err
	}
	if !isChar || high[0].First < low[0].First {
		return nil, fmt.Errorf("a range from %q up to %q", low[0].First, high[0].First)
	}
	return span(low[0].First, high[0].First), nil
}

// classChar reads a character or an escape.
func (p *parser) classChar() (ucd.Set, bool, error) {
	if p.accept(`\`) {
		if p.accept("b") {
			return ucd.Of('\b'), true, nil
		}
		return p.escape(true)
	}
	if p.rest == "" {
		return nil, false, errors.New("a character class is not closed")
	}
	return ucd.Of(p.char()), true, nil
}

// posix reads a bracket such as [:alpha:] behind its opening.
func (p *parser) posix() (ucd.Set, error) {
	name, after, ok := strings.Cut(p.rest, ":]")
	not := strings.HasPrefix(name, "^")
	set, known := named(strings.TrimPrefix(name, "^"))
	if !ok || !known {
		return nil, fmt.Errorf("POSIX bracket [:%.20s is not supported", p.rest)
	}
	p.rest = after
	if not {
		set = set.Not()
	}
	return set, nil
}
