// Package importer makes a dataset of rows that others wrote: a published set, or a team's own
// files.
package importer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer"
	"longlora/longqa/cut"
	"longlora/longqa/dice"
	"longlora/longqa/figures"
	"longlora/longqa/gold"
	"longlora/longqa/heldout"
	"longlora/longqa/material"
	pictures "longlora/pipeline/card"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what to import.
type Options struct {
	Out       string
	Overwrite bool
	Source    gold.Source
	Path      string
	Tokenizer *tokenizer.Tokenizer
	// MaxTokens bounds a context; a longer one loses lines that hold no evidence. 0 means no bound.
	MaxTokens int
	// MaxDropped is the greatest part of the rows that may be dropped.
	MaxDropped limit.Limit
	// Gate lets rows through by their licence; nil lets all through.
	Gate *licence.Gate
	// Evaluation, if not nil, has the evaluation sets whose text no row for training may hold.
	Evaluation *decontaminate.Index
	// ExpectCounts fails if the rows are not as many as the publisher says.
	ExpectCounts bool
	// Bands and FarApart are for the figures.
	Bands    []material.Band
	FarApart float64
}

// Result is a published dataset with its figures.
type Result struct {
	Manifest *schemas.Manifest
	Figures  *figures.Figures
	// Differs says in what the rows are not as many as the publisher says; "" if they are.
	Differs string
}

// Run imports and publishes a dataset. On an error nothing is published.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Gate == nil {
		o.Gate = &licence.Gate{}
	}
	config := map[string]any{
		"stage": "longqa import", "source": o.Source.Name(), "max_tokens": o.MaxTokens,
		"licences": o.Gate.Config(),
	}
	if o.Evaluation != nil {
		config["evaluation"] = o.Evaluation.Config()
	}
	if c, ok := o.Source.(interface{ Config() map[string]any }); ok {
		maps.Copy(config, c.Config())
	}
	out, err := shard.Create(o.Out, shard.Options{
		Kind: schemas.KindExample, Name: "longqa-" + o.Source.Name(), Overwrite: o.Overwrite,
		Config:        config,
		Draw:          pictures.Draw,
		Tokenizer:     tokenizerRef(o.Tokenizer),
		TokenizerFile: o.Tokenizer.Bytes(),
	})
	if err != nil {
		return nil, err
	}
	g := &importer{
		Options: o, out: out, cutter: cut.New(o.Tokenizer), parts: map[string]int{},
		files:   map[string]*shard.FileWriter[schemas.Example]{},
		figures: figures.New(o.Bands, o.FarApart), sets: heldout.Evaluation{Index: o.Evaluation},
	}
	m, err := g.run(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("import %s: %w", o.Source.Name(), err), out.Abort())
	}
	return &Result{Manifest: m, Figures: g.figures, Differs: g.differs}, nil
}

func tokenizerRef(t *tokenizer.Tokenizer) *schemas.TokenizerRef {
	return &schemas.TokenizerRef{Name: t.Name(), Digest: t.Digest(), VocabSize: t.VocabSize()}
}

// importer writes rows as they come, one file a split.
type importer struct {
	Options
	out     *shard.Builder
	cutter  *cut.Cutter
	files   map[string]*shard.FileWriter[schemas.Example]
	figures *figures.Figures
	sets    heldout.Evaluation
	parts   map[string]int // rows by the publisher's part
	differs string
	rows    int64
	cut     int64
	context string // the last one, with its length
	tokens  int32
	ids     []int32
}

