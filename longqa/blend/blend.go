// Package blend puts datasets of examples together: long rows, all of them, and short ones by
// share, so that a model that learns to read long material keeps its skill with short instructions.
package blend

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/figures"
	"longlora/longqa/heldout"
	"longlora/longqa/score"
	"longlora/pipeline/card"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/licence"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what to put together.
type Options struct {
	Out, Name string
	Overwrite bool
	// About says in a sentence or two what the dataset is; it may be empty.
	About string
	// Long are kept whole; of Short rows are drawn. Without Short the share is 0.
	Long, Short []*shard.Dataset
	// Share is the part, in [0, 1), that short rows have of each split's rows.
	Share float64
	// Splits are the splits that get short rows; none means train alone.
	Splits []string
	// Seed draws the short rows.
	Seed string
	// Gate lets rows through by their licence; nil lets all through.
	Gate *licence.Gate
	// Evaluation, if not nil, has the evaluation sets whose text no row for training may hold.
	Evaluation *decontaminate.Index
	Figures    *figures.Figures
	// ClosedBook, if not nil, is what the card says of a model that answered rows of the dataset with
	// the material and without.
	ClosedBook *score.Comparison
}

// Report counts rows by split.
type Report struct {
	Long, Short map[string]int64
	Denied      int64
	// Leaked are training rows that had text of a held-out question, Evaluation those that had text of
	// an evaluation set.
	Leaked, Evaluation int64
}

// Run publishes the blend. Too few short rows are an error: a share is kept or not claimed.
func Run(ctx context.Context, o Options) (*schemas.Manifest, *Report, error) {
	if err := o.validate(); err != nil {
		return nil, nil, fmt.Errorf("mix: %w", err)
	}
	all := append(slices.Clone(o.Long), o.Short...)
	options := shard.Options{
		Kind: schemas.KindExample, Name: o.Name, Overwrite: o.Overwrite,
		Tokenizer: all[0].Manifest().Tokenizer,
		Draw:      card.Draw,
		Config: map[string]any{
			"stage": "longqa mix", "share": o.Share, "splits": o.Splits, "seed": o.Seed,
			"licences": o.Gate.Config(), "long": len(o.Long),
		},
	}
	if o.Evaluation != nil {
		options.Config["evaluation"] = o.Evaluation.Config()
	}
	for _, d := range all {
		m := d.Manifest()
		options.Parents = append(options.Parents, schemas.Parent{Name: m.Name, Digest: m.Digest})
	}
	var err error
	if options.TokenizerFile, err = all[0].TokenizerFile(ctx); err != nil {
		return nil, nil, fmt.Errorf("mix: %w", err)
	}
	b, err := shard.Create(o.Out, options)
	if err != nil {
		return nil, nil, err
	}
	w := &blender{
		Options: o, out: b, index: map[string]int{}, ids: map[string]string{},
		report: &Report{Long: map[string]int64{}, Short: map[string]int64{}}, guard: heldout.New(),
		sets: heldout.Evaluation{Index: o.Evaluation},
	}
	m, err := w.run(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("mix: %w", err), b.Abort())
	}
	return m, w.report, nil
}

func (o *Options) validate() error {
	var errs []error
	if len(o.Long) == 0 || len(o.Short) == 0 && o.Share > 0 {
		errs = append(errs, errors.New("it needs a dataset of long rows and one of short rows"))
	}
	if !(o.Share >= 0 && o.Share < 1) {
		errs = append(errs, fmt.Errorf("the share is %g, want at least 0 and below 1", o.Share))
	}
	if len(o.Splits) == 0 {
		o.Splits = []string{"train"}
	}
	if o.Gate == nil {
		o.Gate = &licence.Gate{}
	}
	var first *schemas.TokenizerRef
	for i, d := range append(slices.Clone(o.Long), o.Short...) {
		m := d.Manifest()
		if m.Kind != schemas.KindExample {
			errs = append(errs, fmt.Errorf("%s holds rows of kind %s, not %s", d.Dir(), m.Kind,
				schemas.KindExample))
			continue
		}
		if i == 0 {
			first = m.Tokenizer
		} else if (m.Tokenizer == nil) != (first == nil) ||
			first != nil && m.Tokenizer.Digest != first.Digest {
			errs = append(errs, fmt.Errorf("%s counts tokens by another tokenizer than %s", d.Dir(),
				o.Long[0].Dir()))
		}
	}
	return errors.Join(errs...)
}

type blender struct {
	Options
	out    *shard.Builder
	index  map[string]int    // next file by split
	ids    map[string]string // the dataset of each id
	report *Report
	guard  *heldout.Guard
	sets   heldout.Evaluation
	// context is the last one that was compared with what is held out, and hit what was found there.
	context, hit string
}

func (w *blender) run(ctx context.Context) (*schemas.Manifest, error) {
	if err := w.holdOut(ctx); err != nil {
		return nil, err
	}
	for _, d := range w.Long {
		if err := w.copy(ctx, d, nil, w.report.Long); err != nil {
			return nil, err
		}
	}
	chosen, err := w.draw(ctx)
	if err != nil {
		return nil, err
	}
	for i, d := range w.Short {
		if err := w.copy(ctx, d, chosen[i], w.report.Short); err != nil {
			return nil, err
		}
	}
	w.Figures.Finish()
	w.out.Report("figures", w.Figures.Report())
	w.out.Report("mix", map[string]any{
		"long": w.report.Long, "short": w.report.Short, "denied": w.report.Denied,
		"held_out_questions": w.guard.Questions(), "held_out_question_in_row": w.report.Leaked,
		"evaluation_text": w.report.Evaluation,
	})
	if w.ClosedBook != nil {
		if err := w.ClosedBook.Check(); err != nil {
			return nil, err
		}
		w.out.Report("closed_book", w.ClosedBook.Report())
	}
	w.out.Describe(w.card())
	return w.out.Publish()
}

