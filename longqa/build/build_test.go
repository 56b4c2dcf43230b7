package build

import (
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/longqa/check"
	"longlora/longqa/faketree"
	"longlora/longqa/figures"
	"longlora/longqa/material"
	"longlora/longqa/task"
	"longlora/pipeline/goroot"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// smallRecipe has short contexts, so that a small tree gives many.
func smallRecipe() Recipe {
	r := Default()
	r.Quota = []Quota{
		{Band: material.Band{From: 900, To: 1800}, Views: 20},
		{Band: material.Band{From: 1800, To: 3600}, Views: 20},
		{Band: material.Band{From: 3600, To: 7200}, Views: 10},
	}
	return r
}

func fakeOptions(t *testing.T) Options {
	t.Helper()
	tree, err := goroot.Open(faketree.Write(t), goroot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Out: filepath.Join(t.TempDir(), "qa"), Recipe: smallRecipe(), Tree: tree, Tokenizer: tok,
		Limit: 250, Step: func(string) {},
	}
}

func mustRun(t *testing.T, o Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 {
		t.Fatalf("packages that do not type-check: %v", r.Broken)
	}
	return r
}

// Every task gives rows of the small tree, and each row's answer comes out again from the row
// alone.
func TestRunAndCheck(t *testing.T) {
	o := fakeOptions(t)
	r := mustRun(t, o)
	t.Logf("\n%s", r.Figures.Table())
	for name := range o.Recipe.Shares {
		if r.Figures.Tasks[name] == 0 {
			t.Errorf("no row of task %s", name)
		}
	}
	if r.Figures.Outside > 0 {
		t.Errorf("%d rows outside of every band", r.Figures.Outside)
	}
	mustAgree(t, o.Out)
}

func rowsOf(t *testing.T, dir string) iter.Seq2[schemas.Example, error] {
	t.Helper()
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return shard.Rows[schemas.Example](d, "")
}

func mustAgree(t *testing.T, dir string) {
	t.Helper()
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Run(t.Context(), d, tok, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rows, _ := d.Count(""); r.Rows != rows {
		t.Errorf("checked %d of %d rows", r.Rows, rows)
	}
	for _, f := range r.Faults {
		t.Errorf("%s %s: %s", f.ID, f.Source, f.Problem)
	}
}

// The dataset is the same, byte by byte, on any number of processors.
func TestRunIsDeterministic(t *testing.T) {
	digest := func(processors int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		return mustRun(t, fakeOptions(t)).Manifest.Digest
	}
	one, four := digest(1), digest(4)
	if one != four {
		t.Errorf("digest %s on one processor, %s on four", one, four)
	}
}

// A dataset that misses a figure is not published; the error names each.
func TestRunHoldsFigures(t *testing.T) {
	o := fakeOptions(t)
	o.Limit = 0
	r, err := Run(t.Context(), o)
	if err == nil {
		t.Fatal("a dataset of a small tree was published")
	}
	for _, want := range []string{"rows, want at least 3001", "documents, want at least 400",
		"rows of 0k-1k tokens, want at least 300"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if r == nil || r.Figures.Rows == 0 {
		t.Error("the error comes without figures")
	}
	if _, err := shard.Open(o.Out); err == nil {
		t.Error("something was published")
	}
}

// Splits are by document: none is in two of them.
func TestSplitsShareNoDocument(t *testing.T) {
	o := fakeOptions(t)
	mustRun(t, o)
	splits := map[string]string{}
	for row, err := range rowsOf(t, o.Out) {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range row.DocIDs {
			if before, ok := splits[d]; ok && before != row.Split {
				t.Errorf("%s is in %s and %s", d, before, row.Split)
			}
			splits[d] = row.Split
		}
	}
}

// The default recipe asks for what its limits require.
func TestDefaultRecipe(t *testing.T) {
	r := Default()
	rows := 0
	for _, q := range r.Quota {
		rows += q.Views * r.PerView
		if q.Views < r.Limits.MinBandContexts || q.Views*r.PerView < r.Limits.MinBandRows {
			t.Errorf("band %s: %d contexts cannot give %d rows", q.Band, q.Views, r.Limits.MinBandRows)
		}
	}
	if rows < r.Limits.MinRows {
		t.Errorf("%d rows at most, want %d", rows, r.Limits.MinRows)
	}
	known := map[string]bool{}
	for _, task := range task.All() {
		known[task.Name()] = true
	}
	for name, share := range r.Shares {
		if !known[name] || share > r.Limits.MaxTaskShare {
			t.Errorf("share %g of task %q", share, name)
		}
	}
	if r.Limits != (figures.Limits{
		MinRows: 3001, MinDocuments: 400, MaxRowsPerDocument: 25, MaxTaskShare: 0.25, MinBandRows: 300,
		MinBandContexts: 60, MinFarShare: 0.3, FarApart: 0.25, MinUnanswerable: 0.08,
		MaxDepthChi2: 16.92,
	}) {
		t.Errorf("limits %+v", r.Limits)
	}
}

// The packages of the real tree that many know, with real contexts.
func TestRealTree(t *testing.T) {
	root, err := goroot.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := fakeOptions(t)
	if o.Tree, err = goroot.Open(root, goroot.Options{}); err != nil {
		t.Fatal(err)
	}
	o.Recipe, o.Limit = Default(), 120
	wanted := []string{"encoding", "text", "bufio", "go/ast", "go/doc", "archive"}
	if testing.Short() {
		wanted = wanted[:3]
	}
	o.Keep = func(path string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.HasPrefix(path, w) })
	}
	r := mustRun(t, o)
	if r.Figures.Rows < 40 {
		t.Errorf("%d rows, want at least 40", r.Figures.Rows)
	}
	mustAgree(t, o.Out)
}
