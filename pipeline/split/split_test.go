package split

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand"
	"slices"
	"strings"
	"testing"
)

// randomWords returns n random words of a vocabulary that is large enough for no accidental 5-gram.
func randomWords(rng *rand.Rand, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("w%d", rng.Intn(100_000))
	}
	return all
}

// edited replaces a share of the words.
func edited(rng *rand.Rand, from []string, share float64) []string {
	to := slices.Clone(from)
	for i := range to {
		if rng.Float64() < share {
			to[i] = fmt.Sprintf("e%d", rng.Intn(100_000))
		}
	}
	return to
}

// jaccard is the exact similarity of the sets of word 5-grams, counted by maps of strings.
func jaccard(a, b []string) float64 {
	set := func(w []string) map[string]bool {
		s := map[string]bool{}
		for i := 0; i+5 <= len(w); i++ {
			s[strings.Join(w[i:i+5], " ")] = true
		}
		return s
	}
	x, y := set(a), set(b)
	both := 0
	for k := range x {
		if y[k] {
			both++
		}
	}
	return float64(both) / float64(len(x)+len(y)-both)
}

func near(a, b Sketch) bool {
	for i := range a {
		if a[i] == b[i] {
			return true
		}
	}
	return false
}

// TestSketchFindsSimilarity holds the rate of candidates against 1-(1-J^5)^20 at exact Jaccard
// similarities. 400 pairs at each edit rate; the bound is four standard deviations of a binomial
// with the mean of the pairs' own probabilities (variance at most n/4), and for short texts the
// borrowed bins are correlated, hence a quarter more.
func TestSketchFindsSimilarity(t *testing.T) {
	const pairs = 400
	for _, size := range []int{60, 1000} {
		for _, share := range []float64{0.01, 0.05, 0.08, 0.12, 0.3} {
			rng := rand.New(rand.NewSource(int64(size)))
			var want, got float64
			for range pairs {
				a := randomWords(rng, size)
				b := edited(rng, a, share)
				j := jaccard(a, b)
				miss := 1.0
				for range Bands {
					miss *= 1 - j*j*j*j*j
				}
				want += 1 - miss
				if near(SketchOf(strings.Join(a, " ")), SketchOf(strings.Join(b, "\n\t"))) {
					got++
				}
			}
			bound := 1.25 * 4 * 0.5 * 20 // 4 · sqrt(400)/2, and a quarter
			if diff := got - want; diff > bound || diff < -bound {
				t.Errorf("%d words, %g edited: %g candidates of %d, want %.1f ± %g",
					size, share, got, pairs, want, bound)
			}
		}
	}
}

func TestSketchOfNothing(t *testing.T) {
	for _, text := range []string{"", " \n", "--- ***"} {
		if s := SketchOf(text); s != (Sketch{}) {
			t.Errorf("%q has a sketch", text)
		}
	}
	if near(SketchOf("one two"), SketchOf("one two three")) {
		t.Error("two different short texts are near")
	}
	if !near(SketchOf("One, TWO"), SketchOf("one two")) {
		t.Error("case and punctuation count")
	}
	if !near(SketchOf("白日依山尽黄河入海流"), SketchOf("白日依山尽,黄河入海流。")) {
		t.Error("characters of a script without spaces are not words")
	}
	if near(SketchOf("白日依山尽黄河入海流"), SketchOf("欲穷千里目更上一层楼")) {
		t.Error("different Chinese texts are near")
	}
}

// corpus has 300 documents, of which every third has a near-duplicate and every tenth an empty one.
func corpus() (ids []string, texts map[string]string) {
	rng := rand.New(rand.NewSource(3))
	texts = map[string]string{}
	for i := range 300 {
		a := randomWords(rng, 200)
		texts[fmt.Sprintf("doc-%d", i)] = strings.Join(a, " ")
		if i%3 == 0 {
			texts[fmt.Sprintf("copy-%d", i)] = strings.Join(edited(rng, a, 0.01), " ")
		}
		if i%10 == 0 {
			texts[fmt.Sprintf("empty-%d", i)] = ""
		}
	}
	return slices.Sorted(maps.Keys(texts)), texts
}

