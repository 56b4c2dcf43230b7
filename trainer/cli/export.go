package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/trainer/export"
	"longlora/trainer/hf"
	"longlora/trainer/open"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
)

// exportFlags are those of export.
type exportFlags struct {
	form, model, adapter, out, dtype, rope, tokenizer string
	context                                           int
	overwrite, json                                   bool
}

func exportCommand() *cobra.Command {
	f := &exportFlags{}
	c := &cobra.Command{
		Use:   "export --for FORM --out PATH",
		Short: "Write a model in the form that another program loads",
		Long: "Write a model, with an adapter or without, in the form that another program loads:\n\n" +
			"  transformers  a folder with the adapter merged\n" +
			"  peft          an adapter folder with the base's corrected configuration\n" +
			"  vllm          a base with embedding, norms and RoPE of the training, and LoRA alone\n" +
			"  llamacpp      a GGUF file with RoPE scaling and the tokenizer\n\n" +
			"What was written is read again and compared before it appears. Sizes go to standard output.",
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringVar(&f.form, "for", "", strings.Join(export.Forms(), ", ")+" (required)")
	flags.StringVar(&f.model, "model", "",
		"base model, a folder or a GGUF file; default: the one that the adapter names, or else base")
	flags.StringVar(&f.adapter, "adapter", "", "adapter, or the run that made it")
	flags.StringVar(&f.out, "out", "", "directory, or file for llamacpp (required)")
	flags.StringVar(&f.dtype, "dtype", "",
		"storage type: f32, bf16, f16, and q8_0 for llamacpp; default: the base's, f32 for adapters")
	flags.IntVar(&f.context, "context", 0,
		"positions that the adapter was trained for, if it does not say; RoPE is extended to them")
	flags.StringVar(&f.rope, "rope", string(rope.Linear), "kind of that extension")
	flags.StringVar(&f.tokenizer, "tokenizer", "auto",
		"auto, or none: leave the tokenizer out of a GGUF file")
	flags.BoolVar(&f.overwrite, "overwrite", false, "replace a directory that is there")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *exportFlags) check() error {
	if f.form == "" || f.out == "" {
		return command.Usagef("--for and --out are required")
	}
	if f.tokenizer != "auto" && f.tokenizer != "none" {
		return command.Usagef("--tokenizer is %q, want auto or none", f.tokenizer)
	}
	if f.context < 0 {
		return command.Usagef("--context is %d, want at least 0", f.context)
	}
	return nil
}

func (f *exportFlags) run(c *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	base, a, err := openPair(f.model, f.adapter, f.context)
	if err != nil {
		return err
	}
	r, err := export.Write(f.form, export.Request{
		Base: base, FS: open.Folder(base.Name), Adapter: a, Out: f.out,
		Type: strings.ToUpper(f.dtype), Context: f.context, Rope: rope.Kind(f.rope),
		WithoutTokenizer: f.tokenizer == "none", Overwrite: f.overwrite,
	})
	if err = errors.Join(err, base.Close()); a != nil {
		err = errors.Join(err, a.Close())
	}
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), r)
	}
	return writeExport(c.OutOrStdout(), r)
}

// openPair opens a base and the adapter over it, which is nil if there is none.
func openPair(name, adapter string, context int) (base *hf.Folder, a *peft.Adapter, err error) {
	if adapter != "" {
		if a, err = open.Adapter(adapter); err != nil {
			return nil, nil, err
		}
		if name == "" {
			name = a.Base
		}
	}
	if name == "" {
		name = open.Base
	}
	if base, err = hf.Open(open.Folder(name), name); err == nil && a != nil {
		if err = open.Fit(a, base, context); err != nil {
			err = errors.Join(err, base.Close())
		}
	}
	if err != nil && a != nil {
		err = errors.Join(err, a.Close())
	}
	return base, a, err
}

func writeExport(w io.Writer, r export.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	total := int64(0)
	for _, file := range r.Files {
		fmt.Fprintf(t, "%d\t%s\n", file.Bytes, file.Name)
		total += file.Bytes
	}
	fmt.Fprintf(t, "%d\tbytes in all\n", total)
	for _, part := range r.Parts {
		fmt.Fprintf(t, "%d\tof them %s\n", part.Bytes, part.Name)
	}
	fmt.Fprintf(t, "context %d, RoPE %s by %g\nuse: %s\n", r.Context, r.RoPE, r.Factor, r.Use)
	return t.Flush()
}
