package teacher

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"

	"longlora/longqa/endpoint"
	"longlora/longqa/figures"
	"longlora/longqa/heldout"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what to build and where.
type Options struct {
	// Dataset is that of the rows: all but Config, which is the teacher's with More.
	Out     string
	Dataset shard.Options
	More    map[string]any
	// Contexts are asked about, in order, at most Limit of them if it is positive.
	Contexts func(reject func(id, reason, detail string)) iter.Seq2[*Context, error]
	Limit    int
	Figures  *figures.Figures
	// Evaluation, if not nil, has the evaluation sets whose text no context, and no row for training,
	// may hold.
	Evaluation *decontaminate.Index
	// MaxRejected is the greatest part of the questions that may be rejected.
	MaxRejected limit.Limit
	// Progress is called with contexts that were asked about; it may be nil.
	Progress func(contexts int64)
}

// Result is a published dataset with its figures.
type Result struct {
	Manifest *schemas.Manifest
	Contexts int64
	Left     int64 // calls that were left out
}

// contextsPerFile is the number of contexts in one Parquet file.
const contextsPerFile = 64

// Run asks about contexts and publishes a dataset of what is kept. On an error nothing is
// published, and the calls that were answered are kept in the client's journal.
func (t *Teacher) Run(ctx context.Context, o Options) (*Result, error) {
	d := o.Dataset
	d.Config = map[string]any{"stage": "longqa teach", "limit": o.Limit, "teacher": t.Config()}
	for k, v := range o.More {
		d.Config[k] = v
	}
	if o.Evaluation != nil {
		d.Config["evaluation"] = o.Evaluation.Config()
	}
	out, err := shard.Create(o.Out, d)
	if err != nil {
		return nil, err
	}
	w := &rowWriter{out: out, o: o, files: map[string]*fileOf{},
		sets: heldout.Evaluation{Index: o.Evaluation}}
	r, err := t.run(ctx, w)
	if err != nil {
		return nil, errors.Join(t.explain(err), out.Abort())
	}
	return r, nil
}

// explain says what to do about the end of a run.
func (t *Teacher) explain(err error) error {
	s := t.client.Stats()
	if errors.Is(err, endpoint.ErrBudget) {
		return fmt.Errorf("teach: %w, after %d answered calls of this run; nothing is lost: raise "+
			"teacher.budget and run the command again, or publish what there is with --partial", err, s.Answered)
	}
	return fmt.Errorf("teach: %w", err)
}

