package dedup

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"longlora/pipeline/spill"
	"longlora/pipeline/split"
)

func repeats(t testing.TB, p Passages, texts []string, dropped ...int) map[int][]Repeat {
	t.Helper()
	dir := t.TempDir()
	prints, marks := spill.NewSorter(dir, "p", 0), spill.NewSorter(dir, "m", 0)
	for i, text := range texts {
		if err := prints.Add(p.Fingerprints(uint64(i), text, nil)...); err != nil {
			t.Fatal(err)
		}
	}
	found := map[int][]Repeat{}
	kept := func(doc uint64) bool {
		for _, d := range dropped {
			if uint64(d) == doc {
				return false
			}
		}
		return true
	}
	if err := p.Mark(prints, marks, kept); err != nil {
		t.Fatal(err)
	}
	for r, err := range Joined(marks) {
		if err != nil {
			t.Fatal(err)
		}
		found[int(r.Doc)] = append(found[int(r.Doc)], r)
	}
	return found
}

func random(rng *rand.Rand, n int) []string {
	w := make([]string, n)
	for i := range w {
		w[i] = fmt.Sprintf("w%d", rng.Intn(1_000_000))
	}
	return w
}

// TestPassages plants passages of many lengths at random places, with other punctuation and case. All
// of at least Words words are found, with ends exact within a quarter; none below three quarters.
func TestPassages(t *testing.T) {
	p := Passages{Words: 100}
	rng := rand.New(rand.NewSource(1))
	for _, size := range []int{10, 74, 75, 90, 100, 101, 150, 1000} {
		found, trials := 0, 40
		for range trials {
			passage := random(rng, size)
			a := strings.Join(append(append(random(rng, rng.Intn(300)), passage...),
				random(rng, rng.Intn(300))...), " ")
			head, tail := random(rng, rng.Intn(300)), random(rng, rng.Intn(300))
			planted := strings.ToUpper(strings.Join(passage, ", "))
			b := strings.Join(head, " ") + " " + planted + " " + strings.Join(tail, " ")
			for _, r := range repeats(t, p, []string{a, b})[1] {
				found++
				got := strings.Fields(b[r.From:r.To])
				if len(got) > size || size-len(got) > 2*(p.Words/4) ||
					!strings.Contains(planted, b[r.From:r.To]) || r.First != 0 {
					t.Errorf("of %d words %d are found: %+v", size, len(got), r)
				}
			}
		}
		switch {
		case size < p.Window() && found > 0:
			t.Errorf("%d passages of %d words are found", found, size)
		case size >= p.Words && found != trials:
			t.Errorf("%d of %d passages of %d words are found", found, trials, size)
		}
	}
}

func TestPassagesOfDroppedDocuments(t *testing.T) {
	text := strings.Join(random(rand.New(rand.NewSource(2)), 300), " ")
	p := Passages{Words: 40}
	if got := repeats(t, p, []string{text, text, text}, 0); len(got[1]) != 0 || len(got[2]) != 1 ||
		got[2][0].First != 1 {
		t.Errorf("got %+v", got)
	}
	if got := repeats(t, p, []string{text + " " + text}); len(got) != 0 {
		t.Errorf("a document repeats itself, and gives %+v", got)
	}
}

// TestEveryWordStaysOnce cuts the repeats out of random documents over few blocks: every run of words
// of the recorded length that was there is still there in some document.
func TestEveryWordStaysOnce(t *testing.T) {
	rng := rand.New(rand.NewSource(4))
	var blocks []string
	for range 6 {
		blocks = append(blocks, strings.Join(random(rng, 60), " "))
	}
	p := Passages{Words: 20}
	rapid.Check(t, func(r *rapid.T) {
		var texts []string
		for i := range rapid.IntRange(2, 5).Draw(r, "documents") {
			var parts []string
			for _, b := range rapid.SliceOfN(rapid.IntRange(0, 5), 1, 4).Draw(r, "blocks") {
				parts = append(parts, blocks[b])
			}
			texts = append(texts, strings.Join(parts, fmt.Sprintf(" seam%d ", i)))
		}
		found := repeats(t, p, texts)
		var left []string
		for i, text := range texts {
			left = append(left, Cut(text, found[i]))
		}
		all := strings.Join(left, " ")
		for i, text := range texts {
			for _, w := range strings.Fields(text) {
				if !strings.Contains(all, w) {
					r.Fatalf("%s of document %d is gone", w, i)
				}
			}
		}
	})
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		cuts []Repeat
		want string
	}{
		{"abc def ghi", []Repeat{{From: 4, To: 7}}, "abc ghi"},
		{"abc\n\ndef\n\nghi", []Repeat{{From: 5, To: 8}}, "abc\n\nghi"},
		{"abc def", []Repeat{{From: 0, To: 3}}, " def"},
		{"abc def ghi", []Repeat{{From: 8, To: 11}, {From: 0, To: 3}}, " def "},
		{"abc", nil, "abc"},
		{"abc def ghi", []Repeat{{From: 4, To: 7}, {From: 5, To: 11}, {From: 6, To: 7}}, "abc "},
	} {
		if got := Cut(c.text, c.cuts); got != c.want {
			t.Errorf("%q without %v: %q, want %q", c.text, c.cuts, got, c.want)
		}
	}
}

