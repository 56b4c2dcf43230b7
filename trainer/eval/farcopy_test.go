package eval

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"longlora/internal/tokenizer"
	"longlora/schemas"
)

// goText is this package's own source as a document of the goroot source would hold it.
func goText(t testing.TB) string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	var text strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("// file: " + f + "\n")
		text.Write(data)
	}
	return text.String()
}

func trained(t testing.TB, text string) *tokenizer.Tokenizer {
	t.Helper()
	data, err := tokenizer.TrainByteLevelBPE(slices.Values([]string{text}), tokenizer.TrainOptions{
		VocabSize: 700, Special: []string{"<|begin|>", "<|end|>"}, BOS: "<|begin|>",
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse("test", data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

var (
	notCode = regexp.MustCompile("//[^\n]*|(?s:/\\*.*?\\*/)|\"(?:\\\\.|[^\"\\\\\n])*\"|`[^`]*`|" +
		`'(?:\\.|[^'\\])[^']*'`)
	name     = regexp.MustCompile(`[\p{L}_][\p{L}\p{Nd}_]*`)
	reserved = regexp.MustCompile(`^(break|case|chan|const|continue|default|defer|else|fallthrough|` +
		`for|func|go|goto|if|import|interface|map|package|range|return|select|struct|switch|type|var|` +
		`any|bool|byte|comparable|complex64|complex128|error|float32|float64|int|int8|int16|int32|` +
		`int64|rune|string|uint|uint8|uint16|uint32|uint64|uintptr|true|false|iota|nil|append|cap|` +
		`clear|close|complex|copy|delete|imag|len|make|max|min|new|panic|print|println|real|` +
		`recover|_)$`)
)

// slowTargets finds the targets by regular expressions and by decoding every prefix.
func slowTargets(t testing.TB, tok *tokenizer.Tokenizer, ids []int32, near, far int) []Target {
	t.Helper()
	text, err := tok.Decode(ids, true)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]int, len(ids)) // of each token
	for i := range ids {
		prefix, err := tok.Decode(ids[:i+1], true)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = len(prefix)
	}
	holds := func(offset int) int {
		return slices.IndexFunc(ends, func(end int) bool { return offset < end })
	}
	code := notCode.ReplaceAllStringFunc(text, func(s string) string {
		return strings.Repeat(" ", len(s))
	})
	all := name.FindAllStringIndex(text, -1)
	var found []Target
	for n, here := range all {
		word := text[here[0]:here[1]]
		if code[here[0]:here[1]] != word || reserved.MatchString(word) || here[1] == len(text) ||
			here[0] > 0 && strings.ContainsAny(text[here[0]-1:here[0]], "0123456789") {
			continue
		}
		for p := n - 1; p >= 0; p-- {
			if before := all[p]; text[before[0]:before[1]] == word {
				from, to := holds(here[0]), holds(here[1]-1)+1
				distance := from - holds(before[1]-1)
				if distance > near && from-holds(before[0]) <= far {
					found = append(found, Target{From: from, To: to, Distance: distance, Name: word})
				}
				break
			}
		}
	}
	return found
}

func TestTargetsAgainstSlowScan(t *testing.T) {
	text := goText(t)
	tok := trained(t, text)
	ids := tok.Encode(nil, text, true)[:4000]
	for _, c := range []struct{ near, far int }{{512, 4096}, {300, 900}, {100, 130}, {0, 5000}} {
		f := FarCopy{Near: c.near, Far: c.far, Tokenizer: tok}
		got, err := f.Targets(Piece{ID: "self", IDs: ids, Begins: true})
		if err != nil {
			t.Fatal(err)
		}
		want := slowTargets(t, tok, ids, c.near, c.far)
		if !slices.Equal(got, want) {
			t.Errorf("near %d far %d: got %d targets, want %d\n%v\n%v",
				c.near, c.far, len(got), len(want), got, want)
		}
		if len(want) < 10 {
			t.Errorf("near %d far %d: only %d targets to compare", c.near, c.far, len(want))
		}
	}
}

func TestTargetsByHand(t *testing.T) {
	filler := strings.Repeat("x = 1\n", 40)
	tok := trained(t, filler+"package main alpha beta gamma `raw text` // comment")
	for _, c := range []struct {
		what, text string
		begins     bool
		want       []string
	}{
		{"seen in code", "alpha()\n" + filler + "alpha()\n", true, []string{"alpha"}},
		{"seen in a comment", "// alpha beta\n" + filler + "alpha()\n", true, []string{"alpha"}},
		{"near as well", "alpha()\n" + filler + "alpha()\nalpha()\n", true, []string{"alpha"}},
		{"never seen", "beta()\n" + filler + "alpha()\n", true, nil},
		{"other case", "Alpha()\n" + filler + "alpha()\n", true, nil},
		{"part of another", "alphabet()\n" + filler + "alpha()\n", true, nil},
		{"in a comment", "alpha()\n" + filler + "// alpha\n", true, nil},
		{"in a string", "alpha()\n" + filler + "\"alpha\"\n", true, nil},
		{"keyword", "return\n" + filler + "return\n", true, nil},
		{"predeclared", "len\n" + filler + "len\n", true, nil},
		{"blank", "_ = y\n" + filler + "_ = 2\n", true, nil},
		{"cut off at the end", "alpha()\n" + filler + "alpha", true, nil},
		{"in the cut first line", "alpha " + filler + "alpha()\n", false, []string{"alpha"}},
		{"tail of a cut comment", "alpha\" alpha\n" + filler + "alpha()\n", false, []string{"alpha"}},
	} {
		f := FarCopy{Near: 40, Far: 4096, Tokenizer: tok}
		got, err := f.Targets(Piece{ID: c.what, IDs: tok.Encode(nil, c.text, true), Begins: c.begins})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range got {
			names = append(names, g.Name)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, names, c.want)
		}
	}
}

// TestPartsOfADocumentAreOneCluster: they are not independent of each other.
func TestPartsOfADocumentAreOneCluster(t *testing.T) {
	var r FarCopyResult
	losses := []float32{0, 1, 2, 4}
	r.add("a", []Target{{From: 1, To: 3}}, losses)
	r.add("b", []Target{{From: 3, To: 4}}, losses)
	r.add("a", []Target{{From: 2, To: 3}, {From: 3, To: 4}}, losses)
	want := []Cluster{{ID: "a", Targets: 3, Loss: 9}, {ID: "b", Targets: 1, Loss: 4}}
	if !slices.Equal(r.Documents, want) || r.sequences != 3 || r.targets != 4 || r.tokens != 5 {
		t.Errorf("got %+v, want %v", r, want)
	}
}

// TestSpelling holds half characters to the token that completes them.
func TestSpelling(t *testing.T) {
	text := "né = \"日本\" // 🙂 done\n"
	tok := trained(t, "plain text, so that other characters fall into bytes")
	ids := tok.Encode(nil, text, true)
	s, err := spell(tok, ids)
	if err != nil {
		t.Fatal(err)
	}
	if s.text != text || len(s.starts) != len(ids)+1 || !slices.IsSorted(s.starts) {
		t.Fatalf("got %q with starts %v", s.text, s.starts)
	}
	for offset := range text {
		i := s.token(offset)
		if i < 0 || i >= len(ids) || s.starts[i] > offset || s.starts[i+1] <= offset {
			t.Errorf("byte %d: token %d of %v", offset, i, s.starts)
		}
	}
}

func TestMeasure(t *testing.T) {
	text := goText(t)
	tok := trained(t, text)
	ids := tok.Encode(nil, text, true)
	f := FarCopy{Near: 64, Far: 1000, Tokenizer: tok}
	docs := []Piece{{ID: "a", IDs: ids[:1000], Begins: true}, {ID: "b", IDs: ids[1000:2000]}}
	full := System{Name: "full", Scorer: &fake{max: 1000}}
	sliding := System{Name: "sliding", Scorer: &fake{max: 1000}, Window: 64, Step: 8}
	for _, y := range []System{full, sliding} {
		read := int64(0)
		got, err := f.Measure(context.Background(), y, docs, func(n int) { read += int64(n) })
		if err != nil {
			t.Fatal(err)
		}
		if want := y.Tokens(docs); read != want {
			t.Errorf("%s: read %d tokens, foretold %d", y.Name, read, want)
		}
		var sum float64
		targets := 0
		for n, d := range docs {
			found, err := f.Targets(d)
			if err != nil {
				t.Fatal(err)
			}
			targets += len(found)
			inDoc := 0.0
			for _, g := range found {
				for i := g.From; i < g.To; i++ {
					begin := 0
					if y.Window > 0 {
						end := max(y.Window, (i-y.Window)/y.Step*y.Step+y.Step+y.Window)
						begin = min(end, len(d.IDs)) - y.Window
						if end == y.Window || i < y.Window {
							begin = 0
						}
					}
					inDoc += float64(hashLoss(d.IDs[begin : i+1]))
				}
			}
			sum += inDoc
			if c := got.Documents[n]; !closeTo(c.Loss, inDoc) || c.Targets != len(found) || c.ID != d.ID {
				t.Errorf("%s document %s: got %v, want %v over %d", y.Name, d.ID, c, inDoc, len(found))
			}
		}
		if got.targets != targets || targets < 20 || !closeTo(got.NLL, sum/float64(targets)) {
			t.Errorf("%s: got %+v, want %v over %d", y.Name, got, sum/float64(targets), targets)
		}
		if got.All.Tokens != 2*999 {
			t.Errorf("%s: %d tokens in all, want %d", y.Name, got.All.Tokens, 2*999)
		}
	}
}

// TestBootstrapInterval compares with the normal approximation: for equal cluster sizes the mean of
// n resampled values has the standard deviation s/sqrt(n), s the population's own.
func TestBootstrapInterval(t *testing.T) {
	var clusters []Cluster
	var sum, squares float64
	const n, size = 200, 7
	for i := range n {
		v := math.Sin(float64(i)) + 0.3
		clusters = append(clusters, Cluster{Loss: v * size, Targets: size})
		sum, squares = sum+v, squares+v*v
	}
	mean := sum / n
	half := 1.96 * math.Sqrt((squares/n-mean*mean)/n)
	got := bootstrap(clusters, 1)
	// An estimated 2.5 % quantile of B samples has the standard error sqrt(q(1-q)/B)/density, about
	// 0.027 standard deviations at B = 10,000; 0.12 allows for four of them and for skewness.
	tolerance := 0.12 * half / 1.96
	if math.Abs(got[0]-(mean-half)) > tolerance || math.Abs(got[1]-(mean+half)) > tolerance {
		t.Errorf("got %v, want about %v", got, [2]float64{mean - half, mean + half})
	}
	if again := bootstrap(clusters, 1); again != got {
		t.Errorf("the same seed gives %v, then %v", got, again)
	}
	if other := bootstrap(clusters, 2); other == got {
		t.Errorf("another seed gives the same interval %v", got)
	}
}

func TestCompare(t *testing.T) {
	result := func(name string, sums ...float64) FarCopyResult {
		r := FarCopyResult{System: name}
		for i, s := range sums {
			r.Documents = append(r.Documents, Cluster{ID: fmt.Sprint("d", i), Loss: s, Targets: 4})
			r.NLL += s
			r.targets += 4
			r.sequences++
		}
		r.NLL /= float64(r.targets)
		return r
	}
	a, b := result("a", 8, 12, 9, 13), result("b", 7, 11, 8, 11.8)
	d, err := Compare(a, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !closeTo(d.Mean, 4.2/16) || !d.Beats() || d.CI95[0] < 0.25-1e-12 || d.CI95[1] > 0.3+1e-12 {
		t.Errorf("got %+v, want a mean of %v inside the gains of single sequences", d, 4.2/16)
	}
	if back, err := Compare(b, a, 1); err != nil || back.Beats() {
		t.Errorf("the other way: %+v, %v", back, err)
	}
	if _, err := Compare(a, result("c", 8, 12, 9), 1); err == nil {
		t.Error("results over other documents are compared")
	}
	f := FarCopy{Near: 512, Far: 4096, Seed: 1}
	worse := result("worse", 9, 10, 7, 13)
	if r, err := f.Report(a, worse, b); err != nil || r.Passed || r.Sequences != 4 ||
		r.Targets != 16 || len(r.Differences) != 2 || r.Differences[0] != d {
		t.Errorf("one gain is within its interval: %+v, %v", r, err)
	}
	if r, err := f.Report(a, a, b); err != nil || !r.Passed {
		t.Errorf("both gains are beyond their intervals: %+v, %v", r, err)
	}
}

func TestPiecesTakeDocumentsInTurn(t *testing.T) {
	seq := func(first int, ids ...string) schemas.Sequence {
		s := sequence(first, 6, 3, 5)
		for i, id := range ids {
			s.Docs[i] = schemas.DocRef{SampleID: id, Start: int64(first)}
		}
		return s
	}
	seqs := each(t, seq(0, "a", "b", "c"), seq(100, "a", "d", "e"), seq(200, "a", "a", "c"))
	got, err := Pieces(seqs, 5, 6)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	var first []int32
	for _, p := range got {
		ids, first = append(ids, p.ID), append(first, p.IDs[0])
		if len(p.IDs) != 5 || p.Begins != (p.IDs[0] < 100) {
			t.Errorf("piece %+v", p)
		}
	}
	if !slices.Equal(ids, []string{"a", "c", "e", "a", "c", "a"}) ||
		!slices.Equal(first, []int32{0, 9, 109, 100, 209, 200}) {
		t.Errorf("got %q beginning with tokens %v", ids, first)
	}
	if _, err := Pieces(seqs, 5, 7); err == nil || !strings.Contains(err.Error(), "want 7") {
		t.Errorf("more than there are: %v", err)
	}
}
