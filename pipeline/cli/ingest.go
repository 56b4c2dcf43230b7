package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/pipeline/filter"
	"longlora/pipeline/ingest"
	"longlora/pipeline/limit"
	"longlora/pipeline/source"
	"longlora/pipeline/split"
)

// ingestFlags are the flags that are not fields of the options.
type ingestFlags struct {
	kind, filters string
	source        source.Options
	selection     selectionFlags
}

func newIngest() *cobra.Command {
	f := ingestFlags{source: source.Options{Fields: source.DefaultFields()}}
	o := ingest.Options{
		Filter: filter.DefaultOptions(), Shares: split.DefaultShares(), MaxDropped: limit.Share(0.5),
	}
	c := &cobra.Command{
		Use:   "ingest --source SOURCE --out DIR",
		Short: "Read, clean, deduplicate and split documents into a document dataset",
		Long: "Read, clean, deduplicate and split documents into a document dataset.\n\nSources:\n" +
			kindList() + "\nFilters:\n" + indented(filter.Names()) + selectionHelp(),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runIngest(c, f, o) },
	}
	fs := c.Flags()
	fs.StringVar(&f.kind, "source", "", "where documents come from: "+kindNames())
	fs.StringVar(&f.source.Path, "path", "", "file or folder to read, or its URL: s3://, gs://, azblob://; "+
		"of git: a repository or a folder of some, as REPO or REPO@REVISION")
	fs.StringVar(&f.source.Licence, "licence", "", "SPDX expression of documents that name none")
	fs.StringVar(&f.source.Language, "language", "und", "BCP 47 tag of documents that name none")
	fs.StringVar(&f.source.Encoding, "encoding", "", "character set of text, markdown and git: auto (UTF-8, "+
		"or as a byte order mark says) or a name, as windows-1252; default: auto")
	fs.StringVar(&f.source.Per, "per", "", "what becomes a document: "+perHelp())
	addFieldFlags(c, &f.source.Fields)
	fs.StringVar(&f.source.Goroot, "goroot", "", "Go tree to read; default: that of the go command")
	fs.StringVar(&f.source.GOOS, "goos", "", "operating system whose files of the Go tree are read")
	fs.StringVar(&f.source.GOARCH, "goarch", "", "architecture whose files of the Go tree are read")
	fs.StringVar(&f.filters, "filters", "", "filters to run, by comma, or none; default: those of "+
		"the source")
	addSelectionFlags(c, &f.selection, &o)
	fs.Int64Var(&o.Filter.MinChars, "min-chars", o.Filter.MinChars, "least characters of a document")
	fs.Int64Var(&o.Filter.MaxChars, "max-chars", 0, "most characters of a document; 0: no bound")
	fs.StringVar(&o.Split, "split", "", "put all documents into this split")
	fs.Float64Var(&o.Shares.Validation, "validation", o.Shares.Validation,
		"share of near-duplicate clusters held out for validation")
	fs.Float64Var(&o.Shares.Test, "test", o.Shares.Test,
		"share of near-duplicate clusters held out for testing")
	fs.Var(&o.MaxDropped, "max-dropped", "inputs that may be dropped before the build fails")
	addOutputFlags(c, &o.Out, &o.Name, &o.Overwrite, &o.Workers)
	return c
}

func addFieldFlags(c *cobra.Command, f *source.Fields) {
	for _, x := range []struct {
		field *string
		name  string
	}{
		{&f.Text, "text"}, {&f.ID, "id"}, {&f.Title, "title"}, {&f.Licence, "licence"}, {&f.URL, "url"},
		{&f.Language, "language"},
	} {
		c.Flags().StringVar(x.field, x.name+"-field", *x.field, "field of a row that holds the "+x.name)
	}
}

// addOutputFlags adds the flags of every command that builds a dataset.
func addOutputFlags(c *cobra.Command, out, name *string, overwrite *bool, workers *int) {
	fs := c.Flags()
	fs.StringVar(out, "out", "", "directory of the dataset")
	fs.StringVar(name, "name", "", "name of the dataset")
	fs.BoolVar(overwrite, "overwrite", false, "replace a dataset that is there")
	fs.IntVar(workers, "workers", 0, "units to work on at once; 0: one a processor")
}

func runIngest(c *cobra.Command, f ingestFlags, o ingest.Options) error {
	if f.kind == "" || o.Out == "" {
		return command.Usagef("ingest needs --source and --out")
	}
	kind, err := source.Find(f.kind)
	if err != nil {
		return command.Usagef("ingest: %w", err)
	}
	if o.Kind = kind.Name; o.Name == "" {
		o.Name = kind.Name
	}
	if o.Filters = kind.Filters; f.filters != "" {
		o.Filters = filterList(f.filters)
	}
	if err := f.selection.apply(c, kind, &o); err != nil {
		return err
	}
	f.source.Stores = stores()
	if err := kind.Validate(f.source); err != nil {
		return command.Usagef("ingest: %w%s", err, flagHint(err))
	}
	if err := o.Validate(); err != nil {
		return command.Usagef("ingest: %w", err)
	}
	if o.Source, err = kind.Open(c.Context(), f.source); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if o.Evaluation, err = f.selection.evaluation(c); err != nil {
		return err
	}
	p := command.NewProgress(c.ErrOrStderr(), "ingest", 0, "bytes")
	o.Progress = p.Add
	m, err := ingest.Run(c.Context(), o)
	p.Done()
	if err != nil {
		return err
	}
	return printBuilt(c, o.Out, m)
}

func filterList(s string) []string {
	if s == "none" {
		return []string{}
	}
	return strings.Split(s, ",")
}

// perHelp lists what documents can be made of, the default first.
func perHelp() string {
	var kinds []string
	for _, k := range source.Kinds() {
		if len(k.Per) > 0 {
			kinds = append(kinds, k.Name+": "+strings.Join(k.Per, " or "))
		}
	}
	return strings.Join(kinds, "; ")
}

func kindNames() string {
	var names []string
	for _, k := range source.Kinds() {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

func kindList() string {
	var lines []string
	for _, k := range source.Kinds() {
		lines = append(lines, k.Name+": "+k.About)
	}
	return indented(lines)
}

func indented(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("  " + l + "\n")
	}
	return b.String()
}
