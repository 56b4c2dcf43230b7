package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/atomicfile"
	"longlora/internal/command"
	"longlora/trainer/model"
	"longlora/trainer/npy"
	"longlora/trainer/open"
)

// logitsFlags are those of eval logits.
type logitsFlags struct {
	modelFlags
	ids, out string
}

func evalLogits() *cobra.Command {
	f := &logitsFlags{}
	c := &cobra.Command{
		Use:   "logits --model DIR --ids FILE --out FILE",
		Short: "Write the logits after each token as a NumPy array",
		Long: "Write the logits after each of some token ids, used as given, as a NumPy file: " +
			"little-endian\nfloat32 of shape [tokens, vocabulary]. Attention is full.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	c.Flags().StringVar(&f.ids, "ids", "", "file with one JSON array of ids; -: input (required)")
	c.Flags().StringVar(&f.out, "out", "", "file to write (required)")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *logitsFlags) run(c *cobra.Command) error {
	if f.ids == "" || f.out == "" {
		return command.Usagef("--ids and --out are required")
	}
	ids, err := readIDs(f.ids, c.InOrStdin())
	if err != nil {
		return err
	}
	f.Tokens = len(ids)
	m, err := f.open()
	if err != nil {
		return err
	}
	defer m.Close()
	if context := m.Options().Context; len(ids) > context {
		return fmt.Errorf("ids %s: %d tokens are more than the %d positions that the model %s reads; "+
			"shorten them, or extend its RoPE by --context %d", f.ids, len(ids), context, m.Name, len(ids))
	}
	out, err := atomicfile.Create(f.out)
	if err != nil {
		return err
	}
	if err := writeLogits(out, m, ids); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}

func writeLogits(out *atomicfile.File, m *open.Model, ids []int32) error {
	w, err := npy.NewWriter(out, len(ids), m.Config.Model.Vocab)
	if err != nil {
		return err
	}
	b := model.Document(ids, m.Config.Model.Heads)
	err = m.Logits(b, func(_ int, row []float32) error { return w.Write(row) })
	if err != nil {
		return err
	}
	return w.Close()
}
