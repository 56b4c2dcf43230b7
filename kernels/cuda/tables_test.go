package cuda

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"longlora/kernels"
	"longlora/kernels/attention"
	"longlora/kernels/pattern"
)

// TestTables holds the tables that the kernels read against what each query sees by definition.
func TestTables(t *testing.T) {
	for _, e := range pattern.Table() {
		checkTables(t, e, 0)
		checkTables(t, e, 3)
	}
}

func checkTables(t *testing.T, e pattern.Entry, window int) {
	t.Helper()
	l := pattern.Layout{DocLens: []int32{7, 1, 12, 5}, Heads: 5, Group: 4}
	const keys = 25
	s := e.Pattern(l)
	s.Window = window
	v := tableValues(s, keys, l.Heads)
	n := keys * len(s.Groups)
	first, last, group := v[:n], v[n:2*n], v[2*n:]
	for h := range l.Heads {
		g := int(group[h])
		for i := range keys {
			for j := range keys {
				sees := int(first[g*keys+i]) <= j && j <= i
				seen := j <= i && i < int(last[g*keys+j])
				if want := attention.Sees(s, h, i, j); sees != want || seen != want {
					t.Fatalf("%s: head %d, query %d, key %d: %v by the query's table, %v by the key's, "+
						"want %v", e.Name, h, i, j, sees, seen, want)
				}
			}
		}
	}
}

// TestOccurrences: together the lists are all places, each id's in order.
func TestOccurrences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.Int32Range(0, 9), 1, 60).Draw(t, "ids")
		id, start, order := occurrences(ids)
		if !slices.IsSorted(id) || len(start) != len(id)+1 || len(order) != len(ids) {
			t.Fatalf("%v: %v, %v, %v", ids, id, start, order)
		}
		for k, x := range id {
			part := order[start[k]:start[k+1]]
			if len(part) == 0 || !slices.IsSorted(part) {
				t.Fatalf("%v: id %d stands at %v", ids, x, part)
			}
			for _, at := range part {
				if ids[at] != x {
					t.Fatalf("%v: id %d is said to stand at %d", ids, x, at)
				}
			}
		}
	})
}

// TestChunks: every row is in one chunk, and no grid or buffer is larger than it may be.
func TestChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 1<<24).Draw(t, "rows")
		chunks, chunk := chunked(rows)
		if chunks > maxChunks || chunks*chunk < rows || (chunks-1)*chunk >= rows {
			t.Errorf("%d rows are %d chunks of %d", rows, chunks, chunk)
		}
		vocabulary := rapid.IntRange(1, 1<<18).Draw(t, "vocabulary")
		n := logitRows(rows, vocabulary)
		if n < 1 || n > maxLogitRows || n > minLogitRows && n*vocabulary > maxLogits {
			t.Errorf("%d rows of %d: %d at a time", rows, vocabulary, n)
		}
	})
}

// TestPlanner: a conversion and a chunk of logits are working memory, arithmetic and traffic are time.
func TestPlanner(t *testing.T) {
	p := NewPlanner(Rates{Products: 2e9, Attention: 1e9, AttentionGrad: 1e9, Memory: 1e9})
	a, err := p.NewArena(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	x, y := a.Alloc(kernels.BF16, 1000, 500), a.Alloc(kernels.BF16, 1000, 400)
	w := kernels.Linear{W: kernels.Dense{Tensor: a.Alloc(kernels.F32, 400, 500)}}
	p.Linear(y, x, w, kernels.Tensor{}, false)
	want := int64(Workspace + gateBytes + 2*400*500 + 128) // to 256 bytes
	if got := p.Working().Device(); got != want {
		t.Errorf("working memory is %d bytes, want %d", got, want)
	}
	if got, want := p.Seconds(), 2.0*1000*400*500/2e9; got != want {
		t.Errorf("a product takes %g s, want %g", got, want)
	}
	before := p.Seconds()
	p.Add(x, x)
	if got, want := p.Seconds()-before, 3*2*1000*500/1e9; got-want > 1e-9 || want-got > 1e-9 {
		t.Errorf("a sum takes %g s, want %g", got, want)
	}
}