// holdOut learns the questions that are not trained on, of all datasets.
func (w *blender) holdOut(ctx context.Context) error {
	for _, d := range append(slices.Clone(w.Long), w.Short...) {
		for n, f := range d.Manifest().Files {
			if f.Split == heldout.Train {
				continue
			}
			for e, err := range shard.FileRows[schemas.Example](d, n) {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					return err
				}
				w.guard.HoldRow(&e)
			}
		}
	}
	return nil
}

// leaks returns what a training row has of a held-out question; "" if it has nothing.
func (w *blender) leaks(e *schemas.Example) string {
	if e.Split != heldout.Train {
		return ""
	}
	if e.Context == "" || e.Context != w.context {
		words, name := w.guard.HitRow(e)
		if w.hit = ""; words != "" {
			w.hit = fmt.Sprintf("%q of %s", words, name)
		}
		w.context = e.Context
	}
	return w.hit
}

// copy writes a dataset's rows, or those that were chosen, file by file.
func (w *blender) copy(ctx context.Context, d *shard.Dataset, chosen map[string]bool,
	counts map[string]int64) error {
	for n, f := range d.Manifest().Files {
		var out *shard.FileWriter[schemas.Example]
		for e, err := range shard.FileRows[schemas.Example](d, n) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if chosen != nil && !chosen[e.ID] {
				continue
			}
			if keep, err := w.keeps(&e, d); err != nil {
				return err
			} else if !keep {
				continue
			}
			if out == nil {
				if out, err = shard.NewFile[schemas.Example](w.out, f.Split, w.index[f.Split]); err != nil {
					return err
				}
				w.index[f.Split]++
			}
			counts[f.Split]++
			if err := out.Write(e); err != nil {
				return err
			}
		}
		if out == nil {
			continue
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
	return nil
}

// keeps reports whether a row of a dataset goes in, and counts it.
func (w *blender) keeps(e *schemas.Example, d *shard.Dataset) (bool, error) {
	if w.Gate.Check(e.Licence) != "" {
		w.report.Denied++
		return false, nil
	}
	if what := w.leaks(e); what != "" {
		w.report.Leaked++
		w.out.Reject(e.ID, "held-out-question-in-row", what)
		return false, nil
	}
	if hit := w.sets.HitRow(e); hit != "" {
		w.report.Evaluation++
		w.out.Reject(e.ID, heldout.EvaluationText, hit)
		return false, nil
	}
	if before, twice := w.ids[e.ID]; twice {
		return false, fmt.Errorf("row %s is in %s and %s", e.ID, before, d.Dir())
	}
	w.ids[e.ID] = d.Dir()
	w.Figures.Add(figures.See(e, int64(len([]rune(e.Context)))))
	if w.ClosedBook != nil {
		w.ClosedBook.See(e.ID)
	}
	return true, nil
}

// draw chooses the short rows: of every split that gets some, as many as the share asks, from all
// short datasets alike.
func (w *blender) draw(ctx context.Context) ([]map[string]bool, error) {
	type candidate struct {
		set int
		id  string
	}
	pools := map[string][]candidate{}
	for i, d := range w.Short {
		for e, err := range shard.Rows[schemas.Example](d, "") {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			if slices.Contains(w.Splits, e.Split) && w.Gate.Check(e.Licence) == "" && w.leaks(&e) == "" &&
				w.sets.HitRow(&e) == "" {
				pools[e.Split] = append(pools[e.Split], candidate{i, e.ID})
			}
		}
	}
	chosen := make([]map[string]bool, len(w.Short))
	for i := range chosen {
		chosen[i] = map[string]bool{}
	}
	for _, split := range w.Splits {
		want := int(float64(w.report.Long[split])*w.Share/(1-w.Share) + 0.5)
		pool := pools[split]
		if len(pool) < want {
			return nil, fmt.Errorf("a share of %g of split %s needs %d short rows, there are %d; lower the "+
				"share or name another short dataset", w.Share, split, want, len(pool))
		}
		for _, c := range dice.Shuffled(dice.New("mix", w.Seed, split), pool)[:want] {
			chosen[c.set][c.id] = true
		}
	}
	return chosen, nil
}

const (
	shortText = ", and short instructions of %s drawn so that they are %.0f %% of the rows of %v"
	guardText = ".\n\nNo row for training has 13 words in a row of one of the %d questions that are held " +
		"out, or of its answer, in its context, or, without one, in its answer (%d were left out)."
)

func (w *blender) card() shard.Card {
	names := func(all []*shard.Dataset) string {
		text := ""
		for i, d := range all {
			if i > 0 {
				text += ", "
			}
			text += "`" + d.Manifest().Name + "`"
		}
		return text
	}
	text := strings.TrimLeft(w.About+"\n\n", "\n") + "Long rows of " + names(w.Long)
	if len(w.Short) > 0 {
		text += fmt.Sprintf(shortText, names(w.Short), 100*w.Share, w.Splits)
	}
	text += fmt.Sprintf(guardText, w.guard.Questions(), w.report.Leaked)
	text += "\n\n" + w.sets.Text("rows for training")
	if w.ClosedBook != nil {
		text += "\n\n" + strings.TrimSpace(w.ClosedBook.Text())
	}
	return shard.Card{
		Title: filepath.Base(w.Name), Text: text + "\n\n## Figures\n\n" + w.Figures.Table(),
		Tags: []string{"question-answering", "long-context"},
	}
}
