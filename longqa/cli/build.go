package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/longqa/assemble"
	"longlora/longqa/build"
	"longlora/longqa/corpus"
	"longlora/longqa/figures"
	"longlora/longqa/gold"
	"longlora/longqa/score"
	"longlora/pipeline/goroot"
	"longlora/pipeline/limit"
	"longlora/pipeline/source"
)

// buildFlags are the flags of longqa build.
type buildFlags struct {
	out, source, goroot, tokenizer string
	recipe, rename, closedBook     string
	documents, evaluation          []string
	licence, language, genre       string
	encoding                       string
	overwrite                      bool
	tree                           goroot.Options
	limit                          int
	maxDropped                     limit.Limit
	sections                       sectionFlags
}

const sourceGoroot = build.Goroot

func newBuild() *cobra.Command {
	f := buildFlags{maxDropped: limit.Share(0.1)}
	c := &cobra.Command{
		Use:   "build --out DIR [--recipe NAME|FILE] [--documents DIR | --source NAME PATH]",
		Short: "Build a dataset of long-context questions and answers",
		Long: "Build a dataset of long-context questions and answers.\n\n" +
			"A recipe says how many contexts of which lengths there are to be, which tasks, and which\n" +
			"figures the dataset must keep; a build that misses one fails and publishes nothing. The\n" +
			"recipe default needs nothing but Go: questions about the packages and texts of the Go\n" +
			"toolchain's own tree. The others (" + strings.Join(build.Recipes(), ", ") + ",\n" +
			"or a file of your own, see docs/longqa.md) ask about documents: those of datasets that\n" +
			"pipeline ingest made (--documents), or what a source of pipeline ingest reads (--source,\n" +
			"with a path).\n\n" +
			"Rows of published sets (--gold), a model's (--teacher) and short instructions (--short, a\n" +
			"quarter of the training rows by default) may stand beside the derived ones, named by flags or\n" +
			"by the recipe's sections gold, teacher and short.",
		Example: "  longqa build --out build/longqa\n" +
			"  longqa build --recipe books --documents build/novels --out build/longqa-books\n" +
			"  longqa build --recipe papers --source text papers/ --licence CC-BY-4.0 --out build/papers\n" +
			"  longqa build --recipe longalpaca-like --documents build/books --gold qmsum=QMSum \\\n" +
			"    --teacher teacher.yaml --short stanford-alpaca=alpaca_data.json --out build/longalpaca\n" +
			"  longqa build --rename-identifiers --out build/longqa-renamed",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runBuild(c, f, args) },
	}
	fs := c.Flags()
	fs.StringVar(&f.out, "out", "", "directory of the new dataset")
	fs.BoolVar(&f.overwrite, "overwrite", false, "replace the dataset that is there")
	fs.StringVar(&f.recipe, "recipe", "default",
		"what to build: "+strings.Join(build.Recipes(), ", ")+", or a file")
	fs.StringArrayVar(&f.documents, "documents", nil,
		"document dataset to ask about, made by pipeline ingest: a path or a URL; may be given again")
	fs.StringVar(&f.source, "source", "", "what to read from the path, as pipeline ingest does: "+
		strings.Join(sourceKinds(), ", "))
	fs.StringVar(&f.licence, "licence", "", "SPDX expression for documents that name none")
	fs.StringVar(&f.language, "language", "", "BCP 47 tag for documents that name none")
	fs.StringVar(&f.genre, "genre", "", "genre of all documents, as book or paper (default: found out)")
	fs.StringVar(&f.encoding, "encoding", "",
		"with --source: character set of text files, as windows-1252 (default: Unicode's, found out)")
	fs.StringVar(&f.rename, "rename-identifiers", "",
		"give the identifiers of code new names, drawn by this word")
	fs.Lookup("rename-identifiers").NoOptDefVal = "renamed"
	fs.StringArrayVar(&f.evaluation, "decontaminate", nil,
		evaluationUsage)
	fs.StringVar(&f.tokenizer, "tokenizer", defaultTokenizer, tokenizerUsage)
	fs.StringVar(&f.goroot, "goroot", "", "root of the Go tree (default: what 'go env GOROOT' prints)")
	fs.StringVar(&f.tree.GOOS, "goos", "linux", "operating system whose files are read")
	fs.StringVar(&f.tree.GOARCH, "goarch", "amd64", "architecture whose files are read")
	fs.IntVar(&f.limit, "limit", 0,
		"a sample of about so many rows, not held to the recipe's figures")
	fs.Var(&f.maxDropped, "max-dropped",
		"documents, and rows of a set, that may be dropped before the build fails")
	fs.StringVar(&f.closedBook, "closed-book", "",
		"what longqa score --card wrote about this dataset; the card then says it")
	f.sections.add(fs)
	fs.SetNormalizeFunc(american)
	return c
}

func runBuild(c *cobra.Command, f buildFlags, args []string) error {
	if f.out == "" {
		return command.Usagef("build needs --out")
	}
	if f.limit < 0 {
		return command.Usagef("--limit %d must not be negative", f.limit)
	}
	if _, err := gold.Find(f.source); err == nil {
		return command.Usagef("%s is a published set: use longqa import --source %s PATH", f.source,
			f.source)
	}
	if f.source != "" && !slices.Contains(sourceKinds(), f.source) {
		return command.Usagef("build: unknown source %q; there are %s", f.source,
			strings.Join(sourceKinds(), ", "))
	}
	return buildRecipe(c, f, args)
}