// TestNearRecall plants near-duplicates of known similarity and compares how many are found with the
// expected curve: candidates 1-(1-J^5)^20, of which the signature keeps those at the threshold.
func TestNearRecall(t *testing.T) {
	rng := rand.New(rand.NewSource(5))
	const trials = 300
	for _, c := range []struct {
		edited      float64 // of the words
		least, most float64 // part that is found
	}{
		{0, 1, 1}, {0.005, 0.99, 1}, {0.01, 0.97, 1}, {0.06, 0, 0.03}, {0.2, 0, 0}, {1, 0, 0},
	} {
		found, sum := 0, 0.0
		for range trials {
			a := random(rng, 600)
			b := append([]string{}, a...)
			for i := range b {
				if rng.Float64() < c.edited {
					b[i] = "edit" + b[i]
				}
			}
			x, sx := split.Sketches(strings.Join(a, " "))
			y, sy := split.Sketches(strings.Join(b, " "))
			candidates := false
			for i := range x {
				candidates = candidates || x[i] == y[i]
			}
			n := NewNear(DefaultNear)
			n.Offer(0, 0, &sx)
			if candidates && n.Offer(1, 0, &sy) == 0 {
				found++
			}
			sum += sx.Similarity(&sy)
		}
		part := float64(found) / trials
		t.Logf("edited %g: similarity %.3f, found %.3f", c.edited, sum/trials, part)
		if part < c.least || part > c.most {
			t.Errorf("%g of the words edited: %.3f found, want %.2f to %.2f", c.edited, part, c.least,
				c.most)
		}
	}
}

// TestNearKeepsChains offers documents each like the one before: those far from every kept one stay.
func TestNearKeepsChains(t *testing.T) {
	rng := rand.New(rand.NewSource(6))
	text := random(rng, 1000)
	n := NewNear(DefaultNear)
	kept := 0
	for doc := range 10 {
		_, s := split.Sketches(strings.Join(text, " "))
		if n.Offer(doc, 0, &s) == doc {
			kept++
		}
		for i := range 15 { // of 1000 words, spread
			text[(doc*7+i*66)%1000] = fmt.Sprint("new", doc, i)
		}
	}
	if kept < 2 || kept > 6 {
		t.Errorf("%d of 10 documents of a chain are kept", kept)
	}
}

func BenchmarkFingerprints(b *testing.B) {
	text := strings.Join(random(rand.New(rand.NewSource(1)), 200_000), " ")
	p := Passages{Words: 100}
	var to []spill.Record
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		to = p.Fingerprints(0, text, to[:0])
	}
	b.ReportMetric(float64(len(to))/200_000, "records/word")
}

// TestLines removes lines that stand in several documents of a source, from all of them.
func TestLines(t *testing.T) {
	dir := t.TempDir()
	lines, marks := spill.NewSorter(dir, "l", 0), spill.NewSorter(dir, "m", 0)
	frame := "Home | News | Archive | About this page"
	texts := []string{
		frame + "\nOne text with a line of its own in it\n" + frame + "\n",
		"short\nAnother text that has its own line too\n  " + frame + "  \nend",
		"short\n" + frame, "short\nOne text with a line of its own in it\n",
	}
	for i, text := range texts {
		source := "web"
		if i == 3 {
			source = "books"
		}
		if err := lines.Add(LineRecords(uint64(i), source, text, nil)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := MarkLines(lines, marks, 3, func(uint64) bool { return true }); err != nil {
		t.Fatal(err)
	}
	found := map[uint64][]Repeat{}
	for r, err := range Joined(marks) {
		if err != nil {
			t.Fatal(err)
		}
		found[r.Doc] = append(found[r.Doc], r)
	}
	for i, want := range []string{
		"One text with a line of its own in it\n", "short\nAnother text that has its own line too\nend",
		"short\n", texts[3],
	} {
		if got := Cut(texts[i], found[uint64(i)]); got != want {
			t.Errorf("document %d: %q, want %q", i, got, want)
		}
	}
}
