package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/prompt"
	"longlora/internal/store/cloud/dataset"
	"longlora/internal/tokenizer"
	"longlora/trainer/chat"
	"longlora/trainer/decode"
	"longlora/trainer/open"
	"longlora/trainer/serve"
)

// talkFlags choose how conversations become texts, and what is in sight.
type talkFlags struct {
	template      string
	sinks, window int
}

func (f *talkFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.template, "template", "", "own (the model's chat template), "+
		strings.Join(prompt.Names(), ", ")+"; default: own if there is one, else the first")
	flags.IntVar(&f.window, "window", 0,
		"see only the first --sinks and so many latest tokens: texts of any length, but what has left "+
			"the window cannot be recalled; 0: see all")
	flags.IntVar(&f.sinks, "sinks", 4, "first tokens that stay in sight, with --window")
}

func (f *talkFlags) talk(m *open.Model, tok *tokenizer.Tokenizer) (*chat.Talk, error) {
	t, err := chat.NewTalk(m.FS, tok, f.template, stops(m, tok))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	return t, nil
}

// serveFlags are those of serve.
type serveFlags struct {
	modelFlags
	talkFlags
	bounds                 decode.Options
	listen, name, tokenEnv string
	cache                  dataset.Size
	maxNew                 int
	metrics                bool
}

func serveCommand() *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve a model over HTTP as OpenAI's API does, with a page to ask a document",
		Long: "Serve a model over HTTP: /v1/chat/completions, /v1/completions, /v1/models as OpenAI's API\n" +
			"has them, and on / a page: drop a document, ask, see the passages that are quoted. Answers\n" +
			"are computed together, and prompts are read in parts beside them; what a prompt has in\n" +
			"common with an earlier one is not read again. Other machines are let in with a token\n" +
			"alone (--token-env).",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	f.talkFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address and port; port 0: a free one")
	flags.StringVar(&f.name, "name", "", "the model's name in requests; default: its folder's")
	flags.StringVar(&f.tokenEnv, "token-env", "", "variable that holds the token which clients send")
	flags.IntVar(&f.bounds.Active, "active", 16, "answers that are computed together")
	flags.IntVar(&f.bounds.Queue, "queue", 64, "requests that wait; more are answered with 429")
	flags.Var(&f.cache, "cache", "memory of keys and values, as 512MiB or 4GiB, which bounds a request "+
		"too; default: --active contexts, but at most 1GiB, or one context if that is more")
	flags.IntVar(&f.bounds.Chunk, "chunk", 256,
		"tokens of prompts that are read between two tokens of the answers")
	flags.IntVar(&f.maxNew, "max-new", 0, "most tokens of an answer; 0: what is left of the context")
	flags.BoolVar(&f.metrics, "metrics", false, "serve /metrics for Prometheus")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

// collectAt is the garbage, in percent of what lives, at which a server collects it: weights and cache
// are large and cost the collector nothing, and requests' garbage should not double them.
const collectAt = 20

// token returns what clients must send.
func (f *serveFlags) token() (string, error) {
	if f.tokenEnv == "" {
		return "", nil
	}
	token := os.Getenv(f.tokenEnv)
	if token == "" {
		return "", command.Usagef("--token-env: the variable %s is empty", f.tokenEnv)
	}
	return token, nil
}

func (f *serveFlags) run(c *cobra.Command) (err error) {
	token, err := f.token()
	if err != nil {
		return err
	}
	if err := serve.CheckAddress(f.listen, token); err != nil {
		return command.Usagef("--listen: %w", err)
	}
	f.bounds.CacheBytes = int64(f.cache)
	if err := f.bounds.Validate(); err != nil {
		return command.Usagef("%w", err)
	}
	if f.maxNew < 0 {
		return command.Usagef("--max-new is %d, want at least 0", f.maxNew)
	}
	m, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	tok, err := tokenizerOf(m)
	if err != nil {
		return err
	}
	talk, err := f.talk(m, tok)
	if err != nil {
		return err
	}
	debug.SetGCPercent(collectAt)
	decoder, err := decode.New(m.Model, f.bounds)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, decoder.Close()) }()
	return f.serve(c, serve.Options{
		Name: f.modelName(m), Decoder: decoder, Tokenizer: tok, Talk: talk, Token: token,
		Context: decoder.Context(), Vocab: m.Config.Model.Vocab, MaxNew: f.maxNew,
		Sinks: f.sinks, Window: f.window, Metrics: f.metrics,
	})
}

func (f *serveFlags) modelName(m *open.Model) string {
	if f.name != "" {
		return f.name
	}
	if f.Adapter != "" {
		return filepath.Base(f.Adapter)
	}
	return strings.TrimSuffix(filepath.Base(m.Name), ".gguf")
}

func (f *serveFlags) serve(c *cobra.Command, o serve.Options) error {
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	fmt.Fprintf(c.OutOrStdout(), "http://%s/ serves %s, %d positions, template %s; stop with Ctrl-C\n",
		l.Addr(), o.Name, o.Context, o.Talk.Name())
	return serve.New(o).Serve(c.Context(), l)
}