func (t *Teacher) run(ctx context.Context, w *rowWriter) (*Result, error) {
	contexts := w.clean(w.o.Contexts(w.out.Reject))
	if w.o.Limit > 0 {
		contexts = first(contexts, w.o.Limit)
	}
	for o, err := range t.All(ctx, contexts) {
		if err == nil {
			err = w.add(o)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.close(); err != nil {
		return nil, err
	}
	f := w.o.Figures
	f.Finish()
	if err := w.hold(); err != nil {
		return nil, err
	}
	w.out.Report("figures", f.Report())
	w.out.Report("calls_left_out", w.left)
	w.out.Describe(t.card(f, w))
	m, err := w.out.Publish()
	return &Result{Manifest: m, Contexts: w.contexts, Left: w.left}, err
}

// clean leaves out contexts that hold text of an evaluation set, before a call is made about them.
func (w *rowWriter) clean(contexts iter.Seq2[*Context, error]) iter.Seq2[*Context, error] {
	return func(yield func(*Context, error) bool) {
		sets := w.sets
		for c, err := range contexts {
			if err == nil {
				if hit := sets.Hit(c.Text); hit != "" {
					w.out.Reject("context:"+c.id(), heldout.EvaluationText, hit)
					continue
				}
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// first yields the first n values.
func first[T any](seq iter.Seq2[T, error], n int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if !yield(v, err) {
				return
			}
			if n--; n == 0 {
				return
			}
		}
	}
}

// rowWriter writes outcomes as they come, in files of contextsPerFile contexts of a split.
type rowWriter struct {
	out                  *shard.Builder
	o                    Options
	files                map[string]*fileOf
	sets                 heldout.Evaluation
	contexts, rows, left int64
	rejected             map[string]int64
}

type fileOf struct {
	w               *shard.FileWriter[schemas.Example]
	index, contexts int
}

func (w *rowWriter) add(o *Outcome) error {
	w.contexts++
	w.left += int64(o.Left)
	if w.rejected == nil {
		w.rejected = map[string]int64{}
	}
	for _, r := range o.Rejects {
		w.rejected[r.Reason]++
		w.out.Reject(r.ID, r.Reason, r.Detail)
	}
	if w.o.Progress != nil {
		w.o.Progress(1)
	}
	o.Rows = slices.DeleteFunc(o.Rows, func(e schemas.Example) bool {
		hit := w.sets.HitRow(&e)
		if hit != "" {
			w.rejected[heldout.EvaluationText]++
			w.out.Reject(e.ID, heldout.EvaluationText, hit)
		}
		return hit != ""
	})
	if len(o.Rows) == 0 {
		return nil
	}
	f, err := w.file(o.Rows[0].Split)
	if err != nil {
		return err
	}
	f.contexts++
	chars := int64(utf8.RuneCountInString(o.Rows[0].Context))
	for i := range o.Rows {
		w.o.Figures.Add(figures.See(&o.Rows[i], chars))
	}
	w.rows += int64(len(o.Rows))
	return f.w.Write(o.Rows...)
}

func (w *rowWriter) file(split string) (f *fileOf, err error) {
	f = w.files[split]
	if f == nil {
		f = &fileOf{}
		w.files[split] = f
	}
	if f.contexts == contextsPerFile {
		if err := f.w.Close(); err != nil {
			return nil, err
		}
		f.w, f.contexts, f.index = nil, 0, f.index+1
	}
	if f.w == nil {
		f.w, err = shard.NewFile[schemas.Example](w.out, split, f.index)
	}
	return f, err
}

func (w *rowWriter) close() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.w.Close())
	}
	return errors.Join(errs...)
}

// hold checks what is left against the limit.
func (w *rowWriter) hold() error {
	var n int64
	for _, c := range w.rejected {
		n += c
	}
	if w.rows == 0 {
		return fmt.Errorf("no row is left: %d contexts, %d calls left out, %d rejected (%s)", w.contexts,
			w.left, n, limit.Reasons(w.rejected))
	}
	return w.o.MaxRejected.Check("questions were rejected", "--max-rejected", n, w.rows+n, w.rejected)
}

const cardText = `Questions and answers that a model, ` + "`%s`" +
	`, wrote about %d contexts, by ` +
	"`longqa teach`" + `.

**Answers** quote their evidence, and every quotation was found in the context, white space and the shape
of quotation marks apart; %s. What was rejected is counted below.
Whether answers of this model may train another is a matter of its licence, which the rows' licence, that
of the material, does not cover.

%s

**Origin.** Each row's ` + "`meta`" + ` has the model as the endpoint named it, the messages (` +
	"`{context}`" + ` stands for the context) and settings of its call.

## Figures

%s`

func (t *Teacher) card(f *figures.Figures, w *rowWriter) shard.Card {
	critic := "no critic looked at them"
	if c := t.recipe.Critic; !c.Off {
		critic = fmt.Sprintf("a second call, to `%s`, scored each answer against its passages, and those "+
			"below %d of 5 were rejected", c.Model, c.MinScore)
	}
	return shard.Card{
		Title: "LongQA by " + t.recipe.Model,
		Text: fmt.Sprintf(cardText, t.recipe.Model, w.contexts, critic, w.sets.Text("contexts and rows"),
			f.Table()),
		Tags: []string{"question-answering", "long-context", "synthetic"},
	}
}
