package build

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"longlora/internal/store"
	"longlora/internal/tokenizer"
	"longlora/longqa/corpus"
	"longlora/longqa/figures"
	"longlora/longqa/heldout"
	"longlora/longqa/material"
	"longlora/longqa/score"
	"longlora/longqa/task"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/goroot"
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
	"longlora/pipeline/split"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what to build and where.
type Options struct {
	Out       string
	Overwrite bool
	Recipe    Recipe
	// Tree is the Go tree of the recipe's goroot material.
	Tree      *goroot.Tree
	Tokenizer *tokenizer.Tokenizer
	// Stores says how the URLs of material are reached.
	Stores store.Options
	// Evaluation, if not nil, has the evaluation sets whose text no document may hold. The questions
	// that the dataset itself holds out are always looked for in what is trained on.
	Evaluation *decontaminate.Index
	// Gate lets documents through by their licence; nil lets all through.
	Gate *licence.Gate
	// MaxDropped is the greatest part of the corpora's documents that may be dropped.
	MaxDropped limit.Limit
	// ClosedBook, if not nil, is what the card says of a model that answered rows of this dataset with
	// the material and without.
	ClosedBook *score.Comparison
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

// builder carries the work from material to material.
type builder struct {
	Options
	out     *shard.Builder
	corpora map[int]*corpus.Corpus // by the recipe's material
	chooser *chooser
	guard   *heldout.Guard
	leaked  int64          // contexts for training that held-out questions' text was in
	files   map[string]int // by split
	figures *figures.Figures
	broken  map[string]string
	spills  map[int]*corpus.Spill
	bytes   map[int]int64 // of kept documents, by material
	// splits are those of all documents of corpora, treeParts those of the Go tree's.
	splits, treeParts map[string]string
}

// chosen is a view with the questions asked about it.
type chosen struct {
	view    *material.View
	split   string
	band    material.Band
	planted bool // its questions are about planted lines
	scope   *task.Scope
	offers  []offer
	picked  []offer
	reject  []rejected
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
	b := &builder{
		Options: o, corpora: map[int]*corpus.Corpus{}, files: map[string]int{},
		broken: map[string]string{}, guard: heldout.New(), spills: map[int]*corpus.Spill{}, bytes: map[int]int64{},
	}
	if b.Gate == nil {
		b.Gate = &licence.Gate{}
	}
	if b.Limit > 0 {
		b.Recipe = b.Recipe.scaled(b.Limit)
	}
	if err := b.open(ctx); err != nil {
		return nil, fmt.Errorf("build LongQA: %w", err)
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
	return &Result{Manifest: m, Figures: b.figures, Broken: b.broken}, nil
}

// open opens the material.
func (b *builder) open(ctx context.Context) error {
	if err := b.Recipe.Validate(); err != nil {
		return err
	}
	if len(b.Recipe.Material) == 0 {
		return fmt.Errorf("the recipe %s needs material; name documents or a source", b.Recipe.Name)
	}
	for i, m := range b.Recipe.Material {
		if m.Source == Goroot {
			if b.Tree == nil {
				return errors.New("the material goroot needs a Go tree")
			}
			continue
		}
		c, err := corpus.Open(ctx, m.Material, b.Stores)
		if err != nil {
			return err
		}
		b.corpora[i] = c
	}
	return nil
}

func (b *builder) run(ctx context.Context) (*schemas.Manifest, error) {
	b.figures = figures.New(b.Recipe.Bands(), b.Recipe.Limits.FarApart)
	b.chooser = newChooser(b.Recipe)
	if err := b.scan(ctx); err != nil {
		return nil, err
	}
	for _, splits := range phases() {
		if err := b.phase(ctx, splits); err != nil {
			return nil, err
		}
	}
	if b.chooser.rows == 0 {
		return nil, errors.New("no question can be asked about the material: its documents are too short " +
			"for the recipe's contexts, or none of the recipe's tasks suits them")
	}
	b.figures.Finish()
	b.Step("hold the figures against the recipe")
	if err := b.compare(); err != nil {
		return nil, fmt.Errorf("hold the figures against the recipe: %w", err)
	}
	return b.out.Publish()
}

// phases are the splits in the order in which they are made: first what is held out, all of it, so
// that nothing of it gets into what is trained on.
func phases() [][]string { return [][]string{{split.Validation, split.Test}, {split.Train}} }

// phase makes the rows of some splits, of all the material.
func (b *builder) phase(ctx context.Context, splits []string) error {
	for i := range b.Recipe.Material {
		for p, err := range b.parts(ctx, i) {
			if err == nil {
				err = b.ask(ctx, p, splits)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// ask makes the rows of some splits of a part: contexts, questions, files.
func (b *builder) ask(ctx context.Context, p *part, splits []string) error {
	if !p.hasAny(splits) {
		return nil
	}
	b.Step("count tokens" + p.suffix)
	if err := p.count(ctx, b.Tokenizer); err != nil {
		return fmt.Errorf("count tokens: %w", err)
	}
	b.Step("compose contexts" + p.suffix)
	views := p.compose(b.Recipe)
	b.Step("ask and write" + p.suffix)
	for _, name := range splits {
		for batch := range batches(p, views, name) {
			if err := b.batch(ctx, p, name, batch); err != nil {
				return err
			}
		}
	}
	return nil
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
