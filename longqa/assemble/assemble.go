// Package assemble makes a dataset of all kinds of rows in one run: derived ones, those of
// published sets, a teacher's, and short instructions by share.
//
// Each kind is a dataset of its own in a folder beside the result, and goes when the result is
// published. A teacher's calls are kept in a journal, so that a run that was ended makes none
// again.
package assemble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"longlora/longqa/blend"
	"longlora/longqa/build"
	"longlora/longqa/endpoint"
	"longlora/longqa/figures"
	"longlora/longqa/gold"
	"longlora/longqa/importer"
	"longlora/longqa/teacher"
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what to make. Build has the recipe with its sections gold, teacher and short, and
// the place of the result.
type Options struct {
	Build build.Options
	// Key is the teacher's, Journal the folder of its calls; Partial makes no call.
	Key, Journal string
	Partial      bool
	// MaxDropped bounds the rows of published sets and of short ones that may be dropped, MaxRejected
	// a teacher's questions.
	MaxDropped, MaxRejected limit.Limit
	// MaxTokens bounds a context of a published set.
	MaxTokens int
	// Gate lets rows through by their licence; nil lets all through.
	Gate *licence.Gate
	// Calls is told at the end what the teacher's calls came to; it may be nil.
	Calls func(endpoint.Stats)
}

// Result is a published dataset with its figures.
type Result struct {
	Manifest *schemas.Manifest
	// Figures are the whole dataset's; where a limit of the recipe is missed, those of the derived
	// rows.
	Figures *figures.Figures
	Report  *blend.Report
}

// Wanted reports whether a recipe has rows beside derived ones.
func Wanted(r build.Recipe) bool {
	return len(r.Gold) > 0 || r.Teacher != nil || len(r.Short.From) > 0
}

// assembly is the work on one dataset.
type assembly struct {
	Options
	recipe build.Recipe
	parts  string // folder
	long   []*shard.Dataset
	short  []*shard.Dataset
}

// Run makes and publishes a dataset. On an error nothing is published.
func Run(ctx context.Context, o Options) (*Result, error) {
	a := &assembly{
		Options: o, recipe: o.Build.Recipe, parts: strings.TrimRight(o.Build.Out, "/") + ".parts",
	}
	if _, err := os.Stat(o.Build.Out); err == nil && !o.Build.Overwrite {
		return nil, fmt.Errorf("%s exists; replace it with --overwrite", o.Build.Out)
	}
	if err := os.RemoveAll(a.parts); err != nil {
		return nil, err
	}
	r, err := a.run(ctx)
	return r, errors.Join(err, os.RemoveAll(a.parts))
}

func (a *assembly) run(ctx context.Context) (*Result, error) {
	o := a.Build
	o.Out, o.Overwrite = filepath.Join(a.parts, "derived"), false
	o.ClosedBook = nil // the whole dataset has it
	derived, err := build.Run(ctx, o)
	if err != nil {
		r := &Result{}
		if derived != nil {
			r.Figures = derived.Figures
		}
		return r, err
	}
	d, err := shard.Open(o.Out)
	if err != nil {
		return nil, err
	}
	a.long = append(a.long, d)
	if err := a.imported(ctx, "gold", a.recipe.Gold, &a.long); err != nil {
		return nil, err
	}
	if a.recipe.Teacher != nil {
		if err := a.taught(ctx, d); err != nil {
			return nil, err
		}
	}
	if err := a.imported(ctx, "short", a.recipe.Short.From, &a.short); err != nil {
		return nil, err
	}
	return a.blend(ctx)
}

// imported reads published sets, or files of one's own.
func (a *assembly) imported(ctx context.Context, kind string, all []build.Rows,
	to *[]*shard.Dataset) error {
	for i, rows := range all {
		a.Build.Step("import " + rows.Source + rows.Format)
		source, err := sourceOf(rows)
		if err != nil {
			return err
		}
		dir := filepath.Join(a.parts, kind+"-"+strconv.Itoa(i))
		if _, err := importer.Run(ctx, importer.Options{
			Out: dir, Source: source, Path: rows.Path, Tokenizer: a.Build.Tokenizer, MaxTokens: a.MaxTokens,
			MaxDropped: a.MaxDropped, Gate: a.Gate, Bands: a.recipe.Bands(),
			FarApart: a.recipe.Limits.FarApart,
		}); err != nil {
			return err
		}
		d, err := shard.Open(dir)
		if err != nil {
			return err
		}
		*to = append(*to, d)
	}
	return nil
}

func sourceOf(rows build.Rows) (gold.Source, error) {
	if rows.Source != "" {
		return gold.Find(rows.Source)
	}
	format, err := importer.FindFormat(rows.Format)
	name := filepath.Base(filepath.Clean(rows.Path))
	return importer.Own{
		Format: format, Set: strings.TrimSuffix(name, filepath.Ext(name)), Licence: rows.Licence,
		Split: "train",
	}, err
}

// taught has the teacher ask about the contexts of the derived rows.
func (a *assembly) taught(ctx context.Context, derived *shard.Dataset) (err error) {
	a.Build.Step("ask the teacher")
	client, err := endpoint.Open(a.Journal, a.recipe.Teacher.Options, a.Key)
	if err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	t, err := teacher.New(*a.recipe.Teacher, client, a.Partial)
	if err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	o := teacher.Options{
		Out: filepath.Join(a.parts, "teacher"), MaxRejected: a.MaxRejected, More: map[string]any{},
		Figures: figures.New(a.recipe.Bands(), a.recipe.Limits.FarApart),
		Dataset: shard.Options{Kind: schemas.KindExample, Name: a.recipe.Name + "-teacher"},
		Limit:   a.recipe.Teacher.Contexts,
	}
	if err := o.Over(ctx, derived); err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	_, err = t.Run(ctx, o)
	if a.Calls != nil {
		a.Calls(client.Stats())
	}
	if err != nil {
		return err
	}
	d, err := shard.Open(o.Out)
	a.long = append(a.long, d)
	return err
}

// blend puts all rows together.
func (a *assembly) blend(ctx context.Context) (*Result, error) {
	a.Build.Step("put the rows together")
	share := 0.0
	if len(a.short) > 0 {
		if share = a.recipe.Short.Share; share == 0 {
			share = build.DefaultShare
		}
	}
	f := figures.New(a.recipe.Bands(), a.recipe.Limits.FarApart)
	m, report, err := blend.Run(ctx, blend.Options{
		Out: a.Build.Out, Name: a.recipe.Name, Overwrite: a.Build.Overwrite, About: a.recipe.About,
		Long: a.long, Short: a.short, Share: share, Gate: a.Gate, Figures: f, ClosedBook: a.Build.ClosedBook,
		Evaluation: a.Build.Evaluation,
	})
	if err != nil {
		return nil, err
	}
	return &Result{Manifest: m, Figures: f, Report: report}, nil
}
