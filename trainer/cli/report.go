package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/trainer/report"
)

// reportFlags are those of report.
type reportFlags struct {
	farCopy, passKey, before, after, answer, examples, out string
	stages, places                                         []string
	seconds                                                float64
}

func reportCommand() *cobra.Command {
	f := &reportFlags{}
	c := &cobra.Command{
		Use:   "report --far-copy FILE --stage NAME=DIR --out DIR",
		Short: "Sum a fine-tuning up: a table, a page with pictures, summary.json",
		Long: "Sum a fine-tuning up from what eval and the training runs wrote: a table on standard " +
			"output,\nreport.html and summary.json in --out. Exits with 1 if the model does not beat " +
			"every baseline.",
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringVar(&f.farCopy, "far-copy", "", "what eval far-copy --json wrote (required)")
	flags.StringVar(&f.passKey, "passkey", "", "what eval passkey --json wrote")
	flags.StringVar(&f.before, "answers-before", "",
		"what eval ppl --json said of held-out answers before they were taught")
	flags.StringVar(&f.after, "answers-after", "", "and after")
	flags.StringVar(&f.answer, "answer", "", "a line of predict to show as an example")
	flags.StringVar(&f.examples, "examples", "", "example dataset that holds the answer's question")
	flags.StringArrayVar(&f.stages, "stage", nil,
		"NAME=DIR: a training run to show (repeatable, at least one)")
	flags.StringArrayVar(&f.places, "place", nil, "WHAT=PATH: something to point to (repeatable)")
	flags.Float64Var(&f.seconds, "seconds", 0, "time that everything took")
	flags.StringVar(&f.out, "out", "", "directory of report.html and summary.json (required)")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *reportFlags) run(c *cobra.Command) error {
	if f.farCopy == "" || f.out == "" || len(f.stages) == 0 {
		return command.Usagef("--far-copy, --out and at least one --stage are required")
	}
	r, err := f.gather()
	if err != nil {
		return err
	}
	if err := r.Write(f.out); err != nil {
		return err
	}
	if err := r.Table(c.OutOrStdout()); err != nil {
		return err
	}
	if !r.FarCopy.Passed {
		return errors.New("the gate failed: the fine-tuned model does not beat every baseline on far " +
			"identifiers beyond the 95 % interval")
	}
	return nil
}

func (f *reportFlags) gather() (*report.Report, error) {
	r := &report.Report{Seconds: f.seconds}
	if err := readJSON(f.farCopy, &r.FarCopy); err != nil {
		return nil, err
	}
	for _, file := range []struct {
		path string
		into any
	}{{f.passKey, &r.PassKey}, {f.before, &r.Before}, {f.after, &r.After}} {
		if file.path == "" {
			continue
		}
		if err := readJSON(file.path, file.into); err != nil {
			return nil, err
		}
	}
	if f.answer != "" {
		if err := f.example(&r.Example); err != nil {
			return nil, err
		}
	}
	for _, s := range f.stages {
		name, dir, ok := strings.Cut(s, "=")
		if !ok {
			return nil, command.Usagef("--stage is %q, want NAME=DIR", s)
		}
		stage, err := report.ReadStage(name, dir)
		if err != nil {
			return nil, err
		}
		r.Stages = append(r.Stages, stage)
	}
	for _, p := range f.places {
		what, path, ok := strings.Cut(p, "=")
		if !ok {
			return nil, command.Usagef("--place is %q, want WHAT=PATH", p)
		}
		r.Places = append(r.Places, report.Place{What: what, Path: path})
	}
	return r, nil
}

// example reads the answer and looks its question up.
func (f *reportFlags) example(e *report.Example) error {
	if err := readJSON(f.answer, e); err != nil || f.examples == "" {
		return err
	}
	d, err := shard.Open(f.examples)
	if err != nil {
		return err
	}
	for row, err := range shard.Rows[schemas.Example](d, "") {
		if err != nil {
			return err
		}
		if row.ID == e.ID {
			e.Instruction = row.Instruction
			return nil
		}
	}
	return fmt.Errorf("report: %s holds no example %q", f.examples, e.ID)
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
