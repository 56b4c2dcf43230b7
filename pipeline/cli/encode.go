package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/pipeline/encode"
	"longlora/pipeline/limit"
	"longlora/pipeline/pack"
)

func newEncode() *cobra.Command {
	o := encode.Options{MaxDropped: limit.Share(0.01), MaxCut: limit.Share(0.01)}
	o.Pack = pack.Options{Context: 4096}.WithDefaults()
	o.Pack.WindowTokens = 0
	var documents, tok string
	var remote *cacheFlags
	c := &cobra.Command{
		Use:   "encode --documents DATASET --out DIR",
		Short: "Tokenize and pack documents into a sequence dataset",
		Long: "Tokenize and pack documents into a sequence dataset.\n\nPackings:\n" +
			indented(pack.Packings()) + "\nWhat a document leaves that is longer than the context:\n" +
			indented(pack.OverLengthPolicies()),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runEncode(c, documents, tok, remote, o) },
	}
	remote = addCacheFlags(c)
	fs := c.Flags()
	fs.StringVar(&documents, "documents", "", "document dataset to encode: a path or a URL")
	fs.StringVar(&tok, "tokenizer", defaultTokenizer, "tokenizer.json or SentencePiece .model file, or "+
		"the directory that holds one")
	fs.IntVar(&o.Pack.Context, "context", o.Pack.Context, "most tokens of a sequence")
	fs.StringVar(&o.Pack.Packing, "packing", o.Pack.Packing, "how pieces share sequences")
	fs.StringVar(&o.Pack.OverLength, "over-length", o.Pack.OverLength,
		"what is left of a document that is longer than the context")
	fs.IntVar(&o.Pack.WindowTokens, "window-tokens", 0, "tokens that are packed together, at least the context; "+
		"0: 64 sequences, but at least 4194304")
	fs.StringSliceVar(&o.Splits, "split", nil, "splits to encode; default: all")
	fs.BoolVar(&o.NoBOS, "no-bos", false, "leave out what the tokenizer puts around a text")
	fs.BoolVar(&o.NoEOS, "no-eos", false, "leave out the end-of-sequence token after a document")
	fs.BoolVar(&o.HFColumns, "hf-columns", false, "write labels, position_ids and attention_mask too, "+
		"for TRL, Axolotl and other trainers on transformers")
	fs.Var(&o.MaxDropped, "max-dropped", "documents that may be dropped before the build fails")
	fs.Var(&o.MaxCut, "max-cut", "documents that may lose tokens before the build fails")
	addOutputFlags(c, &o.Out, &o.Name, &o.Overwrite, &o.Workers)
	return c
}

// defaultTokenizer names the embedded tokenizer.
const defaultTokenizer = "default"

func openTokenizer(name string) (*tokenizer.Tokenizer, error) {
	if name == defaultTokenizer {
		return defaults.Tokenizer()
	}
	return tokenizer.Open(name)
}

func runEncode(c *cobra.Command, documents, tok string, remote *cacheFlags,
	o encode.Options) (err error) {
	if documents == "" || o.Out == "" {
		return command.Usagef("encode needs --documents and --out")
	}
	if err := o.Pack.Validate(); err != nil {
		return command.Usagef("encode: %w", err)
	}
	if o.Tokenizer, err = openTokenizer(tok); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if o.Documents, err = remote.open(c.Context(), documents); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if o.Name == "" {
		o.Name = fmt.Sprintf("%s-%d", o.Documents.Manifest().Name, o.Pack.Context)
	}
	p := command.NewProgress(c.ErrOrStderr(), "encode", o.Count(), "documents")
	o.Progress = p.Add
	m, err := encode.Run(c.Context(), o)
	p.Done()
	if err != nil {
		return err
	}
	return printBuilt(c, o.Out, m)
}
