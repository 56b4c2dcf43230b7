package mix

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"longlora/internal/defaults"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// documents builds a dataset of n documents of random lengths, of mean words.
func documents(t *testing.T, name string, n, mean int) *shard.Dataset {
	t.Helper()
	rng := rand.New(rand.NewSource(int64(n)))
	dir := filepath.Join(t.TempDir(), name)
	var rows []schemas.Document
	for i := range n {
		text := strings.Repeat("word ", 1+int(rng.ExpFloat64()*float64(mean)))
		d := schemas.Document{DocID: fmt.Sprint(name, i), Source: name, Licence: "MIT", Text: text}
		d.Seal()
		rows = append(rows, d)
	}
	return shardtest.Write(t, dir, shard.Options{Kind: schemas.KindDocument, Name: name},
		shardtest.File[schemas.Document]{Split: "train", Rows: rows})
}

func options(t *testing.T, recipe string, datasets ...*shard.Dataset) Options {
	t.Helper()
	r, err := parse([]byte(recipe))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Out: filepath.Join(t.TempDir(), "mixed"), Recipe: r, Datasets: datasets, Tokenizer: tok,
		MaxDropped: limit.Share(1), MaxCut: limit.Share(1),
	}
}

const recipe = `
name: both
seed: 3
tokens: 60_000
context: 2048
sources:
- name: books
  dataset: books
  weight: 3
  max_epochs: 4
  lengths: {exponent: 0.5}
- name: notes
  dataset: notes
  weight: 1
  loss_weight: 0.5
`

// TestRealisedAsDeclared counts the tokens in the sequences, by source and document.
func TestRealisedAsDeclared(t *testing.T) {
	books, notes := documents(t, "books", 40, 900), documents(t, "notes", 2000, 40)
	o := options(t, recipe, books, notes)
	m, r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := shard.Open(o.Out)
	if err == nil {
		err = d.Verify(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	tokens, longest := map[string]int64{}, map[string]int64{}
	perDocument := map[string]int64{} // tokens
	size := map[string]int64{}
	for s, err := range shard.Rows[schemas.Sequence](d, "train") {
		if err != nil {
			t.Fatal(err)
		}
		for i, ref := range s.Docs {
			n := ref.End - ref.Start
			tokens[ref.Source] += n
			perDocument[ref.SampleID] += n
			size[ref.SampleID] = max(size[ref.SampleID], ref.End)
			longest[ref.Source] = max(longest[ref.Source], ref.End)
			if want := map[string]float32{"books": 1, "notes": 0.5}[ref.Source]; s.LossWeights[i] != want {
				t.Fatalf("loss weight %g of %s", s.LossWeights[i], ref.Source)
			}
		}
	}
	for source, want := range map[string]int64{"books": 45_000, "notes": 15_000} {
		if off := tokens[source] - want; 2*max(off, -off) > longest[source] {
			t.Errorf("%s has %d tokens, want %d within half of %d", source, tokens[source], want,
				longest[source])
		}
	}
	most := 0.0
	for id, n := range perDocument {
		if n%size[id] != 0 {
			t.Errorf("%s has %d tokens, and %d were taken", id, size[id], n)
		}
		most = max(most, float64(n/size[id]))
	}
	if most > 4 || most < 2 {
		t.Errorf("a document is taken %g times, want at most 4", most)
	}
	checkTable(t, m, r, tokens)
	// Long documents are taken more often than short ones of the same source.
	var low, high float64
	for _, row := range r.Rows {
		if row.Source == "books" && row.To == 1024 {
			low = row.Epochs
		} else if row.Source == "books" {
			high = row.Epochs
		}
	}
	if low == 0 || high <= 1.2*low {
		t.Errorf("epochs of short books %g, of long ones %g", low, high)
	}
}

func checkTable(t *testing.T, m *schemas.Manifest, r Realised, tokens map[string]int64) {
	t.Helper()
	rows, sum := map[string]int64{}, int64(0)
	for _, row := range r.Rows {
		rows[row.Source] += row.Mixed
		sum += row.Mixed
	}
	if !reflect.DeepEqual(rows, tokens) || sum != r.Tokens {
		t.Errorf("the table says %v of %d, the sequences hold %v", rows, r.Tokens, tokens)
	}
	for _, p := range r.Parts {
		if p.Mixed != tokens[p.Source] {
			t.Errorf("part %+v, the sequences hold %v", p, tokens)
		}
	}
	if m.Report["mixture"] == nil {
		t.Error("the manifest has no mixture")
	}
}

func TestPureFunction(t *testing.T) {
	books, notes := documents(t, "books", 30, 900), documents(t, "notes", 1000, 40)
	run := func(recipe string, workers int) map[string]string {
		o := options(t, recipe, books, notes)
		o.Workers = workers
		if _, _, err := Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		return shardtest.Contents(t, o.Out)
	}
	small := strings.ReplaceAll(recipe, "60_000", "30000")
	want := run(small, 1)
	if got := run(small, 5); !reflect.DeepEqual(got, want) {
		t.Error("five workers give other bytes than one")
	}
	other := run(strings.ReplaceAll(small, "seed: 3", "seed: 4"), 1)
	if reflect.DeepEqual(other, want) {
		t.Error("another seed gives the same bytes")
	}
	if !strings.Contains(want["README.md"], "| notes | 0 below 1024 |") {
		t.Errorf("the card has no table:\n%s", want["README.md"])
	}
}

// TestFill compares the epochs with their definition, for random cells.
func TestFill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := cellsOf(Lengths{Exponent: rapid.SampledFrom([]float64{-1, 0, 0.5, 1}).Draw(t, "exponent")})
		for i := range cells {
			cells[i].tokens = rapid.Int64Range(0, 1e9).Draw(t, "tokens")
		}
		epochs := rapid.IntRange(1, 5).Draw(t, "epochs")
		target := rapid.Int64Range(0, most(cells, epochs)).Draw(t, "target")
		if err := fill(cells, epochs, target); err != nil {
			t.Fatal(err)
		}
		sum, ratio := 0.0, -1.0
		for _, c := range cells {
			sum += c.epochs * float64(c.tokens)
			if c.tokens == 0 {
				continue
			}
			if c.epochs > float64(epochs)*(1+1e-9) || c.epochs < 0 {
				t.Fatalf("%g epochs, at most %d wanted", c.epochs, epochs)
			}
			if c.epochs < float64(epochs)*(1-1e-9) { // what is not full is taken by its factor
				r := c.epochs / c.factor
				if ratio >= 0 && math.Abs(r-ratio) > 1e-9*max(r, 1) {
					t.Fatalf("epochs by factor %g and %g", r, ratio)
				}
				ratio = r
			}
		}
		// Rounding of about fifty additions of numbers up to 1e11.
		if math.Abs(sum-float64(target)) > 1 {
			t.Fatalf("%g tokens, want %d", sum, target)
		}
		if err := fill(cells, epochs, most(cells, epochs)+1); err == nil {
			t.Fatal("more is taken than there is")
		}
	})
}

