package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/longqa/build"
	"longlora/longqa/corpus"
	"longlora/longqa/endpoint"
	"longlora/longqa/figures"
	"longlora/longqa/teacher"
	"longlora/pipeline/card"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// teachFlags are the flags of longqa teach.
type teachFlags struct {
	recipe, contexts, documents, out, journal, tokenizer, genre string
	evaluation                                                  []string
	overwrite, partial                                          bool
	limit, maxTokens                                            int
	maxRejected                                                 limit.Limit
}

func newTeach() *cobra.Command {
	f := teachFlags{maxRejected: limit.Share(0.9)}
	c := &cobra.Command{
		Use:   "teach --recipe FILE (--contexts DIR | --documents DIR) --out DIR",
		Short: "Have a model write questions and answers, and keep what the material supports",
		Long: "Have a model behind an OpenAI-compatible endpoint write questions and answers about the\n" +
			"contexts of a dataset that longqa build made, or about documents that pipeline ingest made,\n" +
			"and keep those whose evidence stands in the context and that a critic scores well.\n\n" +
			"The recipe's section teacher names endpoint, model, limits, budget and types of questions;\n" +
			"docs/teacher.md describes it. Every call is kept in the journal, so a run that ends for any\n" +
			"reason goes on where it was, and a rerun costs nothing. The types are:\n  " +
			strings.Join(teacher.Asks(), ", "),
		Example: "  longqa teach --recipe teacher.yaml --contexts build/longqa-books --out build/taught\n" +
			"  longqa teach --recipe teacher.yaml --documents build/papers --max-tokens 32000 --out build/qa",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runTeach(c, f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.recipe, "recipe", "", "YAML file with the section teacher")
	fs.StringVar(&f.contexts, "contexts", "",
		"example dataset whose contexts are asked about: a path or a URL")
	fs.StringVar(&f.documents, "documents", "", "document dataset to ask about: a path or a URL")
	fs.StringVar(&f.genre, "genre", "", "with --documents: genre of all (default: found out)")
	fs.IntVar(&f.maxTokens, "max-tokens", 64000,
		"with --documents: most tokens of a context; longer documents are asked about in parts")
	fs.StringVar(&f.tokenizer, "tokenizer", defaultTokenizer, "with --documents: "+tokenizerUsage)
	fs.StringVar(&f.out, "out", "", "directory of the new dataset")
	fs.BoolVar(&f.overwrite, "overwrite", false, "replace the dataset that is there")
	fs.StringVar(&f.journal, "journal", "", "folder that keeps all calls (default: OUT.calls)")
	fs.BoolVar(&f.partial, "partial", false, "make no call; publish what answered calls give")
	fs.StringArrayVar(&f.evaluation, "decontaminate", nil, evaluationUsage)
	fs.IntVar(&f.limit, "limit", 0, "most contexts to ask about; 0: the recipe's, or all")
	fs.Var(&f.maxRejected, "max-rejected", "questions that may be rejected before this fails")
	return c
}

func runTeach(c *cobra.Command, f teachFlags) (err error) {
	if f.recipe == "" || f.out == "" || (f.contexts == "") == (f.documents == "") {
		return command.Usagef("teach needs --recipe, --out, and either --contexts or --documents")
	}
	if f.limit < 0 || f.maxTokens < 64 {
		return command.Usagef("--limit %d must not be negative, nor --max-tokens %d below 64", f.limit,
			f.maxTokens)
	}
	if f.journal == "" {
		f.journal = strings.TrimRight(f.out, "/") + ".calls"
	}
	recipe, err := teacher.OpenRecipe(f.recipe)
	if err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	key, err := keyOf(recipe, f.partial)
	if err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	if f.limit == 0 {
		f.limit = recipe.Contexts
	}
	o, rows, err := f.material(c.Context(), recipe)
	if err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	if o.Evaluation, err = evaluation(c, "teach", nil, f.evaluation); err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	client, err := endpoint.Open(f.journal, recipe.Options, key)
	if err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	t, err := teacher.New(recipe, client, f.partial)
	if err != nil {
		return fmt.Errorf("teach: %w", err)
	}
	p := command.NewProgress(c.ErrOrStderr(), "teach", rows, "contexts")
	o.Progress = p.Add
	r, err := t.Run(c.Context(), o)
	p.Done()
	printCalls(c.ErrOrStderr(), "teach", client.Stats())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n%s: %d rows over %d contexts, %d calls left out, digest %s\n",
		o.Figures.Table(), f.out, o.Figures.Rows, r.Contexts, r.Left, r.Manifest.Digest)
	return err
}

// printCalls says what the run cost.
func printCalls(w io.Writer, command string, s endpoint.Stats) {
	fmt.Fprintf(w, "%s: %d calls sent, %d answered, %d known, %d failed", command, s.Sent, s.Answered,
		s.Cached,
		s.Failed)
	if s.Lost > 0 {
		fmt.Fprintf(w, ", %d lost when a run before was killed", s.Lost)
	}
	if len(s.Retried) > 0 {
		fmt.Fprintf(w, "; tried again: %s", limit.Reasons(s.Retried))
	}
	fmt.Fprintf(w, "; %d tokens in, %d out; all runs: %d tokens, %.4f of money\n", s.In, s.Out,
		s.SpentTotal, s.SpentMoney)
}

// material opens what to ask about. rows is the number of contexts, 0 if it is not known.
func (f teachFlags) material(ctx context.Context,
	recipe teacher.Recipe) (o teacher.Options, rows int64,
	err error) {
	r := build.Default()
	o = teacher.Options{
		Out: f.out, Limit: f.limit, MaxRejected: f.maxRejected, More: map[string]any{},
		Figures: figures.New(r.Bands(), r.Limits.FarApart),
	}
	o.Dataset = shard.Options{
		Kind: schemas.KindExample, Name: "longqa-teacher", Overwrite: f.overwrite, Draw: card.Draw,
	}
	if f.contexts != "" {
		return f.examples(ctx, o)
	}
	t, err := openTokenizer(f.tokenizer)
	if err != nil {
		return o, 0, err
	}
	c, err := corpus.Open(ctx, corpus.Material{Source: corpus.Documents, Path: f.documents,
		Genre: f.genre}, stores())
	if err != nil {
		return o, 0, err
	}
	d := teacher.Documents{Corpus: c, Tokenizer: t, MaxTokens: f.maxTokens}
	d.Pairs = len(recipe.Types) == 0 || recipe.Types["any-comparison"] > 0
	o.Contexts = func(reject func(id, reason, detail string)) iter.Seq2[*teacher.Context, error] {
		return d.Contexts(ctx, reject)
	}
	o.More["max_tokens"], o.More["genre"], o.More["documents"] = f.maxTokens, f.genre, c.Config
	o.Dataset.Tokenizer = &schemas.TokenizerRef{
		Name: t.Name(), Digest: t.Digest(), VocabSize: t.VocabSize(),
	}
	o.Dataset.TokenizerFile = t.Bytes()
	if c.Parent != nil {
		o.Dataset.Parents = []schemas.Parent{*c.Parent}
	}
	return o, 0, nil
}

// examples asks about the contexts of an example dataset, whose tokenizer the rows keep.
func (f teachFlags) examples(ctx context.Context,
	o teacher.Options) (teacher.Options, int64, error) {
	d, err := openDataset(ctx, f.contexts)
	if err != nil {
		return o, 0, err
	}
	return o, 0, o.Over(ctx, d)
}
