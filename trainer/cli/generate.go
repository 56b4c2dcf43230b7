package cli

import (
	"errors"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/trainer/model"
	"longlora/trainer/open"
	"longlora/trainer/rope"
)

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
	var read func(int)
	if len(prompt) > model.DefaultChunk {
		r := newReading(c.ErrOrStderr(), len(prompt))
		defer r.done()
		read = r.to
	}
	if f.json {
		ids, text, err := f.answer(c.Context(), m, tok, prompt, read, nil)
		if err != nil {
			return err
		}
		return writeJSON(c.OutOrStdout(), struct {
			IDs  []int32 `json:"ids"`
			Text string  `json:"text"`
		}{ids, text})
	}
	out := c.OutOrStdout()
	ids, _, err := f.answer(c.Context(), m, tok, prompt, read, out)
	if err == nil || len(ids) > 0 { // what there is ends with its line, also when it was interrupted
		_, line := io.WriteString(out, "\n")
		err = errors.Join(err, line)
	}
	return err
}
