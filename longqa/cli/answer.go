package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/atomicfile"
	"longlora/internal/command"
	"longlora/longqa/answer"
	"longlora/longqa/endpoint"
	"longlora/longqa/teacher"
)

// answerFlags are the flags of longqa answer.
type answerFlags struct {
	dataset, split, model, out, journal string
	closedBook                          bool
	limit                               int
}

func newAnswer() *cobra.Command {
	var f answerFlags
	c := &cobra.Command{
		Use:   "answer --dataset DIR --model FILE --out FILE",
		Short: "Have a model answer a dataset's questions, with the material or from memory",
		Long: "Have a model behind an OpenAI-compatible endpoint answer a dataset's questions, and write its\n" +
			"answers as longqa score reads them. The file's section teacher names endpoint, model and\n" +
			"limits (docs/teacher.md). With --closed-book the model gets the question without the material:\n" +
			"what it still answers it knew before. Every call is kept in the journal, so that a rerun makes\n" +
			"none again.",
		Example: "  longqa answer --dataset build/longqa --split test --model model.yaml --out open.jsonl\n" +
			"  longqa answer --dataset build/longqa --split test --model model.yaml --closed-book \\\n" +
			"    --out closed.jsonl\n" +
			"  longqa score --dataset build/longqa --predictions open.jsonl --closed-book closed.jsonl \\\n" +
			"    --card memory.json\n" +
			"  longqa build --closed-book memory.json --overwrite --out build/longqa",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAnswer(c, f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.dataset, "dataset", "", "example dataset with the questions: a path or a URL")
	fs.StringVar(&f.split, "split", "", "split of the dataset (default: all)")
	fs.StringVar(&f.model, "model", "", "YAML file with the section teacher: the model that answers")
	fs.StringVar(&f.out, "out", "", "file of the answers")
	fs.BoolVar(&f.closedBook, "closed-book", false, "ask without the material")
	fs.StringVar(&f.journal, "journal", "", "folder that keeps all calls (default: OUT.calls)")
	fs.IntVar(&f.limit, "limit", 0, "most rows that are asked; 0: all")
	return c
}

func runAnswer(c *cobra.Command, f answerFlags) (err error) {
	if f.dataset == "" || f.model == "" || f.out == "" || f.limit < 0 {
		return command.Usagef("answer needs --dataset, --model and --out, and no negative --limit")
	}
	d, err := openDataset(c.Context(), f.dataset)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	recipe, err := teacher.OpenRecipe(f.model)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	key, err := keyOf(recipe, false)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if f.journal == "" {
		f.journal = f.out + ".calls"
	}
	client, err := endpoint.Open(f.journal, recipe.Options, key)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	p := command.NewProgress(c.ErrOrStderr(), "answer", 0, "rows")
	var text strings.Builder
	r, err := answer.Run(c.Context(), client, d, answer.Options{
		Model: recipe.Model, Settings: recipe.Settings, ClosedBook: f.closedBook, Split: f.split,
		Limit: f.limit, Progress: p.Add,
	}, &text)
	p.Done()
	printCalls(c.ErrOrStderr(), "answer", client.Stats())
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if err := atomicfile.Write(f.out, []byte(text.String())); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d rows answered, %d calls failed%s\n", f.out,
		r.Answered,
		r.Failed, because(r.Why))
	return err
}

// because puts a reason into brackets.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}
