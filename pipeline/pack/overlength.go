package pack

import (
	"fmt"
	"strings"
)

// named is a line of a table.
type named[T any] struct {
	name, about string
	value       T
}

// policy says which parts of a document of n tokens stay, where n is more than context: pieces of at
// most context tokens, each given as the ranges that it keeps, in order. No pieces: it is dropped.
type policy func(n, context int) ([][]span, error)

// policies is the table of over-length policies; the first is the default.
var policies = []named[policy]{
	{"split", "as many pieces as it needs", splitPolicy},
	{"head", "its first tokens", headPolicy},
	{"tail", "its last tokens", tailPolicy},
	{"middle-out", "its first and last tokens, without the middle", middleOut},
	{"drop", "nothing", func(_, _ int) ([][]span, error) { return nil, nil }},
	{"error", "the build fails", func(n, c int) ([][]span, error) {
		return nil, fmt.Errorf("%d tokens are more than the context of %d; raise the context or choose "+
			"another over-length policy", n, c)
	}},
}

// splitPolicy cuts full pieces and a rest. A rest of one token would have no target, so the piece
// before it gives one.
func splitPolicy(n, context int) (pieces [][]span, err error) {
	for start := 0; start < n; {
		end := min(start+context, n)
		if n-end == 1 && context > 2 {
			end--
		}
		pieces = append(pieces, []span{{start, end}})
		start = end
	}
	return pieces, nil
}

func headPolicy(_, context int) ([][]span, error) { return [][]span{{{0, context}}}, nil }

func tailPolicy(n, context int) ([][]span, error) { return [][]span{{{n - context, n}}}, nil }

func middleOut(n, context int) ([][]span, error) {
	head := (context + 1) / 2
	return [][]span{{{0, head}, {n - (context - head), n}}}, nil
}

// OverLengthPolicies lists the names of the policies with what each keeps of a document.
func OverLengthPolicies() []string { return list(policies) }

// Packings lists the names of the packings with what each does.
func Packings() []string { return list(packings) }

func list[T any](table []named[T]) (lines []string) {
	for _, l := range table {
		lines = append(lines, l.name+": "+l.about)
	}
	return lines
}

// find returns a table's entry; an empty name means the first.
func find[T any](what string, table []named[T], name string) (named[T], error) {
	var names []string
	for _, l := range table {
		if l.name == name || name == "" {
			return l, nil
		}
		names = append(names, l.name)
	}
	return named[T]{}, fmt.Errorf("%s %q is unknown; there are %s",
		what, name, strings.Join(names, ", "))
}
