package pattern

import (
	"fmt"
	"strings"

	"longlora/kernels"
)

// Layout is what a pattern is laid over: documents end to end in a row of T tokens.
type Layout struct {
	// DocLens are the documents' lengths, each at least 1, T together.
	DocLens []int32
	// Heads is the number of query heads.
	Heads int
	// Group is G, the length of a group in tokens, at least 1. Full does not use it.
	Group int
	// Across lets attention cross the documents' ends, as upstream trained: the whole row is one
	// document.
	Across bool
}

// Pattern gives the segments of a layout. It panics on a layout that has no meaning.
type Pattern func(Layout) kernels.Segments

// Entry is a pattern that users can name.
type Entry struct {
	Name string
	// Summary says in one line what a query sees.
	Summary string
	// Grouped says that no segment is longer than Layout.Group.
	Grouped bool
	Pattern Pattern
}

// Table returns every pattern.
func Table() []Entry {
	return []Entry{
		{"full", "every earlier token of the document", false, Full},
		{"s2", "the earlier tokens of its group; half the heads shift groups by half", true, S2},
		{"local", "the earlier tokens of its group, which no head shifts", true, Local},
		{"shifted", "the earlier tokens of its group; all heads shift groups by half", true, Shifted},
	}
}

// Lookup returns the pattern of a name.
func Lookup(name string) (Pattern, error) {
	var names []string
	for _, e := range Table() {
		if e.Name == name {
			return e.Pattern, nil
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("attention pattern %q is unknown; the patterns are %s",
		name, strings.Join(names, ", "))
}

// Full lets each query see its document up to itself.
func Full(l Layout) kernels.Segments {
	bounds := []int32{0}
	for _, n := range l.documents() {
		bounds = append(bounds, bounds[len(bounds)-1]+n)
	}
	return segments(kernels.HeadGroup{From: 0, To: l.Heads, Bounds: bounds})
}

// S2 is shifted sparse attention. In heads [0, H/2) the query at place i of its document sees the
// keys floor(i/G)·G <= j <= i; in heads [H/2, H) it sees start(i) <= j <= i with start(i) = 0 if
// i < s, else s + floor((i-s)/G)·G, where s = G/2. Both halves round down: of an odd number of
// heads the larger half is shifted.
func S2(l Layout) kernels.Segments {
	docs, half := l.grouped(), l.Heads/2
	return segments(
		kernels.HeadGroup{From: 0, To: half, Bounds: grouped(docs, l.Group, 0)},
		kernels.HeadGroup{From: half, To: l.Heads, Bounds: grouped(docs, l.Group, l.Group/2)},
	)
}

// Local is what all heads see that the first half of S2's see: nothing goes from one group to the
// next. It is the paper's short attention, its pattern 1.
func Local(l Layout) kernels.Segments {
	return segments(kernels.HeadGroup{From: 0, To: l.Heads, Bounds: grouped(l.grouped(), l.Group, 0)})
}

// Shifted is what all heads see that the second half of S2's see, the paper's pattern 2. Layers of
// Local and of Shifted in turn pass on from group to group what S2 does by heads.
func Shifted(l Layout) kernels.Segments {
	return segments(kernels.HeadGroup{
		From: 0, To: l.Heads, Bounds: grouped(l.grouped(), l.Group, l.Group/2),
	})
}

// grouped is documents for patterns that have groups.
func (l Layout) grouped() []int32 {
	if l.Group < 1 {
		panic(fmt.Sprintf("pattern: group of %d tokens, want at least 1", l.Group))
	}
	return l.documents()
}

// grouped cuts each document at shift and then after every group tokens.
func grouped(docs []int32, group, shift int) []int32 {
	bounds, start := []int32{0}, 0
	for _, n := range docs {
		end := start + int(n)
		first := start + shift
		if shift == 0 {
			first += group
		}
		for at := first; at < end; at += group {
			bounds = append(bounds, int32(at))
		}
		bounds = append(bounds, int32(end))
		start = end
	}
	return bounds
}

// documents returns the lengths of what attention may not leave.
func (l Layout) documents() []int32 {
	if len(l.DocLens) == 0 || l.Heads < 1 {
		panic(fmt.Sprintf("pattern: %d documents and %d heads, want at least 1 of each",
			len(l.DocLens), l.Heads))
	}
	var total int32
	for i, n := range l.DocLens {
		if n < 1 {
			panic(fmt.Sprintf("pattern: document %d has %d tokens, want at least 1", i, n))
		}
		total += n
	}
	if l.Across {
		return []int32{total}
	}
	return l.DocLens
}

// segments puts groups of heads together, without those that have no head.
func segments(groups ...kernels.HeadGroup) (s kernels.Segments) {
	for _, g := range groups {
		if g.From < g.To {
			s.Groups = append(s.Groups, g)
		}
	}
	return s
}