// sourceKinds lists the sources of package pipeline/source that need a path, and goroot.
func sourceKinds() []string {
	var names []string
	for _, k := range source.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// recipeOf opens the recipe and puts what the flags name in the place of its material.
func recipeOf(f buildFlags, args []string) (build.Recipe, error) {
	r, err := build.OpenRecipe(f.recipe)
	if err != nil {
		return r, command.Usagef("build: %w", err)
	}
	base := corpus.Material{
		Licence: f.licence, Language: f.language, Genre: f.genre, Encoding: f.encoding,
	}
	var material []build.Material
	for _, dir := range f.documents {
		m := build.Material{Material: base}
		m.Source, m.Path = corpus.Documents, dir
		material = append(material, m)
	}
	switch {
	case f.source == "" && len(args) > 0:
		return r, command.Usagef("build: say what to read from %s, as --source text %s; there are %s; a "+
			"dataset that pipeline ingest made is named by --documents", args[0], args[0],
			strings.Join(sourceKinds(), ", "))
	case f.source == sourceGoroot && len(args) > 0:
		return r, command.Usagef("the source goroot takes no path; name another root with --goroot")
	case f.source == sourceGoroot:
		material = append(material, build.Material{Material: corpus.Material{Source: f.source}})
	case f.source != "":
		if len(args) != 1 {
			return r, command.Usagef("the source %s needs the path of its files", f.source)
		}
		m := build.Material{Material: base}
		m.Source, m.Path = f.source, args[0]
		material = append(material, m)
	}
	if len(material) > 0 {
		r.Material = material
	}
	if len(r.Material) == 0 {
		return r, command.Usagef("the recipe %s needs material: name --documents DIR, or --source NAME PATH",
			f.recipe)
	}
	if err := f.sections.apply(&r); err != nil {
		return r, command.Usagef("build: %w", err)
	}
	return r, renameCode(&r, f)
}

// renameCode has the recipe's code renamed if the flags say so.
func renameCode(r *build.Recipe, f buildFlags) error {
	if f.rename == "" {
		return nil
	}
	code := 0
	for i := range r.Material {
		if r.Material[i].Source == sourceGoroot {
			r.Material[i].Rename = f.rename
			code++
		}
	}
	if code == 0 {
		return command.Usagef("--rename-identifiers: the material has no code of the Go tree")
	}
	return nil
}

func buildRecipe(c *cobra.Command, f buildFlags, args []string) (err error) {
	o := build.Options{
		Out: f.out, Overwrite: f.overwrite, Limit: f.limit, MaxDropped: f.maxDropped,
		Stores: stores(),
		Step:   func(name string) { fmt.Fprintf(c.ErrOrStderr(), "build: %s\n", name) },
	}
	if o.Recipe, err = recipeOf(f, args); err != nil {
		return err
	}
	if slices.ContainsFunc(o.Recipe.Material,
		func(m build.Material) bool { return m.Source == sourceGoroot }) {
		if o.Tree, err = openTree(c, f); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	if o.Evaluation, err = evaluation(c, "build", o.Recipe.Evaluation, f.evaluation); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if o.Tokenizer, err = openTokenizer(f.tokenizer); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if o.Gate, err = f.sections.gateOf(); err != nil {
		return err
	}
	if f.closedBook != "" {
		if o.ClosedBook, err = score.OpenComparison(f.closedBook); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	if assemble.Wanted(o.Recipe) {
		return runSections(c, f, o)
	}
	r, err := build.Run(c.Context(), o)
	if err != nil {
		if r != nil {
			printFigures(c.ErrOrStderr(), r.Figures)
		}
		return err
	}
	return printBuilt(c, f.out, r)
}

func openTree(c *cobra.Command, f buildFlags) (*goroot.Tree, error) {
	if f.goroot == "" {
		root, err := goroot.Find(c.Context())
		if err != nil {
			return nil, fmt.Errorf("%w with --goroot", err)
		}
		f.goroot = root
	}
	return goroot.Open(f.goroot, f.tree)
}

// printFigures writes the figures of a dataset that is not published, where there are some.
func printFigures(w io.Writer, f *figures.Figures) {
	if f != nil && f.Rows > 0 {
		fmt.Fprint(w, f.Table())
	}
}

// printBuilt writes what was built to stdout.
func printBuilt(c *cobra.Command, dir string, r *build.Result) error {
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s\n%s: %d rows, %d tokens, digest %s\n",
		r.Figures.Table(), dir, r.Figures.Rows, r.Figures.Tokens, r.Manifest.Digest)
	return err
}

const (
	// defaultTokenizer names the embedded tokenizer.
	defaultTokenizer = "default"
	tokenizerUsage   = "tokenizer.json or SentencePiece .model file, or the directory that holds one"
)

func openTokenizer(name string) (*tokenizer.Tokenizer, error) {
	if name == defaultTokenizer {
		return defaults.Tokenizer()
	}
	return tokenizer.Open(name)
}
