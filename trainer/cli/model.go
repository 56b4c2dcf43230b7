package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/schemas/shard"
	"longlora/trainer/model"
	"longlora/trainer/open"
	"longlora/trainer/rope"
)

// modelFlags choose the model of a command that runs one.
type modelFlags struct {
	open.Options
	rope, weights string
}

func (f *modelFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.Model, "model", "",
		"a Hugging Face folder, or base (embedded); default: the adapter's own, or else base")
	flags.StringVar(&f.Adapter, "adapter", "", "folder of a PEFT adapter to lay over the model")
	flags.IntVar(&f.Context, "context", 0,
		"positions to read; beyond the model's own RoPE is extended, untrained; 0: the model's own")
	flags.StringVar(&f.rope, "rope", string(rope.Linear), "kind of that extension")
	flags.IntVar(&f.Threads, "threads", 0, "CPU threads; 0: all")
	flags.StringVar(&f.weights, "weights", "f32",
		"storage of matrices: f32, bf16, nf4 or int8: less memory, rounded if they were finer; with the "+
			"last two embedding and head are bf16")
}

func (f *modelFlags) open() (*open.Model, error) {
	if f.Context < 0 || f.Threads < 0 {
		return nil, command.Usagef("--context is %d and --threads is %d, want at least 0",
			f.Context, f.Threads)
	}
	if !slices.Contains(model.Storages(), f.weights) {
		return nil, command.Usagef("--weights is %q, want one of %s", f.weights,
			strings.Join(model.Storages(), ", "))
	}
	f.Weights, f.Packing = model.Storage(f.weights)
	f.Rope = rope.Kind(f.rope)
	return open.Open(f.Options)
}

// tokenizerOf reads the tokenizer beside a model.
func tokenizerOf(m *open.Model) (*tokenizer.Tokenizer, error) {
	tok, err := tokenizer.OpenFS(m.FS)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	if tok.VocabSize() > m.Config.Model.Vocab {
		return nil, fmt.Errorf("model %s: its tokenizer has %d tokens, its vocabulary %d: they do not "+
			"belong together", m.Name, tok.VocabSize(), m.Config.Model.Vocab)
	}
	return tok, nil
}

// checkTokenizer refuses shards that hold another tokenizer's ids.
func checkTokenizer(d *shard.Dataset, m *open.Model) error {
	tok, err := tokenizerOf(m)
	if err != nil {
		return err
	}
	if ref := d.Manifest().Tokenizer; ref != nil && ref.Digest != tok.Digest() {
		return fmt.Errorf("%s holds ids of the tokenizer %s (digest %.12s), the model %s has %s "+
			"(digest %.12s); encode the documents again with the model's, or say "+
			"--check-tokenizer=false", d.Dir(), ref.Name, ref.Digest, m.Name, tok.Name(), tok.Digest())
	}
	return nil
}
