package pack

import (
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"longlora/schemas"
)

// sample returns a document whose tokens say where they stand: 1000·number + place.
func sample(number, n int) Sample {
	s := Sample{ID: fmt.Sprint("doc-", number), Source: "test", Licence: "MIT"}
	for i := range n {
		s.Tokens = append(s.Tokens, int32(100_000*number+i))
	}
	return s
}

// packAll packs documents of the given lengths.
func packAll(t testing.TB, o Options, lengths ...int) ([]schemas.Sequence, Report) {
	t.Helper()
	var out []schemas.Sequence
	p, err := New(o, func(s schemas.Sequence) error {
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range lengths {
		if err := p.Add(sample(i, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return out, p.Report()
}

// TestContract holds every packing with every over-length policy to what sequences promise, on
// documents around every boundary.
func TestContract(t *testing.T) {
	for _, how := range packings {
		for _, cut := range policies {
			if cut.name == "error" {
				continue
			}
			t.Run(how.name+" "+cut.name, rapid.MakeCheck(func(t *rapid.T) {
				lengths := rapid.SliceOf(rapid.IntRange(0, 40)).Draw(t, "lengths")
				o := Options{
					Context: rapid.IntRange(2, 12).Draw(t, "context"), Packing: how.name,
					OverLength: cut.name,
				}
				if w := rapid.IntRange(0, 300).Draw(t, "window"); w >= o.Context {
					o.WindowTokens = w
				}
				checkContract(t, o, lengths)
			}))
		}
	}
}

func checkContract(t *rapid.T, o Options, lengths []int) {
	var out []schemas.Sequence
	named := map[string]bool{}
	o.Reject = func(id, _, _ string) { named[id] = true }
	p, err := New(o, func(s schemas.Sequence) error { out = append(out, s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	in := 0
	for i, n := range lengths {
		in += n
		if err := p.Add(sample(i, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	comparePlan(t, o, lengths, out, p.Report())
	packed, kept := 0, map[string]int{}
	for _, s := range out {
		if err := s.Validate(0); err != nil {
			t.Fatalf("%v in %+v", err, s)
		}
		if int(s.NTokens) > o.Context || len(s.LossSpans) == 0 {
			t.Fatalf("a sequence of %d tokens with %d loss spans", s.NTokens, len(s.LossSpans))
		}
		packed += int(s.NTokens)
		checkProvenance(t, s, o.OverLength == "middle-out", kept)
	}
	r := p.Report()
	if int(r.Tokens) != in || int(r.PackedTokens) != packed || r.Tokens != r.PackedTokens+r.LostTokens {
		t.Fatalf("%d tokens in, %d packed; the report says %+v", in, packed, r)
	}
	for i, n := range lengths {
		if id := fmt.Sprint("doc-", i); kept[id] < n && !named[id] {
			t.Fatalf("%s lost %d of %d tokens and is not named", id, n-kept[id], n)
		}
	}
}

// comparePlan requires of a Planner, and of Build, what a Packer gives.
func comparePlan(t *rapid.T, o Options, lengths []int, want []schemas.Sequence, report Report) {
	var got []schemas.Sequence
	name := func(doc int64) string { return fmt.Sprint("doc-", doc) }
	p, err := NewPlanner(o, name, func(pieces []Piece) error {
		s, err := Build(pieces, func(q Piece) (Sample, error) {
			s := sample(int(q.Doc), lengths[q.Doc])
			if q.SkipTo > 0 {
				s.Tokens = slices.Concat(s.Tokens[q.From:q.SkipFrom], s.Tokens[q.SkipTo:q.To])
			} else {
				s.Tokens = s.Tokens[q.From:q.To]
			}
			return s, nil
		})
		got = append(got, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range lengths {
		if err := p.Add(int64(i), n); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("planned\n%+v\npacked\n%+v", got, want)
	}
	if p.Report() != report {
		t.Fatalf("planned %+v, packed %+v", p.Report(), report)
	}
}

// checkProvenance holds every token against the place that its document's reference names, and
// requires that exactly the tokens that follow their predecessor are targets.
func checkProvenance(t *rapid.T, s schemas.Sequence, gaps bool, kept map[string]int) {
	target := map[int]bool{}
	for _, l := range s.LossSpans {
		for i := l.Start; i < l.End; i++ {
			target[int(i)] = true
		}
	}
	at := 0
	for i, n := range s.DocLens {
		ref := s.Docs[i]
		kept[ref.SampleID] += int(n)
		if s.LossWeights[i] != 1 || ref.Source != "test" || ref.Licence != "MIT" {
			t.Fatalf("document %+v with weight %g", ref, s.LossWeights[i])
		}
		if hull := int32(ref.End - ref.Start); hull != n && !gaps || hull < n {
			t.Fatalf("%+v holds %d tokens", ref, n)
		}
		var number int
		fmt.Sscanf(ref.SampleID, "doc-%d", &number)
		base := int32(100_000 * number)
		first, last := s.InputIDs[at]-base, s.InputIDs[at+int(n)-1]-base
		if int64(first) != ref.Start || int64(last) != ref.End-1 {
			t.Fatalf("%+v begins with token %d and ends with %d", ref, first, last)
		}
		for k := 0; k < int(n); k++ {
			follows := k > 0 && s.InputIDs[at+k] == s.InputIDs[at+k-1]+1
			if follows != target[at+k] {
				t.Fatalf("%+v token %d: target %v, follows its predecessor %v", ref, k, target[at+k], follows)
			}
		}
		at += int(n)
	}
}

func TestOverLength(t *testing.T) {
	for _, c := range []struct {
		policy string
		n      int
		want   [][]int32 // tokens of the sequences
		report Report
	}{
		{"split", 9, [][]int32{{0, 1, 2, 3}, {4, 5, 6}, {7, 8}},
			Report{Split: 1, Sequences: 3, PackedTokens: 9, Targets: 6}},
		{"split", 10, [][]int32{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}},
			Report{Split: 1, Sequences: 3, PackedTokens: 10, Targets: 7}},
		{"head", 9, [][]int32{{0, 1, 2, 3}},
			Report{Cut: 1, LostTokens: 5, Sequences: 1, PackedTokens: 4, Targets: 3}},
		{"tail", 9, [][]int32{{5, 6, 7, 8}},
			Report{Cut: 1, LostTokens: 5, Sequences: 1, PackedTokens: 4, Targets: 3}},
		{"middle-out", 9, [][]int32{{0, 1, 7, 8}},
			Report{Cut: 1, LostTokens: 5, Sequences: 1, PackedTokens: 4, Targets: 2}},
		{"drop", 9, nil, Report{Dropped: 1, LostTokens: 9}},
		{"drop", 4, [][]int32{{0, 1, 2, 3}}, Report{Sequences: 1, PackedTokens: 4, Targets: 3}},
	} {
		out, report := packAll(t, Options{Context: 4, OverLength: c.policy}, c.n)
		var got [][]int32
		for _, s := range out {
			got = append(got, s.InputIDs)
		}
		slices.SortFunc(got, func(a, b []int32) int { return slices.Compare(a, b) })
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of %d: got %v, want %v", c.policy, c.n, got, c.want)
		}
		c.report.Documents, c.report.Tokens = 1, int64(c.n)
		if report != c.report {
			t.Errorf("%s of %d: report %+v, want %+v", c.policy, c.n, report, c.report)
		}
	}
}

func TestOverLengthError(t *testing.T) {
	p, err := New(Options{Context: 4, OverLength: "error"}, func(schemas.Sequence) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	err = p.Add(sample(7, 5))
	if err == nil || !strings.Contains(err.Error(), `"doc-7": 5 tokens are more than the context of 4`) {
		t.Errorf("got %v", err)
	}
}

func TestLossSpansFollowTheirTokens(t *testing.T) {
	var out []schemas.Sequence
	p, err := New(Options{Context: 6}, func(s schemas.Sequence) error {
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := sample(0, 9)
	s.Loss, s.Weight = []schemas.LossSpan{{Start: 2, End: 4}, {Start: 5, End: 8}}, 0.5
	if err := p.Add(s); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	want := [][]schemas.LossSpan{{{Start: 2, End: 4}, {Start: 5, End: 6}}, {{Start: 1, End: 2}}}
	for i, s := range out {
		if !reflect.DeepEqual(s.LossSpans, want[i]) || s.LossWeights[0] != 0.5 {
			t.Errorf("sequence %d: loss %v, weight %v; want %v", i, s.LossSpans, s.LossWeights, want[i])
		}
	}
	s.Loss = []schemas.LossSpan{{Start: 0, End: 2}}
	if err := p.Add(s); err == nil {
		t.Error("a first token as a target is accepted")
	}
}

// TestBestFitFillsSequences requires 99.5 % utilisation where the lengths allow it.
func TestBestFitFillsSequences(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var lengths []int
	for range 20_000 {
		lengths = append(lengths, 2+int(rng.ExpFloat64()*300))
	}
	out, report := packAll(t, Options{Context: 2048, WindowTokens: 1 << 18}, lengths...)
	if used := float64(report.PackedTokens) / float64(2048*len(out)); used < 0.995 {
		t.Errorf("utilisation %.4f, want at least 0.995", used)
	}
	if report.Split > 100 {
		t.Errorf("%d documents are split, though few are longer than a sequence", report.Split)
	}
}

// TestBestFitIsBestFit compares a window with the textbook algorithm that looks at every bin.
func TestBestFitIsBestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const context = 30
		lengths := rapid.SliceOfN(rapid.IntRange(2, context), 1, 50).Draw(t, "lengths")
		var count int
		p, err := New(Options{Context: context}, func(schemas.Sequence) error { count++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range lengths {
			if err := p.Add(sample(i, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(lengths)
		slices.Reverse(lengths)
		var free []int
		for _, n := range lengths {
			best := -1
			for i, f := range free {
				if f >= n && (best < 0 || f < free[best]) {
					best = i
				}
			}
			if best < 0 {
				free = append(free, context)
				best = len(free) - 1
			}
			free[best] -= n
		}
		if count != len(free) {
			t.Fatalf("%d sequences, the textbook needs %d", count, len(free))
		}
	})
}

func TestSearchSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 63, 64, 65, 4095, 4096, 4097, 300_000}).Draw(t, "n")
		s, model := newSearchSet(n), map[int]bool{}
		place := rapid.IntRange(0, n-1)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			x := place.Draw(t, "x")
			if rapid.Bool().Draw(t, "insert") {
				s.insert(x)
				model[x] = true
			} else {
				s.remove(x)
				delete(model, x)
			}
			from := place.Draw(t, "from")
			want := -1
			for m := range model {
				if m >= from && (want < 0 || m < want) {
					want = m
				}
			}
			if got := s.next(from); got != want {
				t.Fatalf("next(%d) in %v is %d, want %d", from, model, got, want)
			}
		}
	})
}

func TestOptionsReportEveryProblem(t *testing.T) {
	err := Options{Context: 1, Packing: "loose", OverLength: "fold", WindowTokens: -1}.Validate()
	for _, want := range []string{"context 1", `"loose"`, `"fold"`, "-1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
	}
}

// TestBucketed requires that the pieces of a sequence lie within a power of two.
func TestBucketed(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var lengths []int
	for range 3000 {
		lengths = append(lengths, 2+int(rng.ExpFloat64()*200))
	}
	out, report := packAll(t, Options{
		Context: 2048, Packing: "length-bucketed", WindowTokens: 1 << 16,
	}, lengths...)
	for _, s := range out {
		if most, least := slices.Max(s.DocLens), slices.Min(s.DocLens); most > 2*least {
			t.Fatalf("documents of %d and %d tokens share a sequence", least, most)
		}
	}
	if report.Split > 3 || len(out) == 0 {
		t.Errorf("report %+v", report)
	}
}

// BenchmarkMillionDocuments plans a million documents of up to a thousand tokens.
func BenchmarkMillionDocuments(b *testing.B) {
	for _, how := range packings {
		b.Run(how.name, func(b *testing.B) {
			rng := rand.New(rand.NewSource(1))
			lengths := make([]int, 1_000_000)
			for i := range lengths {
				lengths[i] = 2 + rng.Intn(1000)
			}
			var report Report
			for b.Loop() {
				p, err := NewPlanner(Options{Context: 8192, Packing: how.name},
					func(int64) string { return "" }, func([]Piece) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
				for i, n := range lengths {
					if err := p.Add(int64(i), n); err != nil {
						b.Fatal(err)
					}
				}
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
				report = p.Report()
			}
			used := float64(report.PackedTokens) / float64(8192*report.Sequences)
			b.ReportMetric(100*used, "%used")
		})
	}
}
