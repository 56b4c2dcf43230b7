package encode

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

func defaultTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// example has a material of n lines with its evidence in the middle.
func example(i, n int) schemas.Example {
	var b strings.Builder
	e := schemas.Example{
		ID: fmt.Sprint("e", i), DocIDs: []string{"d"}, Genre: "code", Task: "lookup", Licence: "MIT",
		AnswerSource: "derived:test", Split: "train", QuestionFirst: i%2 == 0, Meta: map[string]string{},
		Instruction: fmt.Sprintf("What does the sign number %d say?", i),
		Output:      fmt.Sprintf("It says that door %d is open.", i),
	}
	for k := range n {
		if k == n/2 {
			e.Evidence = []schemas.Span{{Start: int64(b.Len()), End: int64(b.Len() + 20)}}
			fmt.Fprintf(&b, "evidence: door %4d is open\n", i)
			continue
		}
		fmt.Fprintf(&b, "wall %d of house %d\n", k, i)
	}
	e.Context = b.String()
	e.NTokens = 1
	return e
}

func dataset(t *testing.T, rows ...schemas.Example) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "examples")
	var files []shardtest.File[schemas.Example]
	for _, split := range []string{"train", "validation", "test"} {
		file := shardtest.File[schemas.Example]{Split: split}
		for _, r := range rows {
			if r.Split == split {
				file.Rows = append(file.Rows, r)
			}
		}
		files = append(files, file)
	}
	o := shard.Options{Kind: schemas.KindExample, Name: "examples"}
	return shardtest.Write(t, dir, o, files...)
}

func options(t *testing.T, d *shard.Dataset) Options {
	t.Helper()
	return Options{
		Out: filepath.Join(t.TempDir(), "sequences"), Name: "test", Examples: d,
		Tokenizer: defaultTokenizer(t), Template: prompt.Default(), Context: 512,
	}
}

func sequences(t *testing.T, o Options) ([]schemas.Sequence, Report) {
	t.Helper()
	_, r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := shard.Open(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	var all []schemas.Sequence
	for s, err := range shard.Rows[schemas.Sequence](d, "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all, r
}

func decode(t *testing.T, tok *tokenizer.Tokenizer, ids []int32) string {
	t.Helper()
	text, err := tok.Decode(ids, false)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The loss is on the answer and the end token alone; question, evidence and answer are whole
// however much of the material is cut.
func TestRun(t *testing.T) {
	var rows []schemas.Example
	for i := range 12 {
		rows = append(rows, example(i, 4+40*i))
	}
	o := options(t, dataset(t, rows...))
	all, r := sequences(t, o)
	if r.Examples != 12 || r.Dropped != 0 || r.Cut < 6 || r.Sequences != 12 || len(all) != 12 {
		t.Fatalf("report %+v, %d sequences", r, len(all))
	}
	for i, s := range all {
		e := rows[i]
		text := decode(t, o.Tokenizer, s.InputIDs)
		learned := ""
		for _, l := range s.LossSpans {
			learned += decode(t, o.Tokenizer, s.InputIDs[l.Start:l.End])
		}
		if want := e.Output + "<|end_of_text|>"; learned != want || !strings.HasSuffix(text, want) {
			t.Errorf("%s: learned %q, want %q at the end", e.ID, learned, want)
		}
		if int(s.NTokens) > o.Context || len(s.DocLens) != 1 || s.Docs[0].SampleID != e.ID {
			t.Errorf("%s: %d tokens, documents %v", e.ID, s.NTokens, s.Docs)
		}
		question := strings.Index(text, e.Instruction)
		evidence := strings.Index(text, e.Context[e.Evidence[0].Start:e.Evidence[0].End])
		if question < 0 || evidence < 0 || (question < evidence) != e.QuestionFirst {
			t.Errorf("%s: question at %d, evidence at %d", e.ID, question, evidence)
		}
		if whole := strings.Contains(text, strings.TrimSpace(e.Context)); whole != (i == 0) {
			t.Errorf("%s of %d lines: whole is %v", e.ID, 4+40*i, whole)
		}
	}
	if long := all[11].NTokens; long < 480 {
		t.Errorf("a cut example uses %d of %d tokens", long, o.Context)
	}
}

// The result does not depend on the number of workers.
func TestRunWorkers(t *testing.T) {
	var rows []schemas.Example
	for i := range 6 {
		e := example(i, 90)
		e.Split = []string{"train", "validation", "test"}[i%3]
		rows = append(rows, e)
	}
	d := dataset(t, rows...)
	digest := func(workers int) string {
		o := options(t, d)
		o.Workers = workers
		m, _, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return m.Digest
	}
	if one, five := digest(1), digest(5); one != five {
		t.Errorf("digest %s with one worker, %s with five", one, five)
	}
}

// Several examples share a sequence when asked for, each a document of its own.
func TestRunPacked(t *testing.T) {
	rows := []schemas.Example{example(0, 5), example(1, 5), example(2, 5)}
	o := options(t, dataset(t, rows...))
	alone, _ := sequences(t, o)
	o.Packing, o.Overwrite = "best-fit", true
	packed, r := sequences(t, o)
	if r.Sequences != 1 || len(packed[0].DocLens) != 3 || len(packed[0].LossSpans) != 3 {
		t.Fatalf("report %+v, sequence of %v", r, packed[0].DocLens)
	}
	at := int32(0)
	for i, n := range packed[0].DocLens {
		ids := packed[0].InputIDs[at : at+n]
		span := packed[0].LossSpans[i]
		for _, s := range alone {
			if s.Docs[0].SampleID != packed[0].Docs[i].SampleID {
				continue
			}
			if !slices.Equal(ids, s.InputIDs) || span.Start-at != s.LossSpans[0].Start {
				t.Errorf("%s differs from the sequence that it has alone", s.Docs[0].SampleID)
			}
		}
		at += n
	}
}

// Evidence longer than the context drops the row, is counted, and a limit fails the build.
func TestRunDrops(t *testing.T) {
	e := example(0, 400)
	e.Evidence = []schemas.Span{{Start: 0, End: int64(len(e.Context))}}
	o := options(t, dataset(t, e, example(1, 10)))
	if _, _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), reasonEvidence) {
		t.Errorf("got %v, want that %s", err, reasonEvidence)
	}
	if _, err := shard.Open(o.Out); err == nil {
		t.Error("something was published")
	}
	o.MaxDropped = limit.Share(0.5)
	if _, r := sequences(t, o); r.Dropped != 1 || r.Sequences != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestRunRefuses(t *testing.T) {
	d := dataset(t, example(0, 5))
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Context = 10 }, "context 10 is below"},
		{func(o *Options) { o.Splits = []string{"dev"} }, `split "dev" is not in`},
		{func(o *Options) { o.Template, _ = prompt.Find("chatml") }, "no token <|im_start|>"},
		{func(o *Options) { o.Packing = "tight" }, "tight"},
		{func(o *Options) { o.Workers = -1 }, "-1 workers"},
	} {
		o := options(t, d)
		c.change(&o)
		if _, _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q in it", err, c.want)
		}
	}
}