func pairs(ids []string, texts map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, id := range ids {
			if !yield(id, texts[id]) {
				return
			}
		}
	}
}

func TestAssign(t *testing.T) {
	ids, texts := corpus()
	shares := Shares{Validation: 0.2, Test: 0.3}
	got, err := Assign(pairs(ids, texts), shares)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for id, split := range got {
		count[split]++
		if rest, ok := strings.CutPrefix(id, "copy-"); ok && got["doc-"+rest] != split {
			t.Errorf("%s is in %s, its original in %s", id, split, got["doc-"+rest])
		}
		if strings.HasPrefix(id, "empty-") && split != shares.Of(id) {
			t.Errorf("%s is not its own cluster", id)
		}
	}
	// 330 clusters: four standard deviations are below 0.11 of them.
	for split, want := range map[string]float64{Train: 0.5, Validation: 0.2, Test: 0.3} {
		if part := float64(count[split]) / float64(len(got)); part < want-0.11 || part > want+0.11 {
			t.Errorf("%s has %.2f of the documents, want about %.2f", split, part, want)
		}
	}
	slices.Reverse(ids)
	again, err := Assign(pairs(ids, texts), shares)
	if err != nil || !maps.Equal(got, again) {
		t.Errorf("another order of documents gives other splits (%v)", err)
	}
	if _, err := Assign(pairs([]string{"doc-1", "doc-1"}, texts), shares); err == nil {
		t.Error("an id given twice is accepted")
	}
}

// TestOfIsFrozen pins the hash, computed with hashlib of Python: datasets built by different versions
// must hold out the same clusters.
func TestOfIsFrozen(t *testing.T) {
	for id, want := range map[string]string{
		"goroot:fmt": Train, "goroot:net/http": Train, "goroot:bytes": Validation, "goroot:context": Test,
	} {
		if got := DefaultShares().Of(id); got != want {
			t.Errorf("%s is in %s, want %s", id, got, want)
		}
	}
}

// TestClustersAreTransitive joins 0-1 on one band and 1-2 on another.
func TestClustersAreTransitive(t *testing.T) {
	c, err := Cluster(5, func(band int, hashes []uint64) error {
		copy(hashes, []uint64{10, 11, 12, 0, 0})
		switch band {
		case 2:
			hashes[1] = 10
		case 7:
			hashes[2] = 11
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range []int{0, 0, 0, 3, 4} {
		if got := c.Root(doc); got != want {
			t.Errorf("root of %d is %d, want %d", doc, got, want)
		}
	}
}

func TestSharesReportEveryProblem(t *testing.T) {
	err := Shares{Validation: -1, Test: 2}.Validate()
	if err == nil || !strings.Contains(err.Error(), "-1") || !strings.Contains(err.Error(), "2") {
		t.Errorf("got %v", err)
	}
	if (Shares{Validation: 0.5, Test: 0.5}).Validate() == nil {
		t.Error("nothing for training is accepted")
	}
}

func BenchmarkSketch(b *testing.B) {
	text := strings.Join(randomWords(rand.New(rand.NewSource(1)), 100_000), " ")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		SketchOf(text)
	}
}

// TestSimilarity compares the estimate with the exact similarity: four standard deviations are
// exceeded once in 16,000 cases.
func TestSimilarity(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	for _, share := range []float64{0, 0.01, 0.03, 0.1, 0.3, 1} {
		for _, size := range []int{40, 400, 4000} {
			a := randomWords(rng, size)
			b := edited(rng, a, share)
			_, x := Sketches(strings.Join(a, " "))
			_, y := Sketches(strings.Join(b, " "))
			want := jaccard(a, b)
			got := x.Similarity(&y)
			if d := 4 * math.Sqrt(want*(1-want)/bins); math.Abs(got-want) > d+1e-9 {
				t.Errorf("%d words, %g edited: %.2f, want %.2f within %.2f", size, share, got, want, d)
			}
		}
	}
}
