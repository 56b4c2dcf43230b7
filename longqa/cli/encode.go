package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/prompt"
	"longlora/longqa/encode"
	"longlora/pipeline/limit"
)

func newEncode() *cobra.Command {
	o := encode.Options{MaxDropped: limit.Share(0.1)}
	var examples, tokenizer, template string
	c := &cobra.Command{
		Use:   "encode --examples DATASET --out DIR",
		Short: "Render and tokenize examples into a sequence dataset",
		Long: "Render and tokenize examples into a sequence dataset. The loss is on the answer and\n" +
			"its end. An example longer than the context loses lines of its material that hold no\n" +
			"evidence.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runEncode(c, o, examples, tokenizer, template)
		},
	}
	f := c.Flags()
	f.StringVar(&examples, "examples", "", "example dataset to encode: a path or a URL")
	f.StringVar(&o.Out, "out", "", "directory of the new dataset")
	f.StringVar(&o.Name, "name", "", "name of the new dataset (default: the examples' and context)")
	f.BoolVar(&o.Overwrite, "overwrite", false, "replace the dataset that is there")
	f.StringVar(&tokenizer, "tokenizer", defaultTokenizer, tokenizerUsage)
	f.StringVar(&template, "template", prompt.Default().Name(),
		"prompt template: "+strings.Join(prompt.Names(), ", "))
	f.IntVar(&o.Context, "context", 4096, "most tokens of a sequence")
	f.StringVar(&o.Packing, "packing", "", "put several examples into a sequence, as pipeline encode "+
		"does: best-fit, concat (default: one each)")
	f.BoolVar(&o.HFColumns, "hf-columns", false,
		"write labels, position_ids and attention_mask too, for "+
			"TRL, Axolotl and other trainers on transformers")
	f.StringSliceVar(&o.Splits, "split", nil, "splits to encode (default: all)")
	f.Var(&o.MaxDropped, "max-dropped", "examples that may be dropped before the build fails")
	f.IntVar(&o.Workers, "workers", 0, "files that are worked on at once; 0: one a processor")
	return c
}

func runEncode(c *cobra.Command, o encode.Options, examples, tokenizer,
	template string) (err error) {
	if examples == "" || o.Out == "" {
		return command.Usagef("encode needs --examples and --out")
	}
	if o.Template, err = prompt.Find(template); err != nil {
		return command.Usagef("encode: %w", err)
	}
	if o.Tokenizer, err = openTokenizer(tokenizer); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if o.Examples, err = openDataset(c.Context(), examples); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if o.Name == "" {
		o.Name = fmt.Sprintf("%s-%d", o.Examples.Manifest().Name, o.Context)
	}
	rows, _ := o.Examples.Count("")
	p := command.NewProgress(c.ErrOrStderr(), "encode", rows, "examples")
	o.Progress = p.Add
	m, r, err := encode.Run(c.Context(), o)
	p.Done()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d examples (%d cut, %d dropped), %d sequences, "+
		"%d tokens, %d learned, digest %s\n", o.Out, r.Examples, r.Cut, r.Dropped, r.Sequences, r.Tokens,
		r.LearnedTokens, m.Digest)
	return err
}
