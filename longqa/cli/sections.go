package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"longlora/internal/command"
	"longlora/longqa/assemble"
	"longlora/longqa/build"
	"longlora/longqa/endpoint"
	"longlora/longqa/gold"
	"longlora/longqa/teacher"
	"longlora/pipeline/goroot"
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
)

// sectionFlags name rows beside the derived ones: they take the place of a recipe's sections.
type sectionFlags struct {
	gold, short      []string
	shortLicence     string
	shortShare       float64
	teacher, journal string
	partial          bool
	maxTokens        int
	maxRejected      limit.Limit
	allow, deny      []string
}

// goDoc is the source of short rows that is there wherever Go is.
const goDoc = "go-doc"

func (f *sectionFlags) add(fs *pflag.FlagSet) {
	f.maxRejected = limit.Share(0.9)
	fs.StringArrayVar(&f.gold, "gold", nil,
		"published set whose rows are added, as qmsum=PATH; may be given again (see longqa import)")
	fs.StringArrayVar(&f.short, "short", nil, "short instructions that are mixed in, as "+
		"stanford-alpaca=PATH, messages=PATH, or go-doc for those of the Go tree; may be given again")
	fs.StringVar(&f.shortLicence, "short-licence", "", "SPDX expression for short rows that name none")
	fs.Float64Var(&f.shortShare, "short-share", 0,
		fmt.Sprintf("part of the training rows that are short (default: the recipe's, or %g)",
			build.DefaultShare))
	fs.StringVar(&f.teacher, "teacher", "",
		"file with a section teacher: a model that asks about the contexts too (see longqa teach)")
	fs.StringVar(&f.journal, "journal", "", "folder that keeps a teacher's calls (default: OUT.calls)")
	fs.BoolVar(&f.partial, "partial", false, "with a teacher: make no call, and use what was answered")
	fs.IntVar(&f.maxTokens, "max-tokens", 128000, "with --gold: most tokens of a context; 0: no bound")
	fs.Var(&f.maxRejected, "max-rejected", "a teacher's questions that may be rejected before it fails")
	fs.StringSliceVar(&f.allow, "allow-licence", nil,
		"SPDX identifiers or patterns to let through only")
	fs.StringSliceVar(&f.deny, "deny-licence", nil,
		"SPDX identifiers or patterns to leave out, as *-NC-*")
}

// apply puts what the flags name into the recipe.
func (f sectionFlags) apply(r *build.Recipe) error {
	for _, side := range []struct {
		flags   []string
		licence string
		to      *[]build.Rows
	}{{f.gold, "", &r.Gold}, {f.short, f.shortLicence, &r.Short.From}} {
		if len(side.flags) > 0 {
			*side.to = nil
		}
		for _, flag := range side.flags {
			*side.to = append(*side.to, rowsOf(flag, side.licence))
		}
	}
	if f.shortShare != 0 {
		r.Short.Share = f.shortShare
	}
	if f.teacher != "" {
		t, err := teacher.OpenRecipe(f.teacher)
		if err != nil {
			return err
		}
		r.Teacher = &t
	}
	return errors.Join(f.idle(r), r.Validate())
}

// idle reports flags that say something about rows that there are none of.
func (f sectionFlags) idle(r *build.Recipe) error {
	switch {
	case len(r.Short.From) == 0 && f.shortShare != 0:
		return errors.New("--short-share needs short rows: name some with --short")
	case len(f.short) == 0 && f.shortLicence != "":
		return errors.New("--short-licence is for the rows of --short")
	case r.Teacher == nil && (f.partial || f.journal != ""):
		return errors.New("--partial and --journal need a teacher: name one with --teacher")
	}
	return nil
}

// rowsOf reads NAME=PATH, of a source or of a format.
func rowsOf(flag, licence string) build.Rows {
	name, path, _ := strings.Cut(flag, "=")
	rows := build.Rows{Path: path, Licence: licence}
	if _, err := gold.Find(name); err == nil {
		rows.Source = name
	} else {
		rows.Format = name
	}
	return rows
}

// fillGoDoc names the Go tree where short rows of it have no path.
func fillGoDoc(c *cobra.Command, root string, all []build.Rows) error {
	for i := range all {
		if all[i].Source != goDoc || all[i].Path != "" {
			continue
		}
		if root == "" {
			var err error
			if root, err = goroot.Find(c.Context()); err != nil {
				return fmt.Errorf("%w with --goroot", err)
			}
		}
		all[i].Path = root
	}
	return nil
}

// runSections builds a dataset of several kinds of rows.
func runSections(c *cobra.Command, f buildFlags, o build.Options) (err error) {
	for _, all := range [][]build.Rows{o.Recipe.Gold, o.Recipe.Short.From} {
		if err := fillGoDoc(c, f.goroot, all); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	a := assemble.Options{
		Build: o, Partial: f.sections.partial, Journal: f.sections.journal, Gate: o.Gate,
		MaxDropped: f.maxDropped, MaxRejected: f.sections.maxRejected,
		MaxTokens: f.sections.maxTokens,
		Calls:     func(s endpoint.Stats) { printCalls(c.ErrOrStderr(), "build", s) },
	}
	if a.Journal == "" {
		a.Journal = strings.TrimRight(f.out, "/") + ".calls"
	}
	if t := o.Recipe.Teacher; t != nil {
		if a.Key, err = keyOf(*t, a.Partial); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	r, err := assemble.Run(c.Context(), a)
	if err != nil {
		if r != nil {
			printFigures(c.ErrOrStderr(), r.Figures)
		}
		return err
	}
	return printAssembled(c.OutOrStdout(), f.out, r)
}

// keyOf is a teacher's key, from the variable that its recipe names.
func keyOf(t teacher.Recipe, partial bool) (string, error) {
	if t.KeyVariable == "" || partial {
		return "", nil
	}
	key := os.Getenv(t.KeyVariable)
	if key == "" {
		return "", fmt.Errorf("the variable %s (api_key_env) is not set", t.KeyVariable)
	}
	return key, nil
}

func printAssembled(w io.Writer, dir string, r *assemble.Result) error {
	_, err := fmt.Fprintf(w, "%s\n%s: %d long rows, %d short, %d left out by licence, %d with text of "+
		"held-out questions, %d with text of evaluation sets, %d tokens, digest %s\n", r.Figures.Table(), dir,
		sumOf(r.Report.Long), sumOf(r.Report.Short), r.Report.Denied, r.Report.Leaked, r.Report.Evaluation,
		r.Figures.Tokens, r.Manifest.Digest)
	return err
}

func sumOf(counts map[string]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}

// gateOf is the licences that the flags let through.
func (f sectionFlags) gateOf() (*licence.Gate, error) {
	g, err := licence.New(f.allow, f.deny)
	if err != nil {
		return nil, command.Usagef("build: %w", err)
	}
	return g, nil
}
