package eval

import (
	"math"
	"strings"
	"testing"
)

// TestShort scores the first tokens of each document once, in sight of nothing but that document.
func TestShort(t *testing.T) {
	a, b := sequence(0, 5, 20, 1), sequence(50, 9)
	got, err := Short(t.Context(), &fake{max: 16}, each(t, a, b), 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ first, n int }{{0, 5}, {5, 8}, {50, 8}}
	if len(got) != len(want) {
		t.Fatalf("%d documents, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		ids, loss := numbered(w.first, w.n), 0.0
		for k := 1; k < w.n; k++ {
			loss += float64(hashLoss(ids[:k+1]))
		}
		if got[i].Targets != w.n-1 || math.Abs(got[i].Loss-loss) > 1e-9 {
			t.Errorf("document %d: %+v, want %d targets and %g", i, got[i], w.n-1, loss)
		}
	}
	if _, err := Short(t.Context(), &fake{max: 16}, each(t, a), 17, nil); err == nil {
		t.Error("a limit beyond the scorer's is taken")
	}
}

func TestCompareShort(t *testing.T) {
	base := []Cluster{{"a", 10, 20}, {"b", 30, 45}}
	model := []Cluster{{"a", 10, 21}, {"b", 30, 48}}
	r, err := CompareShort(base, model, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Tokens != 40 || r.Documents != 2 || r.Base != 65.0/40 || r.Model != 69.0/40 ||
		math.Abs(r.Difference.Mean+0.1) > 1e-12 || r.Difference.CI95 != [2]float64{-0.1, -0.1} {
		t.Errorf("%+v", r)
	}
	if _, err := CompareShort(base, model[:1], 8, 1); err == nil {
		t.Error("other documents are compared")
	}
	model[1].Targets = 31
	if _, err := CompareShort(base, model, 8, 1); err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("other targets: %v", err)
	}
	if _, err := CompareShort(nil, nil, 8, 1); err == nil {
		t.Error("nothing is compared")
	}
}