func TestSharesAndFit(t *testing.T) {
	sources := []Source{{Weight: 1, MaxEpochs: 1}, {Weight: 1, MaxEpochs: 2}, {Weight: 1, MaxEpochs: 1}}
	if got := shares(sources, 100); !reflect.DeepEqual(got, []int64{33, 34, 33}) {
		t.Errorf("shares %v", got)
	}
	cells := make([][]cell, 3)
	for i, n := range []int64{50, 20, 70} {
		cells[i] = []cell{{tokens: n, factor: 1}}
	}
	if got := fit(sources, cells); got != 119 && got != 120 {
		t.Errorf("fit %d, want 120 or a token less", got)
	}
}

func TestBuckets(t *testing.T) {
	cells := cellsOf(Lengths{Buckets: []Bucket{{From: 100, Factor: 2}, {From: 5000, Factor: 0}}})
	for n, want := range map[int]int{0: 0, 99: 0, 100: 1, 4999: 1, 5000: 2, 1 << 30: 2} {
		if got := cellOf(cells, n); got != want {
			t.Errorf("%d tokens are in cell %d, want %d", n, got, want)
		}
	}
	cells = cellsOf(Lengths{Exponent: 1})
	for n, factor := range map[int]float64{1: 1, 1023: 1, 1024: 1, 2047: 1, 2048: 2, 1 << 20: 1024} {
		if got := cells[cellOf(cells, n)].factor; got != factor {
			t.Errorf("%d tokens have factor %g, want %g", n, got, factor)
		}
	}
}

func TestRecipeProblems(t *testing.T) {
	for recipe, want := range map[string]string{
		"":                            "the file is empty",
		"tokens: 5\ncontxt: 3":        "line 2: unknown key contxt",
		"context: 4\nsources: []":     "sources: there are none",
		"context: 4\n---\ncontext: 5": "more than one YAML document",
		"sources: [{name: a}]": "context 0 is below 2: one token has no target; " +
			"source a: it names no dataset; source a: weight 0",
		strings.ReplaceAll(recipe, "weight: 3", "weight: 0"):          "source books: weight 0, want more than 0",
		strings.ReplaceAll(recipe, "tokens: 60_000", ""):              "lengths need a number of tokens",
		strings.ReplaceAll(recipe, "max_epochs: 4", "max_epochs: -1"): "max_epochs -1",
		strings.ReplaceAll(recipe, "exponent: 0.5", "exponent: 5"):    "exponent 5 is outside",
		strings.ReplaceAll(recipe, "{exponent: 0.5}",
			"{exponent: 1, buckets: [{from: 5, factor: 1}, {from: 5, factor: -1}]}"): "gives an exponent",
		strings.ReplaceAll(recipe, "name: notes", "name: books"):                     "the name is given twice",
		strings.ReplaceAll(recipe, "context: 2048", "context: 2048\npacking: loose"): `packing "loose"`,
	} {
		if want == "gives an exponent" {
			want = "lengths has an exponent and buckets; give one of them; source books: bucket from 5 does"
		}
		_, err := parse([]byte(recipe))
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\n", "; "), want) {
			t.Errorf("%q: got %v, want %q", recipe, err, want)
		}
	}
}

func TestRunProblems(t *testing.T) {
	books, notes := documents(t, "books", 4, 900), documents(t, "notes", 10, 40)
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"too much": {func(*Options) {}, "source books: 45000 tokens are wanted, and 4 epochs of what there"},
		"digest": {func(o *Options) { o.Recipe.Sources[0].Digest = "abc" },
			"source books: "},
		"split": {func(o *Options) { o.Recipe.Sources[1].Splits = []string{"dev"} }, `split "dev" is not in`},
	} {
		o := options(t, recipe, books, notes)
		c.change(&o)
		_, _, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if left, err := os.ReadDir(filepath.Dir(o.Out)); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind %v, %v", name, left, err)
		}
	}
}
