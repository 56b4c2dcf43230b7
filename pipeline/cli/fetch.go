package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/pipeline/fetch"
)

func newFetch() *cobra.Command {
	var o fetch.Options
	var recipe string
	var given []string
	c := &cobra.Command{
		Use:   "fetch RECIPE --out DIR",
		Short: "Download a corpus by a recipe, every file pinned by its hash",
		Long: "Download a corpus by a recipe, every file pinned by its hash.\n\nWhat a recipe does not " +
			"pin, fetch.lock does: the first download of an address writes down\nits size and SHA-256, " +
			"and every later one must give the same. Keep that file with your code.\nEach file's " +
			"licence goes to fetch.json, where pipeline ingest reads it.\n\nRecipes:\n" + recipeList(),
		Args: cobra.MaximumNArgs(1),
	}
	fs := c.Flags()
	fs.StringVar(&recipe, "recipe", "", "file with a recipe of your own (YAML), instead of a name")
	fs.StringVar(&o.Out, "out", "", "folder to fill; what is there and right is not downloaded again")
	fs.StringArrayVar(&given, "param", nil, "parameter of the recipe, as ids=84,1342")
	fs.StringVar(&o.Lock, "lock", "", "lock file; default: fetch.lock in --out")
	fs.BoolVar(&o.RequireLock, "require-lock", false, "refuse what neither recipe nor lock file pins")
	fs.IntVar(&o.Workers, "workers", fetch.DefaultWorkers, "downloads at once")
	fs.IntVar(&o.PerHost, "per-host", fetch.DefaultPerHost, "downloads at once from one host")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if (len(args) == 1) == (recipe != "") {
			return command.Usagef("fetch needs the name of a recipe or --recipe FILE")
		}
		if o.Recipe, err = findRecipe(args, recipe); err != nil {
			return err
		}
		o.Parameters = map[string]string{}
		for _, g := range given {
			name, value, ok := strings.Cut(g, "=")
			if !ok {
				return command.Usagef("fetch: --param is %q, want NAME=VALUE", g)
			}
			o.Parameters[name] = value
		}
		if err := o.Validate(); err != nil {
			return command.Usagef("fetch: %w", err)
		}
		return runFetch(c, o)
	}
	return c
}

func findRecipe(args []string, file string) (*fetch.Recipe, error) {
	if file == "" {
		r, err := fetch.Find(args[0])
		if err != nil {
			return nil, command.Usagef("fetch: %w", err)
		}
		return r, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	r, err := fetch.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("fetch: recipe %s: %w", file, err)
	}
	return r, nil
}

func runFetch(c *cobra.Command, o fetch.Options) error {
	p := command.NewProgress(c.ErrOrStderr(), "fetch", 0, "bytes")
	o.Progress = p.Add
	r, err := fetch.Run(c.Context(), o)
	p.Done()
	if r.Pinned > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "fetch: %d addresses were pinned for the first time; look at what "+
			"came, and keep the lock file\n", r.Pinned)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d files, %d downloaded now, %d bytes\n", o.Out, r.Files,
		r.Downloads, r.Bytes)
	return err
}

// recipeList describes the recipes and their parameters.
func recipeList() string {
	recipes, err := fetch.Recipes()
	if err != nil {
		return "  " + err.Error() + "\n" // a test reads every recipe
	}
	var b strings.Builder
	for _, r := range recipes {
		fmt.Fprintf(&b, "  %s: %s\n", r.Name, r.About)
		for _, p := range r.Parameters {
			fmt.Fprintf(&b, "    --param %s=…  %s (default %s)\n", p.Name, p.About, p.Default)
		}
	}
	return b.String()
}
