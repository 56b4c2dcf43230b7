package pattern

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"longlora/kernels"
)

// TestS2Bounds holds the bounds that the design states.
func TestS2Bounds(t *testing.T) {
	for _, c := range []struct {
		docs           []int32
		group          int
		across         bool
		plain, shifted []int32
	}{
		{[]int32{16}, 4, false, []int32{0, 4, 8, 12, 16}, []int32{0, 2, 6, 10, 14, 16}},
		{[]int32{8192}, 2048, false,
			[]int32{0, 2048, 4096, 6144, 8192}, []int32{0, 1024, 3072, 5120, 7168, 8192}},
		{[]int32{7}, 3, false, []int32{0, 3, 6, 7}, []int32{0, 1, 4, 7}},
		{[]int32{3}, 1, false, []int32{0, 1, 2, 3}, []int32{0, 1, 2, 3}},
		{[]int32{5}, 100, false, []int32{0, 5}, []int32{0, 5}},
		{[]int32{5, 1, 6}, 4, false,
			[]int32{0, 4, 5, 6, 10, 12}, []int32{0, 2, 5, 6, 8, 12}},
		{[]int32{5, 1, 6}, 4, true, []int32{0, 4, 8, 12}, []int32{0, 2, 6, 10, 12}},
	} {
		l := Layout{DocLens: c.docs, Heads: 5, Group: c.group, Across: c.across}
		want := kernels.Segments{Groups: []kernels.HeadGroup{
			{From: 0, To: 2, Bounds: c.plain}, {From: 2, To: 5, Bounds: c.shifted},
		}}
		if got := S2(l); !equal(got, want) {
			t.Errorf("S2(%+v) = %v, want %v", l, got, want)
		}
	}
}

// TestS2Formula compares S2 with the design's formulas, query by query.
func TestS2Formula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLayout(t)
		s, half := S2(l), l.Heads/2
		for _, g := range s.Groups {
			if (g.From < half) != (g.To <= half) {
				t.Fatalf("heads [%d, %d) lie on both sides of %d", g.From, g.To, half)
			}
			eachToken(l, func(token, doc, i int) {
				start := i / l.Group * l.Group
				if shift := l.Group / 2; g.From >= half {
					if start = 0; i >= shift {
						start = shift + (i-shift)/l.Group*l.Group
					}
				}
				if got := firstSeen(g, token); got != doc+start {
					t.Fatalf("%+v, head %d: query %d sees from %d, want %d",
						l, g.From, token, got, doc+start)
				}
			})
		}
	})
}

// TestHalvesOfS2: Local is what S2's first heads see, Shifted what its last ones see.
func TestHalvesOfS2(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLayout(t)
		two := l
		two.Heads = 2
		s2 := S2(two).Groups
		for i, of := range []Pattern{Local, Shifted} {
			want := kernels.Segments{Groups: []kernels.HeadGroup{{To: l.Heads, Bounds: s2[i].Bounds}}}
			if got := of(l); !equal(got, want) {
				t.Fatalf("%+v: %v, want %v", l, got, want)
			}
		}
	})
}

// TestContract is what every pattern keeps.
func TestContract(t *testing.T) {
	for _, e := range Table() {
		t.Run(e.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkContract(t, e, drawLayout(t)) })
		})
	}
}

func checkContract(t *rapid.T, e Entry, l Layout) {
	s := e.Pattern(l)
	if s.Offset != 0 {
		t.Fatalf("offset %d, want 0", s.Offset)
	}
	head := 0
	for _, g := range s.Groups {
		if g.From != head || g.To <= g.From {
			t.Fatalf("heads [%d, %d) follow head %d", g.From, g.To, head)
		}
		head = g.To
		checkBounds(t, e, l, g.Bounds)
	}
	if head != l.Heads {
		t.Fatalf("groups cover %d heads of %d", head, l.Heads)
	}
}

// checkBounds wants a partition of the row. A query sees no key after itself and none of another
// document exactly if its segment begins in its document.
func checkBounds(t *rapid.T, e Entry, l Layout, bounds []int32) {
	total := int32(0)
	for _, n := range l.DocLens {
		total += n
	}
	if bounds[0] != 0 || bounds[len(bounds)-1] != total {
		t.Fatalf("bounds %v, want them from 0 to %d", bounds, total)
	}
	for i := range len(bounds) - 1 {
		n := bounds[i+1] - bounds[i]
		if n <= 0 || e.Grouped && int(n) > l.Group {
			t.Fatalf("bounds %v: segment %d has %d tokens, group is %d", bounds, i, n, l.Group)
		}
	}
	if l.Across {
		return
	}
	end := int32(0)
	for _, n := range l.DocLens {
		end += n
		if !slices.Contains(bounds, end) {
			t.Fatalf("bounds %v cross the document's end at %d", bounds, end)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, e := range Table() {
		if p, err := Lookup(e.Name); err != nil || p == nil {
			t.Errorf("Lookup(%q): %v", e.Name, err)
		}
	}
	if _, err := Lookup("dilated"); err == nil || !strings.Contains(err.Error(), "full, s2") {
		t.Errorf("Lookup of an unknown name: %v, want an error that lists the names", err)
	}
}

func TestBadLayoutsPanic(t *testing.T) {
	for _, l := range []Layout{
		{},
		{DocLens: []int32{4}, Heads: 0, Group: 2},
		{DocLens: []int32{4}, Heads: 2, Group: 0},
		{DocLens: []int32{4, 0}, Heads: 2, Group: 2},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Local(%+v) did not panic", l)
				}
			}()
			Local(l)
		}()
	}
}

func drawLayout(t *rapid.T) Layout {
	return Layout{
		DocLens: rapid.SliceOfN(rapid.Int32Range(1, 40), 1, 5).Draw(t, "documents"),
		Heads:   rapid.IntRange(1, 5).Draw(t, "heads"),
		Group:   rapid.IntRange(1, 50).Draw(t, "group"),
		Across:  rapid.Bool().Draw(t, "across"),
	}
}

// eachToken calls f with each token, the place where its document begins, and its place in it.
func eachToken(l Layout, f func(token, doc, i int)) {
	docs := l.DocLens
	if l.Across {
		docs = []int32{0}
		for _, n := range l.DocLens {
			docs[0] += n
		}
	}
	doc := 0
	for _, n := range docs {
		for i := range int(n) {
			f(doc+i, doc, i)
		}
		doc += int(n)
	}
}

func firstSeen(g kernels.HeadGroup, query int) int {
	first := 0
	for _, b := range g.Bounds {
		if int(b) <= query {
			first = int(b)
		}
	}
	return first
}

func equal(a, b kernels.Segments) bool {
	return a.Offset == b.Offset && slices.EqualFunc(a.Groups, b.Groups,
		func(x, y kernels.HeadGroup) bool {
			return x.From == y.From && x.To == y.To && slices.Equal(x.Bounds, y.Bounds)
		})
}
