// Package ucd tells characters apart as Hugging Face tokenizers does, whatever Unicode version the Go
// toolchain has. The engine is built of parts with tables of different ages: its regular expressions
// follow Unicode 16, its normal forms a much older version, its digits a newer one. Tokens are only
// equal if each part's own table is used, so unicode.txt holds them as asked of the engine.
package ucd

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed unicode.txt
var source string

// Named returns a set of unicode.txt by its name there. The first letter of a general category names
// the union of its members: L is Lu, Ll, Lt, Lm and Lo. Cn is what no category has.
func Named(name string) (Set, bool) {
	s, ok := load().sets[name]
	return s, ok
}

// Must is Named for names that are known to exist.
func Must(name string) Set {
	s, ok := Named(name)
	if !ok {
		panic("ucd: no set " + name)
	}
	return s
}

// Lower appends r in lower case, as the engine's Lowercase normalizer writes it.
func Lower(dst []byte, r rune) []byte {
	if to, ok := load().lower[r]; ok {
		return append(dst, to...)
	}
	return utf8.AppendRune(dst, r)
}

// tables is unicode.txt, read.
type tables struct {
	sets  map[string]Set
	lower map[rune]string
	known *Bitmap // the characters that some normal form concerns
}

// load returns the tables, which are read once.
var load = sync.OnceValue(read)

func read() *tables {
	t := &tables{sets: map[string]Set{}, lower: map[rune]string{}}
	for line := range strings.Lines(source) {
		switch fields := strings.Fields(line); fields[0] {
		case "set":
			t.sets[fields[1]] = parseSet(fields[2:])
		case "lower":
			var to strings.Builder
			for _, f := range fields[2:] {
				to.WriteRune(parseHex(f))
			}
			t.lower[parseHex(fields[1])] = to.String()
		}
	}
	t.addUnions()
	t.known = t.sets["normalized"].Bitmap()
	return t
}

// addUnions enters the unions of the general categories that begin with the same letter.
func (t *tables) addUnions() {
	unions := map[string]Set{}
	assigned := Set{}
	for name, s := range t.sets {
		if len(name) == 2 {
			unions[name[:1]] = unions[name[:1]].Or(s)
			assigned = assigned.Or(s)
		}
	}
	t.sets["Cn"] = assigned.Not()
	unions["C"] = unions["C"].Or(t.sets["Cn"])
	for name, s := range unions {
		t.sets[name] = s
	}
}

func parseSet(fields []string) Set {
	s := make(Set, len(fields))
	for i, f := range fields {
		first, last, ok := strings.Cut(f, "-")
		if !ok {
			last = first
		}
		s[i] = Span{parseHex(first), parseHex(last)}
	}
	return s
}

func parseHex(s string) rune {
	n, err := strconv.ParseUint(s, 16, 21)
	if err != nil {
		panic(fmt.Sprintf("ucd: unicode.txt: %v", err))
	}
	return rune(n)
}
