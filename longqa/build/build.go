package build

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"longlora/internal/tokenizer"
	"longlora/longqa/code"
	"longlora/longqa/figures"
	"longlora/longqa/material"
	"longlora/longqa/outline"
	"longlora/longqa/task"
	"longlora/pipeline/goroot"
	"longlora/pipeline/split"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what to build and where.
type Options struct {
	Out       string
	Overwrite bool
	Recipe    Recipe
	Tree      *goroot.Tree
	Tokenizer *tokenizer.Tokenizer
	// Limit, if positive, makes a sample of about so many rows, which is not held to the recipe's
	// figures.
	Limit int
	// Keep chooses packages by import path; nil keeps all.
	Keep func(path string) bool
	// Step is called when a step of the work begins.
	Step func(name string)
}

// Result is a published dataset with its figures.
type Result struct {
	Manifest *schemas.Manifest
	Figures  *figures.Figures
	Broken   map[string]string // packages that do not type-check
}

// builder carries the work from step to step.
type builder struct {
	Options
	program *code.Program
	texts   map[string]*outline.Text
	docs    []*material.Document // code and texts
	splits  map[string]string
	views   []*chosen
	out     *shard.Builder
	figures *figures.Figures
}

// chosen is a view with the questions asked about it.
type chosen struct {
	view   *material.View
	split  string
	band   material.Band
	scope  *task.Scope
	offers []offer
	picked []offer
	reject []rejected
}

// offer is a candidate with its task and its number in the task's proposals.
type offer struct {
	task.Candidate
	task   string
	number int
	first  bool // the question stands before the context
}

type rejected struct{ id, reason, detail string }

// Run builds and publishes a dataset. With an error about the recipe's figures, which publishes
// nothing, the result has the figures.
func Run(ctx context.Context, o Options) (*Result, error) {
	b := &builder{Options: o, texts: map[string]*outline.Text{}}
	if b.Limit > 0 {
		b.Recipe = b.Recipe.scaled(b.Limit)
	}
	out, err := shard.Create(o.Out, b.shardOptions())
	if err != nil {
		return nil, err
	}
	b.out = out
	m, err := b.run(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("build LongQA: %w", err), out.Abort())
		return &Result{Figures: b.figures}, err
	}
	return &Result{Manifest: m, Figures: b.figures, Broken: b.program.Broken}, nil
}

func (b *builder) run(ctx context.Context) (*schemas.Manifest, error) {
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"type-check the Go tree", b.load},
		{"count tokens", b.count},
		{"assign splits", b.assign},
		{"compose contexts", b.compose},
		{"propose questions", b.propose},
		{"choose questions", b.choose},
		{"write rows", b.write},
		{"hold the figures against the recipe", b.hold},
	}
	for _, s := range steps {
		b.Step(s.name)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.out.Publish()
}

// load type-checks the packages and cuts the texts.
func (b *builder) load(ctx context.Context) error {
	var err error
	if b.program, err = code.Load(ctx, b.Tree, b.Keep); err != nil {
		return err
	}
	for _, p := range b.program.Packages {
		b.docs = append(b.docs, p.Document)
	}
	for path, problem := range b.program.Broken {
		b.out.Reject("goroot:"+path, "package-does-not-type-check", problem)
	}
	for _, t := range b.Tree.Texts() {
		genre := "manual"
		if t.Book {
			genre = "book"
		}
		text := outline.Parse(outline.Source{
			ID: t.DocID(), Title: t.Title, Genre: genre, Licence: t.Licence, Content: t.Content,
		})
		b.texts[t.DocID()] = text
		b.docs = append(b.docs, text.Document)
	}
	return nil
}

// count fills in the tokens of every piece.
func (b *builder) count(ctx context.Context) error {
	return parallel(ctx, len(b.docs), func(i int) error {
		e := b.Tokenizer.NewEncoder()
		var ids []int32
		for _, part := range b.docs[i].Parts {
			for _, p := range part.Pieces {
				ids = e.Encode(ids[:0], p.Text(), false)
				p.Tokens = len(ids)
			}
		}
		return nil
	})
}

// assign gives every document its split, as all datasets of the project do.
func (b *builder) assign(context.Context) error {
	texts := func(yield func(id, text string) bool) {
		packages := b.Tree.Packages()
		for i := range packages {
			if !yield(packages[i].DocID(), packages[i].Text()) {
				return
			}
		}
		for _, t := range b.Tree.Texts() {
			if !yield(t.DocID(), t.Content) {
				return
			}
		}
	}
	var err error
	b.splits, err = split.Assign(texts, split.DefaultShares())
	return err
}

// compose makes the views: held-out splits first get their part of each band, training the rest.
// Large bands come first, since few documents can serve them.
func (b *builder) compose(context.Context) error {
	per := b.Recipe.PerView
	composers := map[string]*material.Composer{}
	share := map[string]float64{}
	for _, name := range []string{split.Test, split.Validation, split.Train} {
		var docs []*material.Document
		for _, d := range b.docs {
			if b.splits[d.ID] == name {
				docs = append(docs, d)
			}
		}
		composers[name] = material.NewComposer(name, docs, b.Recipe.Limits.MaxRowsPerDocument)
		share[name] = float64(len(docs)) / float64(len(b.docs))
	}
	for i := len(b.Recipe.Quota) - 1; i >= 0; i-- {
		q := b.Recipe.Quota[i]
		left := q.Views
		for _, name := range []string{split.Test, split.Validation, split.Train} {
			want := left
			if name != split.Train {
				want = int(float64(q.Views)*share[name] + 0.5)
			}
			left -= b.composeSome(composers[name], name, q.Band, want, per)
		}
	}
	if len(b.views) == 0 {
		return errors.New("the documents are too short for any context")
	}
	return nil
}

// composeSome makes up to n views of a split within a band and returns their number.
func (b *builder) composeSome(c *material.Composer, name string, band material.Band,
	n, per int) int {
	made := 0
	for tries := 0; made < n && tries < 4*n+8; tries++ {
		v := c.Next(band, per)
		if v == nil {
			continue
		}
		c.Spend(v, per)
		b.views = append(b.views, &chosen{view: v, split: name, band: band})
		made++
	}
	return made
}

// parallel calls f for 0 … n-1 on all processors and returns the error of the lowest index.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = f(i)
				}
			}
		})
	}
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("%w (item %s)", err, strconv.Itoa(i))
		}
	}
	return nil
}
