package build

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"longlora/internal/tokenizer"
	"longlora/longqa/cut"
	"longlora/longqa/dice"
	"longlora/longqa/figures"
	"longlora/longqa/gold"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// GoldOptions says which published set to read.
type GoldOptions struct {
	Out       string
	Overwrite bool
	Source    gold.Source
	Path      string
	Tokenizer *tokenizer.Tokenizer
	// MaxTokens bounds a context; a longer one loses lines that hold no evidence. 0 means no bound.
	MaxTokens int
	// MaxDropped is the greatest part of the rows that may be dropped.
	MaxDropped limit.Limit
}

// RunGold builds and publishes a dataset of a published set.
func RunGold(ctx context.Context, o GoldOptions) (*Result, error) {
	out, err := shard.Create(o.Out, shard.Options{
		Kind: schemas.KindExample, Name: "longqa-" + o.Source.Name(), Overwrite: o.Overwrite,
		Config: map[string]any{
			"stage": "longqa build", "source": o.Source.Name(), "max_tokens": o.MaxTokens,
		},
		Tokenizer: tokenizerRef(o.Tokenizer), TokenizerFile: o.Tokenizer.Bytes(),
	})
	if err != nil {
		return nil, err
	}
	r := Default()
	g := &goldBuilder{
		GoldOptions: o, out: out, cutter: cut.New(o.Tokenizer),
		files:   map[string]*shard.FileWriter[schemas.Example]{},
		figures: figures.New(r.Bands(), r.Limits.FarApart),
	}
	m, err := g.run(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build LongQA from %s: %w", o.Source.Name(), err), out.Abort())
	}
	return &Result{Manifest: m, Figures: g.figures}, nil
}

func tokenizerRef(t *tokenizer.Tokenizer) *schemas.TokenizerRef {
	return &schemas.TokenizerRef{Name: t.Name(), Digest: t.Digest(), VocabSize: t.VocabSize()}
}

// goldBuilder writes rows as they come, one file a split.
type goldBuilder struct {
	GoldOptions
	out     *shard.Builder
	cutter  *cut.Cutter
	files   map[string]*shard.FileWriter[schemas.Example]
	figures *figures.Figures
	rows    int64
	cut     int64
	context string // the last one, with its length
	tokens  int32
	ids     []int32
}

func (g *goldBuilder) run(ctx context.Context) (*schemas.Manifest, error) {
	for row, err := range g.Source.Rows(g.Path) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = g.row(&row)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, w := range g.files {
		if err := w.Close(); err != nil {
			return nil, err
		}
	}
	g.figures.Finish()
	rejected := g.out.Rejected()
	var dropped int64
	for _, n := range rejected {
		dropped += n
	}
	if err := g.MaxDropped.Check("rows were dropped", "--max-dropped", dropped, g.rows, rejected); err != nil {
		return nil, err
	}
	if g.rows == dropped {
		return nil, fmt.Errorf("no row is left of %d", g.rows)
	}
	g.out.Report("figures", g.figures.Report())
	g.out.Report("cut_contexts", g.cut)
	g.out.Describe(goldCard(g.Source.Name(), g.Source.About(), g.figures))
	return g.out.Publish()
}

func (g *goldBuilder) row(row *gold.Row) error {
	g.rows++
	if row.Problem != "" {
		g.out.Reject(row.ID, "malformed", row.Problem)
		return nil
	}
	e := row.Example
	if err := g.fit(&e); err != nil {
		long, ok := errors.AsType[cut.TooLong](err)
		if !ok {
			return fmt.Errorf("row %s: %w", e.ID, err)
		}
		g.out.Reject(e.ID, "evidence-longer-than-context", long.Error())
		return nil
	}
	e.NTokens = g.count(e.Context)
	e.QuestionFirst = dice.New("question first", e.ID).Float() < 0.5
	w := g.files[e.Split]
	if w == nil {
		var err error
		if w, err = shard.NewFile[schemas.Example](g.out, e.Split, 0); err != nil {
			return err
		}
		g.files[e.Split] = w
	}
	g.figures.Add(figures.See(&e, int64(utf8.RuneCountInString(e.Context))))
	return w.Write(e)
}

// count counts a context's tokens; rows that follow each other often share one.
func (g *goldBuilder) count(text string) int32 {
	if text != g.context {
		g.ids = g.Tokenizer.Encode(g.ids[:0], text, false)
		g.context, g.tokens = text, int32(len(g.ids))
	}
	return g.tokens
}

// fit cuts a context that is too long around its evidence.
func (g *goldBuilder) fit(e *schemas.Example) error {
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
