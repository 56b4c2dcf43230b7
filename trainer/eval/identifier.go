package eval

import (
	"go/doc"
	"go/scanner"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is an occurrence of a maximal run of letters, digits and underscores that does not begin
// with a digit.
type word struct {
	from, to int  // bytes of the text
	code     bool // an identifier of Go code rather than a part of a comment or a string
}

// words returns all words of a text in order. What is code is decided by the Go scanner from the
// first whole line on: a text that begins inside a line, a comment or a raw string is read as if it
// did not, up to where that ends.
func words(text string, wholeFirstLine bool) []word {
	begin := 0
	if !wholeFirstLine {
		begin = strings.IndexByte(text, '\n') + 1
	}
	code := codeIdentifiers(text, begin)
	var all []word
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !wordRune(r) {
			i += size
			continue
		}
		from := i
		for i < len(text) && wordRune(r) {
			i += size
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		if first, _ := utf8.DecodeRuneInString(text[from:]); !unicode.IsDigit(first) {
			all = append(all, word{from: from, to: i, code: code[from]})
		}
	}
	return all
}

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// codeIdentifiers returns where identifiers begin that are neither keywords nor predeclared.
func codeIdentifiers(text string, begin int) map[int]bool {
	found := map[int]bool{}
	file := token.NewFileSet().AddFile("", -1, len(text)-begin)
	var s scanner.Scanner
	s.Init(file, []byte(text[begin:]), func(token.Position, string) {}, 0)
	for {
		pos, kind, name := s.Scan()
		if kind == token.EOF {
			return found
		}
		if kind == token.IDENT && name != "_" && !doc.IsPredeclared(name) {
			found[begin+file.Offset(pos)] = true
		}
	}
}
