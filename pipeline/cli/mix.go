package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/pipeline/limit"
	"longlora/pipeline/mix"
)

// mixFlags are the flags that are not fields of the options.
type mixFlags struct {
	recipe, name string
	asJSON       bool
	remote       *cacheFlags
}

func newMix() *cobra.Command {
	o := mix.Options{MaxDropped: limit.Share(0.01), MaxCut: limit.Share(0.01)}
	f := mixFlags{}
	c := &cobra.Command{
		Use:   "mix --recipe FILE --out DIR",
		Short: "Mix document datasets by a recipe into a sequence dataset",
		Long: "Mix document datasets by a recipe into a sequence dataset, and print what it came to.\n\n" +
			"A recipe is YAML; paths are beside it unless absolute, and a dataset may be a URL:\n\n" +
			exampleRecipe,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runMix(c, f, o) },
	}
	f.remote = addCacheFlags(c)
	fs := c.Flags()
	fs.StringVar(&f.recipe, "recipe", "", "YAML file that says what to mix")
	fs.Var(&o.MaxDropped, "max-dropped", "mixed documents that may be dropped before the build fails")
	fs.Var(&o.MaxCut, "max-cut", "mixed documents that may lose tokens before the build fails")
	fs.BoolVar(&f.asJSON, "json", false, "print the realised table as one JSON object")
	addOutputFlags(c, &o.Out, &f.name, &o.Overwrite, &o.Workers)
	return c
}

const exampleRecipe = `  name: books-and-code
  seed: 1
  tokens: 500_000_000        # of the mixture; left out: as many as there are
  tokenizer: llama2          # left out: the embedded one
  context: 32768
  packing: best-fit          # and over_length, window_tokens, no_bos, no_eos, as encode's flags
  sources:
  - name: books
    dataset: build/books     # a document dataset; digest: pins it
    splits: [train]
    weight: 3                # its part of the tokens
    max_epochs: 4            # how often a document may be taken
    lengths: {exponent: 0.5} # or buckets: [{from: 8192, factor: 2}, {from: 65536, factor: 4}]
  - name: code
    dataset: s3://shelf/code@sha256:… # as publish prints it
    weight: 1
    loss_weight: 0.5
`

// open fills in what the recipe names.
func (f *mixFlags) open(ctx context.Context, o *mix.Options) (err error) {
	if o.Recipe, err = mix.Read(f.recipe); err != nil {
		return err
	}
	if f.name != "" {
		o.Recipe.Name = f.name
	}
	if o.Recipe.Name == "" {
		o.Recipe.Name = fmt.Sprintf("mixture-%d", o.Recipe.Context)
	}
	tok := defaultTokenizer
	if o.Recipe.Tokenizer != "" {
		tok = o.Recipe.Tokenizer
	}
	if o.Tokenizer, err = openTokenizer(tok); err != nil {
		return err
	}
	for _, s := range o.Recipe.Sources {
		d, err := f.remote.open(ctx, s.Dataset)
		if err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
		o.Datasets = append(o.Datasets, d)
	}
	return o.Validate()
}

func runMix(c *cobra.Command, f mixFlags, o mix.Options) error {
	if f.recipe == "" || o.Out == "" {
		return command.Usagef("mix needs --recipe and --out")
	}
	if err := f.open(c.Context(), &o); err != nil {
		return fmt.Errorf("mix: %w", err)
	}
	p := command.NewProgress(c.ErrOrStderr(), "mix", o.Count(), "documents")
	o.Progress = p.Add
	m, realised, err := mix.Run(c.Context(), o)
	p.Done()
	if err != nil {
		return err
	}
	if f.asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(realised)
	}
	if _, err := fmt.Fprintf(c.OutOrStdout(), "%s\n", realised.Markdown()); err != nil {
		return err
	}
	return printBuilt(c, o.Out, m)
}
