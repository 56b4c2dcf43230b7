package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/trainer/generate"
	"longlora/trainer/open"
	"longlora/trainer/rope"
)

// samplingFlags choose how tokens are chosen.
type samplingFlags struct{ generate.Options }

func (f *samplingFlags) add(c *cobra.Command, maxNew int) {
	flags := c.Flags()
	flags.IntVar(&f.MaxNew, "max-new", maxNew, "greatest number of new tokens")
	flags.Float64Var(&f.Temperature, "temperature", 0, "divides the logits; 0: greedy")
	flags.IntVar(&f.TopK, "top-k", 0, "choose among the K most probable tokens; 0: all")
	flags.Float64Var(&f.TopP, "top-p", 0, "choose among the most probable that sum to P; 0: all")
	flags.Uint64Var(&f.Seed, "seed", 1, "seed of the choices")
}

func (f *samplingFlags) check() error {
	if f.MaxNew < 1 {
		return command.Usagef("--max-new is %d, want at least 1", f.MaxNew)
	}
	if err := f.Validate(); err != nil {
		return command.Usagef("%w", err)
	}
	return nil
}

// generateFlags are those of generate.
type generateFlags struct {
	modelFlags
	samplingFlags
	prompt, ids string
	json        bool
}

func generateCommand() *cobra.Command {
	f := &generateFlags{}
	c := &cobra.Command{
		Use:   "generate (--prompt TEXT | --ids FILE)",
		Short: "Continue a text or a list of token ids",
		Long: "Continue a text or a list of token ids, until the model ends the sequence or --max-new " +
			"tokens\nare there. Text is written as it comes.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	f.samplingFlags.add(c, 128)
	flags := c.Flags()
	flags.StringVar(&f.prompt, "prompt", "", "text to continue; the tokenizer's BOS is put before it")
	flags.StringVar(&f.ids, "ids", "", "file with a JSON array of ids, used as given; -: input")
	flags.BoolVar(&f.json, "json", false, "write new ids and their text as one line of JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *generateFlags) run(c *cobra.Command) error {
	if c.Flags().Changed("prompt") == c.Flags().Changed("ids") {
		return command.Usagef("give either --prompt or --ids")
	}
	if err := f.samplingFlags.check(); err != nil {
		return err
	}
	var prompt []int32
	var err error
	if f.ids != "" {
		if prompt, err = readIDs(f.ids, c.InOrStdin()); err != nil {
			return err
		}
	}
	m, err := f.open()
	if err != nil {
		return err
	}
	defer func() { m.Close() }() //nolint:errcheck // it was only read
	tok, err := tokenizerOf(m)
	if errors.Is(err, fs.ErrNotExist) && f.ids != "" && f.json {
		tok, err = nil, nil // ids need none; there is just no text
	}
	if err != nil {
		return err
	}
	if f.ids == "" {
		prompt = tok.Encode(nil, f.prompt, true)
	}
	if m, err = f.fit(m, len(prompt)+f.MaxNew); err != nil {
		return err
	}
	f.Stop = stops(m, tok)
	return f.generate(c, m, tok, prompt)
}

// fit opens m again where its rotary embedding turns by the length of what is read: for tokens, and
// not for the context.
func (f *generateFlags) fit(m *open.Model, tokens int) (*open.Model, error) {
	kind := m.Config.RoPE.Kind
	if kind != rope.Dynamic && kind != rope.LongRoPE || tokens >= m.Options().Context {
		return m, nil
	}
	if err := m.Close(); err != nil {
		return m, err
	}
	f.Tokens = tokens
	return f.open()
}

// stops returns the tokens that end a sequence; tok may be nil.
func stops(m *open.Model, tok *tokenizer.Tokenizer) []int32 {
	var ids []int32
	for _, id := range m.Config.EOS {
		ids = append(ids, int32(id))
	}
	if len(ids) > 0 || tok == nil {
		return ids
	}
	if id, ok := tok.EOS(); ok {
		ids = append(ids, id)
	}
	return ids
}

func (f *generateFlags) generate(c *cobra.Command, m *open.Model, tok *tokenizer.Tokenizer,
	prompt []int32) error {
	if f.json {
		return f.generateJSON(c, m, tok, prompt)
	}
	out, stream := c.OutOrStdout(), tok.NewStream(true)
	emit := func(id int32) error {
		text, err := stream.Push(id)
		if err == nil {
			_, err = io.WriteString(out, text)
		}
		return err
	}
	_, err := generate.Run(c.Context(), m.Model, prompt, f.samplingFlags.Options, emit)
	if err != nil {
		return err
	}
	rest, err := stream.Flush()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, rest)
	return err
}

// generateJSON writes ids and text at the end; without a tokenizer the text is empty.
func (f *generateFlags) generateJSON(c *cobra.Command, m *open.Model, tok *tokenizer.Tokenizer,
	prompt []int32) error {
	ids, err := generate.Run(c.Context(), m.Model, prompt, f.samplingFlags.Options, nil)
	if err != nil {
		return err
	}
	text := ""
	if tok != nil {
		if text, err = tok.Decode(ids, true); err != nil {
			return err
		}
	}
	return writeJSON(c.OutOrStdout(), struct {
		IDs  []int32 `json:"ids"`
		Text string  `json:"text"`
	}{ids, text})
}
