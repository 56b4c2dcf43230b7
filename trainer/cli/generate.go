package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/trainer/generate"
	"longlora/trainer/open"
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
	if (f.prompt == "") == (f.ids == "") {
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
	defer m.Close()
	tok, err := tokenizerOf(m)
	if err != nil {
		return err
	}
	if f.ids == "" {
		prompt = tok.Encode(nil, f.prompt, true)
	}
	f.Stop = stops(m, tok)
	return f.generate(c, m, tok, prompt)
}

// stops returns the tokens that end a sequence.
func stops(m *open.Model, tok *tokenizer.Tokenizer) []int32 {
	var ids []int32
	for _, id := range m.Config.EOS {
		ids = append(ids, int32(id))
	}
	if id, ok := tok.EOS(); ok && len(ids) == 0 {
		ids = append(ids, id)
	}
	return ids
}

func (f *generateFlags) generate(c *cobra.Command, m *open.Model, tok *tokenizer.Tokenizer,
	prompt []int32) error {
	out := c.OutOrStdout()
	if f.json {
		out = io.Discard
	}
	stream := tok.NewStream(true)
	emit := func(id int32) error {
		text, err := stream.Push(id)
		if err == nil {
			_, err = io.WriteString(out, text)
		}
		return err
	}
	ids, err := generate.Run(c.Context(), m.Model, prompt, f.samplingFlags.Options, emit)
	if err != nil {
		return err
	}
	rest, err := stream.Flush()
	if err != nil {
		return err
	}
	if !f.json {
		_, err = fmt.Fprintln(out, rest)
		return err
	}
	text, err := tok.Decode(ids, true)
	if err != nil {
		return err
	}
	return writeJSON(c.OutOrStdout(), struct {
		IDs  []int32 `json:"ids"`
		Text string  `json:"text"`
	}{ids, text})
}
