package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/longqa/build"
	"longlora/longqa/gold"
	"longlora/longqa/importer"
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
)

// importFlags are the flags of longqa import.
type importFlags struct {
	importer.Options
	source, format, tokenizer string
	own                       importer.Own
	allow, deny, evaluation   []string
}

func newImport() *cobra.Command {
	f := importFlags{}
	f.MaxDropped = limit.Share(0.01)
	c := &cobra.Command{
		Use:   "import (--source NAME | --format NAME) PATH --out DIR",
		Short: "Make a dataset of a published set or of your own conversations",
		Long: "Make a dataset of a published set (--source) or of your own conversations (--format).\n\n" +
			"Published sets:\n" + aboutSources() + "\nFormats of your own files, JSON lines or one " +
			"JSON array, or a folder of both:\n" + aboutOwn() +
			"\nThe long context of your own rows is the field --context-field, or stands in the first\n" +
			"question, whose first or last paragraph is then what is asked. Fields id, licence, genre,\n" +
			"task, split and answer_source of a row are kept. What cannot be used is rejected with its\n" +
			"file, line and reason (reject/rejected.jsonl) and counted against --max-dropped.",
		Example: "  longqa import --source qmsum QMSum/data/ALL/jsonl --expect-counts --out build/qmsum\n" +
			"  longqa import --format messages chats.jsonl --licence CC-BY-4.0 --out build/chats",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runImport(c, f, args[0]) },
	}
	fs := c.Flags()
	fs.StringVar(&f.Out, "out", "", "directory of the new dataset")
	fs.BoolVar(&f.Overwrite, "overwrite", false, "replace the dataset that is there")
	fs.StringVar(&f.source, "source", "", "published set: "+strings.Join(gold.Names(), ", "))
	fs.StringVar(&f.format, "format", "", "format of your own files: "+
		strings.Join(importer.Formats(), ", "))
	fs.BoolVar(&f.ExpectCounts, "expect-counts", false,
		"fail if a split or part has not as many rows as its publisher says")
	fs.StringVar(&f.own.Set, "name", "", "with --format: name of the data (default: the file's)")
	fs.StringVar(&f.own.Licence, "licence", "", "with --format: SPDX expression for rows that name none")
	fs.StringVar(&f.own.ContextField, "context-field", "context",
		"with --format: field that holds the long context")
	fs.StringVar(&f.own.Genre, "genre", "", "with --format: genre of rows that name none")
	fs.StringVar(&f.own.Split, "split", "train", "with --format: split of rows that name none")
	fs.IntVar(&f.own.LongTurn, "long-turn", 4000,
		"with --format: characters from which on a first question holds its context")
	fs.StringVar(&f.tokenizer, "tokenizer", defaultTokenizer, tokenizerUsage)
	fs.IntVar(&f.MaxTokens, "max-tokens", 128000, "most tokens of a context; 0: no bound")
	fs.Var(&f.MaxDropped, "max-dropped", "rows that may be dropped before the import fails")
	fs.StringArrayVar(&f.evaluation, "decontaminate", nil, evaluationUsage)
	fs.StringSliceVar(&f.allow, "allow-licence", nil,
		"SPDX identifiers or patterns to let through only")
	fs.StringSliceVar(&f.deny, "deny-licence", nil, "SPDX identifiers or patterns to drop")
	c.Flags().SetNormalizeFunc(american)
	return c
}

func aboutSources() string {
	var b strings.Builder
	for _, name := range gold.Names() {
		s, _ := gold.Find(name) // the table's own name
		fmt.Fprintf(&b, "  %-21s  %s\n", name, s.About())
	}
	return b.String()
}

func aboutOwn() string {
	var b strings.Builder
	for _, name := range importer.Formats() {
		f, _ := importer.FindFormat(name) // the table's own name
		fmt.Fprintf(&b, "  %-10s  %s\n", name, f.About())
	}
	return b.String()
}

func runImport(c *cobra.Command, f importFlags, path string) (err error) {
	if f.Out == "" {
		return command.Usagef("import needs --out")
	}
	if (f.source == "") == (f.format == "") {
		return command.Usagef("import needs --source (%s) or --format (%s)",
			strings.Join(gold.Names(), ", "), strings.Join(importer.Formats(), ", "))
	}
	if f.MaxTokens < 0 || f.own.LongTurn < 1 {
		return command.Usagef("--max-tokens is %d, want at least 0, and --long-turn is %d, want at least 1",
			f.MaxTokens, f.own.LongTurn)
	}
	if f.source != "" {
		if f.Source, err = gold.Find(f.source); err != nil {
			return command.Usagef("import: %w", err)
		}
	} else if f.Source, err = f.ownSource(path); err != nil {
		return err
	}
	if f.Gate, err = licence.New(f.allow, f.deny); err != nil {
		return command.Usagef("import: %w", err)
	}
	if f.Tokenizer, err = openTokenizer(f.tokenizer); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if f.Evaluation, err = evaluation(c, "import", nil, f.evaluation); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	recipe := build.Default()
	f.Path, f.Bands, f.FarApart = path, recipe.Bands(), recipe.Limits.FarApart
	r, err := importer.Run(c.Context(), f.Options)
	if err != nil {
		return err
	}
	if r.Differs != "" {
		c.PrintErrf("longqa import: note: %s; --expect-counts makes this an error\n", r.Differs)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n%s: %d rows, %d tokens, digest %s\n", r.Figures.Table(),
		f.Out, r.Figures.Rows, r.Figures.Tokens, r.Manifest.Digest)
	return err
}

// ownSource reads a team's own files.
func (f importFlags) ownSource(path string) (gold.Source, error) {
	format, err := importer.FindFormat(f.format)
	if err != nil {
		return nil, command.Usagef("import: %w", err)
	}
	if f.ExpectCounts {
		return nil, command.Usagef("--expect-counts is for --source: nobody published counts of your files")
	}
	own := f.own
	own.Format = format
	if own.Set == "" {
		base := filepath.Base(filepath.Clean(path))
		own.Set = strings.TrimSuffix(base, filepath.Ext(base))
	}
	return own, nil
}