func (g *importer) run(ctx context.Context) (*schemas.Manifest, error) {
	seen := map[string]bool{}
	for row, err := range g.Source.Rows(g.Path) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && row.Problem == "" {
			if seen[row.ID] {
				row.Reason, row.Problem = "duplicate-id", "a row before has its id"
			}
			seen[row.ID] = true
		}
		if err == nil {
			err = g.row(&row)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, split := range slices.Sorted(maps.Keys(g.files)) {
		if err := g.files[split].Close(); err != nil {
			return nil, err
		}
	}
	g.figures.Finish()
	if err := g.hold(); err != nil {
		return nil, err
	}
	g.out.Report("figures", g.figures.Report())
	g.out.Report("cut_contexts", g.cut)
	if g.differs != "" {
		g.out.Report("published_counts", g.differs)
	}
	g.out.Describe(g.card())
	return g.out.Publish()
}

// hold checks what was dropped and the publisher's counts.
func (g *importer) hold() error {
	rejected := g.out.Rejected()
	var dropped int64
	for _, n := range rejected {
		dropped += n
	}
	published := g.Source.Published()
	switch g.differs = differences(published, g.parts); {
	case g.ExpectCounts && len(published.Rows) == 0:
		return errors.New("its publisher names no counts; leave --expect-counts out")
	case g.ExpectCounts && g.differs != "":
		return errors.New(g.differs)
	}
	err := g.MaxDropped.Check("rows were dropped", "--max-dropped", dropped, g.rows, rejected)
	if err == nil && g.rows == dropped {
		err = fmt.Errorf("no row is left of %d", g.rows)
	}
	return err
}

// differences says in which parts that were read there are not as many rows as the publisher has.
func differences(p gold.Published, got map[string]int) string {
	if len(p.Rows) == 0 {
		return ""
	}
	var wrong []string
	for _, part := range slices.Sorted(maps.Keys(got)) {
		switch want, known := p.Rows[part]; {
		case !known:
			wrong = append(wrong, fmt.Sprintf("%d rows of %s, of which the publisher gives no count",
				got[part], part))
		case got[part] != want:
			wrong = append(wrong, fmt.Sprintf("%d rows of %s, the publisher has %d", got[part], part, want))
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return strings.Join(wrong, "; ") + " (" + p.Origin + ")"
}

func (g *importer) row(row *gold.Row) error {
	g.rows++
	if row.Part == "" {
		row.Part = row.Split
	}
	g.parts[row.Part]++
	if row.Problem != "" {
		reason := row.Reason
		if reason == "" {
			reason = "malformed"
		}
		g.out.Reject(row.ID, reason, row.Problem)
		return nil
	}
	e := row.Example
	if problem := g.Gate.Check(e.Licence); problem != "" {
		g.out.Reject(e.ID, licence.Reason, problem)
		return nil
	}
	if hit := g.sets.HitRow(&e); hit != "" {
		g.out.Reject(e.ID, heldout.EvaluationText, hit)
		return nil
	}
	if err := g.fit(&e); err != nil {
		long, ok := errors.AsType[cut.TooLong](err)
		if !ok {
			return fmt.Errorf("row %s: %w", e.ID, err)
		}
		g.out.Reject(e.ID, "evidence-longer-than-context", long.Error())
		return nil
	}
	e.NTokens = g.count(e.Context)
	if e.Genre != "short" && e.Meta["question_place"] == "" {
		e.QuestionFirst = dice.New("question first", e.ID).Float() < 0.5
	}
	return g.write(&e)
}

func (g *importer) write(e *schemas.Example) error {
	w := g.files[e.Split]
	if w == nil {
		var err error
		if w, err = shard.NewFile[schemas.Example](g.out, e.Split, 0); err != nil {
			return err
		}
		g.files[e.Split] = w
	}
	g.figures.Add(figures.See(e, int64(utf8.RuneCountInString(e.Context))))
	return w.Write(*e)
}

// count counts a context's tokens; rows that follow each other often share one.
func (g *importer) count(text string) int32 {
	if text != g.context {
		g.ids = g.Tokenizer.Encode(g.ids[:0], text, false)
		g.context, g.tokens = text, int32(len(g.ids))
	}
	return g.tokens
}

// fit cuts a context that is too long around its evidence.
func (g *importer) fit(e *schemas.Example) error {
	if g.MaxTokens == 0 || int(g.count(e.Context)) <= g.MaxTokens {
		return nil
	}
	draw := dice.New("cut", e.ID).Float()
	text, evidence, err := g.cutter.Cut(g.cutter.Lines(e.Context), e.Evidence, g.MaxTokens, draw)
	if err != nil {
		return err
	}
	g.cut++
	e.Context, e.Evidence = text, evidence
	return nil
}

const cardText = `%s

Made by ` + "`longqa import`" + ` from the files of %s: questions, answers and evidence are theirs, and
so are the splits. Where a row names no evidence, the whole material is.

%s

## Figures

%s`

func (g *importer) card() shard.Card {
	s := g.Source
	return shard.Card{
		Title: "LongQA from " + s.Name(),
		Text: fmt.Sprintf(cardText, s.About(), s.Name(), g.sets.Text("rows for training"),
			g.figures.Table()),
		Languages: languages(s.Name()), Tags: []string{"question-answering", "long-context"},
	}
}

// languages are those of a published set; of others they are not known.
func languages(set string) []string {
	if set == "longbench" || set == "longbench2" {
		return []string{"en", "zh"}
	}
	if _, err := gold.Find(set); err != nil {
		return nil
	}
	return []string{"en"}
}
