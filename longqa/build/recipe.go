package build

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"sort"
	"strings"

	"longlora/internal/strict"
	"longlora/longqa/corpus"
	"longlora/longqa/figures"
	"longlora/longqa/gold"
	"longlora/longqa/importer"
	"longlora/longqa/material"
	"longlora/longqa/task"
	"longlora/longqa/teacher"
)

// Recipe is what a dataset is to be like.
type Recipe struct {
	Name string `yaml:"name"`
	// About says in a sentence or two what the dataset is.
	About string `yaml:"about"`
	// Quota are the numbers of contexts by length.
	Quota []Quota `yaml:"contexts"`
	// PerView is the number of questions about one context.
	PerView int `yaml:"questions_per_context"`
	// Shares are the parts that tasks are to have; they need not sum to 1. A task without a share
	// is not used.
	Shares map[string]float64 `yaml:"tasks"`
	// Evaluation are evaluation sets, files or folders, whose text no document may hold.
	Evaluation []string `yaml:"evaluation" json:"-"`
	// Material is what to read, unless the caller names something else.
	Material []Material `yaml:"material"`
	// Limits are those of the derived rows.
	Limits figures.Limits `yaml:"limits"`
	// The further kinds of rows, which package assemble puts beside the derived ones: Gold are
	// published sets, Teacher a model that asks about the contexts, Short short instructions.
	Gold    []Rows          `yaml:"gold" json:"-"`
	Teacher *teacher.Recipe `yaml:"teacher" json:"-"`
	Short   Short           `yaml:"short" json:"-"`
}

// Rows are rows that longqa import reads.
type Rows struct {
	// Source is a published set, Format the format of one's own files; one of them is named.
	Source string `yaml:"source"`
	Format string `yaml:"format"`
	Path   string `yaml:"path"`
	// Licence is that of rows of one's own that name none.
	Licence string `yaml:"licence"`
}

// Short says which short instructions there are to be.
type Short struct {
	// Share is the part of the training rows that are short; 0 stands for DefaultShare.
	Share float64 `yaml:"share"`
	From  []Rows  `yaml:"from"`
}

// DefaultShare is the share of short rows of LongAlpaca-12k: 3,000 of 12,000.
const DefaultShare = 0.25

// Quota is the number of contexts within a band of lengths, in tokens.
type Quota struct {
	material.Band `yaml:",inline"`
	Views         int `yaml:"contexts"`
}

// Material is one of the things to read.
type Material struct {
	corpus.Material `yaml:",inline"`
	// Rename gives the identifiers of code new names: with the same word the same ones, with none the
	// old ones stay.
	Rename string `yaml:"rename" json:"rename,omitempty"`
	// Only, of the Go tree, is "packages" or "texts"; "" means both.
	Only string `yaml:"only" json:"only,omitempty"`
	// Weight is its part of the contexts; 0 stands for 1.
	Weight float64 `yaml:"weight" json:"weight,omitempty"`
	// Tasks replace the recipe's shares for this material.
	Tasks map[string]float64 `yaml:"tasks" json:"tasks,omitempty"`
}

// Goroot is the source of the Go tree, which has packages and texts.
const (
	Goroot       = "goroot"
	onlyPackages = "packages"
	onlyTexts    = "texts"
)

//go:embed recipes/*.yaml
var recipes embed.FS

// Recipes lists the names of the recipes that need no file, sorted.
func Recipes() []string {
	var names []string
	entries, _ := recipes.ReadDir("recipes") // it is embedded
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	sort.Strings(names)
	return names
}

// OpenRecipe returns the recipe with a name, or the one in a file.
func OpenRecipe(name string) (Recipe, error) {
	text, err := recipes.ReadFile(path.Join("recipes", name+".yaml"))
	if err != nil {
		if text, err = os.ReadFile(name); errors.Is(err, os.ErrNotExist) {
			return Recipe{}, fmt.Errorf("recipe %q is neither a file nor one of %s", name,
				strings.Join(Recipes(), ", "))
		}
	}
	if err != nil {
		return Recipe{}, fmt.Errorf("recipe: %w", err)
	}
	r, err := ParseRecipe(text)
	if err != nil {
		return Recipe{}, fmt.Errorf("recipe %s: %w", name, err)
	}
	return r, nil
}

// ParseRecipe reads a recipe. Unknown keys, tasks that do not exist and numbers that make no sense
// are errors.
func ParseRecipe(text []byte) (Recipe, error) {
	var r Recipe
	if err := strict.Decode(text, &r); err != nil {
		return r, err
	}
	return r, r.Validate()
}

// Validate reports every problem at once.
func (r Recipe) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(r.Name != "", "the recipe has no name")
	need(len(r.Quota) > 0, "the recipe has no contexts")
	need(r.PerView > 0, "questions_per_context is %d, want at least 1", r.PerView)
	end := 0
	for _, q := range r.Quota {
		need(q.From >= end && q.To > q.From && q.Views > 0,
			"contexts from %d to %d, %d of them: want lengths that grow and a number", q.From, q.To, q.Views)
		end = q.To
	}
	shares := []map[string]float64{r.Shares}
	for _, m := range r.Material {
		need(m.Source != "", "material without a source")
		need(m.Weight >= 0, "material %s has the weight %g", m.Source, m.Weight)
		need(m.Rename == "" || m.Source == Goroot, "material %s cannot be renamed, only %s can", m.Source,
			Goroot)
		need(m.Only == "" || m.Source == Goroot && (m.Only == onlyPackages || m.Only == onlyTexts),
			"material %s has no part %q; %s has %s and %s", m.Source, m.Only, Goroot, onlyPackages, onlyTexts)
		shares = append(shares, m.Tasks)
	}
	for _, s := range shares {
		for _, name := range sortedKeys(s) {
			need(isTask(name), "there is no task %q; the tasks are %s", name,
				strings.Join(task.Names(), ", "))
			need(s[name] >= 0, "task %s has the share %g", name, s[name])
		}
	}
	need(len(r.Shares) > 0, "the recipe has no tasks")
	need(r.Short.Share >= 0 && r.Short.Share < 1, "short.share is %g, want at least 0 and below 1",
		r.Short.Share)
	for _, rows := range append(slices.Clone(r.Gold), r.Short.From...) {
		errs = append(errs, rows.validate())
	}
	if r.Teacher != nil {
		errs = append(errs, r.Teacher.Validate())
	}
	return errors.Join(errs...)
}

// validate requires one source or format that there is.
func (r Rows) validate() error {
	if (r.Source == "") == (r.Format == "") {
		return fmt.Errorf("rows of %q need a source or a format", r.Path)
	}
	if r.Source != "" {
		_, err := gold.Find(r.Source)
		return err
	}
	_, err := importer.FindFormat(r.Format)
	return err
}

func isTask(name string) bool { return slices.Contains(task.Names(), name) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Default is the recipe of the dataset that needs no download.
func Default() Recipe {
	r, err := OpenRecipe("default")
	if err != nil {
		panic(err) // it is embedded, and a test reads it
	}
	return r
}

// scaled is the recipe with about a number of rows.
func (r Recipe) scaled(rows int) Recipe {
	total := 0
	for _, q := range r.Quota {
		total += q.Views * r.PerView
	}
	quota := make([]Quota, len(r.Quota))
	for i, q := range r.Quota {
		q.Views = max(1, q.Views*rows/total)
		quota[i] = q
	}
	r.Quota = quota
	return r
}

// Bands are the lengths of the recipe's contexts.
func (r Recipe) Bands() []material.Band {
	var all []material.Band
	for _, q := range r.Quota {
		all = append(all, q.Band)
	}
	return all
}
