package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/atomicfile"
	"longlora/internal/command"
	"longlora/longqa/endpoint"
	"longlora/longqa/jieba"
	"longlora/longqa/score"
	"longlora/longqa/teacher"
)

// scoreFlags are the flags of longqa score.
type scoreFlags struct {
	dataset, split, predictions, closed, jieba, judge, journal, rows, card string
	metrics                                                                []string
	json                                                                   bool
}

func newScore() *cobra.Command {
	var f scoreFlags
	c := &cobra.Command{
		Use:   "score --predictions FILE [--dataset DIR]",
		Short: "Score a model's predictions by published definitions",
		Long: "Score a model's predictions by published definitions. A line of the file is an object with\n" +
			"id and prediction, for rows of --dataset, or one of LongBench's pred.py, with pred and answers.\n" +
			"With several accepted answers the best counts. Rows of LongBench are scored as it does, multiple\n" +
			"choice by its letter, planted numbers as pass-keys, others by exact match, F1 and ROUGE-L.\n\n" +
			"Metrics:\n" + aboutMetrics(),
		Example: "  longqa score --dataset build/longqa --split test --predictions answers.jsonl\n" +
			"  longqa score --dataset build/longqa --predictions open.jsonl --closed-book closed.jsonl\n" +
			"  longqa score --predictions pred/model/dureader.jsonl --jieba site-packages/jieba",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runScore(c, f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.predictions, "predictions", "", "JSON lines of predictions")
	fs.StringVar(&f.dataset, "dataset", "", "example dataset with the answers: a path or a URL")
	fs.StringVar(&f.split, "split", "", "split of the dataset (default: all)")
	fs.StringVar(&f.closed, "closed-book", "", "predictions made without the material, to compare with")
	fs.StringSliceVar(&f.metrics, "metric", nil,
		"metrics for all rows (default: those that suit a row)")
	fs.StringVar(&f.jieba, "jieba", "", "folder of the Python package jieba, for Chinese metrics")
	fs.StringVar(&f.judge, "judge", "", "YAML file whose section teacher names a model that grades too")
	fs.StringVar(&f.journal, "journal", "", "folder that keeps the judge's calls (default: "+
		"PREDICTIONS.calls)")
	fs.StringVar(&f.rows, "rows", "", "file to write every row's scores to, as JSON lines")
	fs.StringVar(&f.card, "card", "", "with --closed-book: file to write the comparison to, which longqa "+
		"build --closed-book puts into the card")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
	return c
}

func aboutMetrics() string {
	var b strings.Builder
	for _, name := range score.Names() {
		m, _ := score.Find(name) // the table's own name
		fmt.Fprintf(&b, "  %-24s  %s\n", name, m.About)
	}
	return b.String() + "  judge                     a model's grade (--judge), 1 to 5 as 0 to 100\n"
}

func runScore(c *cobra.Command, f scoreFlags) (err error) {
	if f.predictions == "" {
		return command.Usagef("score needs --predictions")
	}
	if f.card != "" && f.closed == "" {
		return command.Usagef("--card needs --closed-book")
	}
	for _, name := range f.metrics {
		if _, err := score.Find(name); err != nil {
			return command.Usagef("score: %w", err)
		}
	}
	o := score.Options{Metrics: f.metrics, Scorer: &score.Scorer{}}
	if f.jieba != "" {
		if o.Scorer.Words, err = jieba.Open(f.jieba); err != nil {
			return fmt.Errorf("score: %w", err)
		}
	}
	var items []score.Item
	if f.dataset != "" {
		d, err := openDataset(c.Context(), f.dataset)
		if err != nil {
			return fmt.Errorf("score: %w", err)
		}
		if items, err = score.Items(c.Context(), d, f.split); err != nil {
			return fmt.Errorf("score: %w", err)
		}
	}
	if f.judge != "" {
		client, judge, err := f.openJudge()
		if err != nil {
			return fmt.Errorf("score: %w", err)
		}
		defer func() { err = errors.Join(err, client.Close()) }()
		o.Judge = judge
	}
	open, err := score.Run(c.Context(), f.predictions, items, o)
	if err != nil {
		return fmt.Errorf("score: %w", err)
	}
	var differences []score.Difference
	if f.closed != "" {
		if differences, err = f.compare(c.Context(), open, items, o); err != nil {
			return fmt.Errorf("score: %w", err)
		}
	}
	if f.rows != "" {
		if err := writeScores(f.rows, open); err != nil {
			return fmt.Errorf("score: %w", err)
		}
	}
	return f.print(c.OutOrStdout(), open, differences)
}

// compare scores the predictions made without the material.
func (f scoreFlags) compare(ctx context.Context, open *score.Report, items []score.Item,
	o score.Options) ([]score.Difference, error) {
	closed, err := score.Run(ctx, f.closed, items, o)
	if err != nil {
		return nil, err
	}
	comparison := score.NewComparison(open, closed)
	if f.card != "" {
		data, err := comparison.JSON()
		if err == nil {
			err = atomicfile.Write(f.card, data)
		}
		if err != nil {
			return nil, err
		}
	}
	return comparison.Differences, nil
}

func (f scoreFlags) openJudge() (*endpoint.Client,
	func(context.Context, *score.Item, string) (float64, error), error) {
	r, err := teacher.OpenRecipe(f.judge)
	if err != nil {
		return nil, nil, err
	}
	key, err := keyOf(r, false)
	if err != nil {
		return nil, nil, err
	}
	if f.journal == "" {
		f.journal = f.predictions + ".calls"
	}
	client, err := endpoint.Open(f.journal, r.Options, key)
	if err != nil {
		return nil, nil, err
	}
	return client, score.Judge(client, r.Critic.Model, r.Settings.Seed, r.Settings.JSON), nil
}

func writeScores(path string, r *score.Report) error {
	var b strings.Builder
	for _, row := range r.Rows {
		line, err := json.Marshal(row)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	return atomicfile.Write(path, []byte(b.String()))
}

func (f scoreFlags) print(w io.Writer, open *score.Report, differences []score.Difference) error {
	if f.json {
		return json.NewEncoder(w).Encode(struct {
			*score.Report
			ClosedBook []score.Difference `json:"closed_book,omitempty"`
		}{open, differences})
	}
	if _, err := fmt.Fprint(w, open.Table()); err != nil || len(differences) == 0 {
		return err
	}
	_, err := fmt.Fprint(w, "\n"+score.Table(differences))
	return err
}
