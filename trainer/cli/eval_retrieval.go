package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"longlora/internal/atomicfile"
	"longlora/internal/command"
	"longlora/trainer/decode"
	"longlora/trainer/generate"
	"longlora/trainer/open"
	"longlora/trainer/retrieval"
	"longlora/trainer/suite"
)

// gridFlags choose what of a grid is measured.
type gridFlags struct {
	tasks, names  []string
	lengths       []int
	depths, seeds int
	seed          uint64
	sinks, window int
}

func (f *gridFlags) add(c *cobra.Command) {
	for _, t := range retrieval.Tasks() {
		f.names = append(f.names, t.Name)
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.tasks, "tasks", nil, strings.Join(f.names, ", ")+"; default: all")
	flags.IntSliceVar(&f.lengths, "lengths", nil,
		"lengths of prompt and answer in tokens; default: the context, its half and its quarter")
	flags.IntVar(&f.depths, "depths", 5, "depths of the fact, from the begin of the text to its end")
	flags.IntVar(&f.seeds, "seeds", 3, "samples for each length and depth")
	flags.Uint64Var(&f.seed, "seed", 1, "first seed")
	flags.IntVar(&f.window, "window", 0,
		"see only the first --sinks and so many latest tokens, to measure what that loses; 0: see all")
	flags.IntVar(&f.sinks, "sinks", 4, "first tokens that stay in sight, with --window")
}

// grid returns what to measure on a model.
func (f *gridFlags) grid(m *open.Model) (retrieval.Grid, error) {
	tasks, err := retrieval.Lookup(f.tasks)
	if err != nil {
		return retrieval.Grid{}, command.Usagef("--tasks: %w", err)
	}
	if n := m.Options().Context; len(f.lengths) == 0 {
		f.lengths = []int{n / 4, n / 2, n}
	}
	g := retrieval.Grid{Tasks: tasks, Lengths: f.lengths, Depths: f.depths, Seeds: f.seeds, Seed: f.seed}
	if err := g.Validate(); err != nil {
		return g, command.Usagef("%w", err)
	}
	return g, nil
}

// run measures a grid and writes every sample as a line, if samples is not nil.
func (f *gridFlags) run(c *cobra.Command, m *open.Model, samples io.Writer) (r retrieval.Result,
	err error) {
	g, err := f.grid(m)
	if err != nil {
		return r, err
	}
	tok, err := tokenizerOf(m)
	if err != nil {
		return r, err
	}
	d, err := decode.New(m.Model, decode.Options{Active: 1})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	bar := command.NewProgress(c.ErrOrStderr(), "eval retrieval", int64(g.Samples()), "samples")
	defer bar.Done()
	return g.Run(c.Context(), tok, f.generate(d), func(s retrieval.Sample) error {
		bar.Add(1)
		if samples == nil {
			return nil
		}
		return writeJSON(samples, s)
	})
}

// generate continues prompts greedily.
func (f *gridFlags) generate(d *decode.Server) retrieval.Generate {
	return func(ctx context.Context, prompt []int32, n int) ([]int32, error) {
		all, err := d.Submit(ctx, decode.Request{Prompt: prompt, Options: generate.Options{MaxNew: n},
			Sinks: f.sinks, Window: f.window}, 1)
		if err != nil {
			return nil, err
		}
		var ids []int32
		for e := range all[0].Events() {
			if e.Token {
				ids = append(ids, e.ID)
			}
			err = errors.Join(err, e.Err)
		}
		return ids, err
	}
}

// retrievalFlags are those of eval retrieval.
type retrievalFlags struct {
	modelFlags
	gridFlags
	out, rescore string
	json         bool
}

func evalRetrieval() *cobra.Command {
	f := &retrievalFlags{}
	c := &cobra.Command{
		Use:   "retrieval",
		Short: "What is found in a long text, by length and depth",
		Long: "What is found in a long text: a grid of lengths, depths and seeds over a pass-key, several\n" +
			"needles, keys with values, and variables assigned to each other. Answers are greedy. With\n" +
			"--out every prompt and output is kept (samples.jsonl), with a page of heat-maps; --rescore\n" +
			"scores such a file again.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	f.gridFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.out, "out", "", "directory of suite.json, suite.html and samples.jsonl")
	flags.StringVar(&f.rescore, "rescore", "", "a samples.jsonl to score again; no model is run")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *retrievalFlags) run(c *cobra.Command) error {
	if f.rescore != "" {
		r, err := rescore(f.rescore)
		if err != nil {
			return err
		}
		return f.write(c, r)
	}
	m, err := f.open()
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := f.measure(c, m)
	if err != nil {
		return err
	}
	return f.write(c, r)
}

// measure runs the grid; with an output directory it writes there.
func (f *retrievalFlags) measure(c *cobra.Command, m *open.Model) (retrieval.Result, error) {
	if f.out == "" {
		return f.gridFlags.run(c, m, nil)
	}
	if err := os.MkdirAll(f.out, 0o777); err != nil {
		return retrieval.Result{}, err
	}
	samples, err := atomicfile.Create(filepath.Join(f.out, suite.SamplesName))
	if err != nil {
		return retrieval.Result{}, err
	}
	r, err := f.gridFlags.run(c, m, samples)
	if err != nil {
		return r, errors.Join(err, samples.Abort())
	}
	s := suite.Suite{Model: describeModel(m, f.Adapter, f.window), Retrieval: &r}
	return r, errors.Join(samples.Commit(), s.Write(f.out))
}

// describeModel says what was measured.
func describeModel(m *open.Model, adapter string, window int) suite.Model {
	return suite.Model{Name: m.Name, Adapter: adapter, Context: m.Options().Context,
		RoPE: m.Config.RoPE.Kind, Factor: m.Config.RoPE.Factor, Original: m.Config.RoPE.Original,
		Window: window}
}

func (f *retrievalFlags) write(c *cobra.Command, r retrieval.Result) error {
	if f.json {
		return writeJSON(c.OutOrStdout(), r)
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "task\ttokens\tsamples\tscore\t± std err\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.3f\t%.3f\t\n", row.Task, row.Length, row.Samples, row.Score, row.StdErr)
	}
	return t.Flush()
}

// maxSample is the longest line of a file of samples in bytes.
const maxSample = 1 << 28

// rescore scores stored outputs.
func rescore(path string) (retrieval.Result, error) {
	file, err := os.Open(path)
	if err != nil {
		return retrieval.Result{}, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	var all []retrieval.Sample
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxSample)
	for n := 1; lines.Scan(); n++ {
		var s retrieval.Sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return retrieval.Result{}, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		s.Score, s.Prompt = retrieval.Score(s.Output, s.Answers), ""
		all = append(all, s)
	}
	if err := lines.Err(); err != nil {
		return retrieval.Result{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(all) == 0 {
		return retrieval.Result{}, fmt.Errorf("%s holds no sample", path)
	}
	return retrieval.Summarize(all), nil
}
