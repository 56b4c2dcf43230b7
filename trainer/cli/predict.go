package cli

import (
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/trainer/generate"
	"longlora/trainer/open"
)

// predictFlags are those of predict.
type predictFlags struct {
	modelFlags
	samplingFlags
	examples, shards, split, template, overLength string
	limit                                         int
}

// prediction is a line of predict's output.
type prediction struct {
	ID         string `json:"id"`
	Prediction string `json:"prediction"`
	Reference  string `json:"reference"`
	// Tokens are those of the prompt.
	Tokens int `json:"prompt_tokens"`
}

// question is a prompt and the right answer to it.
type question struct {
	id, reference string
	prompt        []int32
}

func predictCommand() *cobra.Command {
	f := &predictFlags{}
	c := &cobra.Command{
		Use:   "predict (--examples DIR | --shards DIR)",
		Short: "Answer the questions of an example dataset, a JSON object a line",
		Long: "Answer the questions of an example dataset, or those of shards that longqa encode made " +
			"of one: the\nprompts are then as in training. Each answer is a line of JSON: id, " +
			"prediction, reference,\nprompt_tokens. Evidence is not looked at.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	f.samplingFlags.add(c, 256)
	flags := c.Flags()
	flags.StringVar(&f.examples, "examples", "", "example dataset")
	flags.StringVar(&f.shards, "shards", "", "encoded example dataset, instead of --examples")
	flags.StringVar(&f.split, "split", "test", "split to answer")
	flags.StringVar(&f.template, "template", prompt.Default().Name(),
		"prompt template of --examples: "+strings.Join(prompt.Names(), ", "))
	flags.StringVar(&f.overLength, "over-length", string(generate.MiddleOut),
		"what becomes of an example that is too long: middle-out, skip or error")
	flags.IntVar(&f.limit, "limit", 0, "number of questions; 0: all")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *predictFlags) check() error {
	if (f.examples == "") == (f.shards == "") {
		return command.Usagef("give either --examples or --shards")
	}
	switch generate.OverLength(f.overLength) {
	case generate.MiddleOut, generate.Skip, generate.Fail:
	default:
		return command.Usagef("--over-length is %q, want middle-out, skip or error", f.overLength)
	}
	if f.limit < 0 {
		return command.Usagef("--limit is %d, want at least 0", f.limit)
	}
	return f.samplingFlags.check()
}

func (f *predictFlags) run(c *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	template, err := prompt.Find(f.template)
	if err != nil {
		return command.Usagef("%w", err)
	}
	d, err := openDataset(c.Context(), f.examples+f.shards)
	if err != nil {
		return err
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
	f.Stop = stops(m, tok)
	if f.shards != "" {
		if err := checkTokenizer(d, m); err != nil {
			return err
		}
		return f.answer(c, d, m, tok, encodedQuestions(d, f.split, tok))
	}
	ends, err := generate.Stops(tok, template)
	if err != nil {
		return err
	}
	f.Stop = append(f.Stop, ends...)
	return f.answer(c, d, m, tok, exampleQuestions(d, f.split, &generate.Asker{
		Tokenizer: tok, Template: template, Limit: m.Options().Context - f.MaxNew,
		OverLength: generate.OverLength(f.overLength),
	}))
}

// answer writes a line for each question.
func (f *predictFlags) answer(c *cobra.Command, d *shard.Dataset, m *open.Model,
	tok *tokenizer.Tokenizer, questions iter.Seq2[question, error]) error {
	rows, _ := d.Count(f.split)
	if rows == 0 {
		return fmt.Errorf("%s: split %q has no rows; the dataset has the splits %v",
			d.Dir(), f.split, d.Splits())
	}
	if f.limit > 0 {
		rows = min(rows, int64(f.limit))
	}
	bar := command.NewProgress(c.ErrOrStderr(), "predict", rows, "questions")
	defer bar.Done()
	for q, err := range questions {
		if err != nil {
			return fmt.Errorf("predict: %s: %w", d.Dir(), err)
		}
		_, text, err := f.samplingFlags.answer(c.Context(), m, tok, q.prompt, nil, nil)
		if err != nil {
			return fmt.Errorf("predict: %s: %w", q.id, err)
		}
		err = writeJSON(c.OutOrStdout(), prediction{
			ID: q.id, Prediction: strings.TrimSpace(text), Reference: q.reference,
			Tokens: len(q.prompt),
		})
		if err != nil {
			return err
		}
		bar.Add(1)
		if rows--; rows == 0 {
			break
		}
	}
	return nil
}

// exampleQuestions renders the rows of an example dataset.
func exampleQuestions(d *shard.Dataset, split string, a *generate.Asker) iter.Seq2[question,
	error] {
	return func(yield func(question, error) bool) {
		for e, err := range shard.Rows[schemas.Example](d, split) {
			q := question{id: e.ID, reference: e.Output}
			if err == nil {
				if q.prompt, err = a.Prompt(&e); err != nil {
					err = fmt.Errorf("example %s: %w", e.ID, err)
				}
			}
			if err == nil && q.prompt == nil {
				continue
			}
			if !yield(q, err) || err != nil {
				return
			}
		}
	}
}

// encodedQuestions takes prompts and answers apart: a document's answer is its last loss span.
func encodedQuestions(d *shard.Dataset, split string, tok *tokenizer.Tokenizer) iter.Seq2[question,
	error] {
	return func(yield func(question, error) bool) {
		for s, err := range shard.Rows[schemas.Sequence](d, split) {
			if err != nil {
				yield(question{}, err)
				return
			}
			from := int32(0)
			for i, n := range s.DocLens {
				q := question{id: s.Docs[i].SampleID}
				for _, span := range s.LossSpans {
					if span.Start > from && span.End <= from+n {
						q.prompt = s.InputIDs[from:span.Start]
						q.reference, err = tok.Decode(s.InputIDs[span.Start:span.End], true)
						q.reference = strings.TrimSpace(q.reference)
					}
				}
				from += n
				if !yield(q, err) || err != nil {
					return
				}
			}
		}
	}
}
