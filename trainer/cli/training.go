package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"longlora/internal/command"
	"longlora/trainer/run"
)

// trainingFlags are what sft and pretrain have beside the options of the run.
type trainingFlags struct {
	config    string
	dryRun    bool
	resume    bool
	overwrite bool
}

// newTraining returns a command that trains.
func newTraining(name, short, long string) *cobra.Command {
	var f trainingFlags
	cmd := &cobra.Command{Use: name + " --shards DIR", Short: short, Long: long, Args: cobra.NoArgs}
	defaults := run.Defaults()
	bindOptions(cmd.Flags(), &defaults)
	cmd.Flags().StringVar(&f.config, "config", "", "run file (YAML); flags overrule it")
	cmd.Flags().BoolVarP(&f.dryRun, "dry-run", "n", false,
		"print the resolved run, parameter counts and a memory estimate; train nothing")
	cmd.Flags().BoolVar(&f.resume, "resume", false, "continue the run in --out where it was saved")
	cmd.Flags().BoolVar(&f.overwrite, "overwrite", false, "replace the run in --out")
	groupFlags(cmd, defaults.Fields())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runTraining(cmd, name, f) }
	return cmd
}

// bindOptions makes a flag of every option of c, with c's values as defaults.
func bindOptions(flags *pflag.FlagSet, c *run.Config) {
	for _, f := range c.Fields() {
		switch v := f.Value.(type) {
		case *string:
			flags.StringVar(v, f.Flag, *v, f.Usage)
		case *[]string:
			flags.StringSliceVar(v, f.Flag, *v, f.Usage)
		case *bool:
			flags.BoolVar(v, f.Flag, *v, f.Usage)
		case *int:
			flags.IntVar(v, f.Flag, *v, f.Usage)
		case *uint64:
			flags.Uint64Var(v, f.Flag, *v, f.Usage)
		case *float64:
			flags.Float64Var(v, f.Flag, *v, f.Usage)
		default:
			panic(fmt.Sprintf("cli: option %s has a type without a flag: %T", f.Key, v))
		}
	}
}

// overrule sets in c every option that was given as a flag.
func overrule(c *run.Config, given *pflag.FlagSet) error {
	var target pflag.FlagSet
	bindOptions(&target, c)
	var err error
	given.Visit(func(f *pflag.Flag) {
		if target.Lookup(f.Name) == nil || err != nil {
			return
		}
		text := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			text = strings.Join(list.GetSlice(), ",")
		}
		err = target.Set(f.Name, text)
	})
	return err
}

// runTraining puts the run together and does it. Its options are the defaults; with --resume those
// of the run to continue; then what the run file says, then the flags.
func runTraining(cmd *cobra.Command, name string, f trainingFlags) error {
	c := run.Defaults()
	if f.resume {
		out, err := cmd.Flags().GetString("out")
		if err != nil || out == "" {
			return command.Usagef("--resume needs --out: the directory of the run to continue")
		}
		if c, err = run.Recorded(out); err != nil {
			return err
		}
	}
	if f.config != "" {
		if err := c.Read(f.config); err != nil {
			return err
		}
	}
	if err := overrule(&c, cmd.Flags()); err != nil {
		return command.Usagef("%v", err)
	}
	if err := c.Validate(); err != nil {
		return command.Usagef("%v", err)
	}
	r, err := run.Resolve(cmd.Context(), c, name, stores())
	if err != nil {
		return err
	}
	defer r.Close()
	if f.dryRun {
		return r.Describe(cmd.OutOrStdout())
	}
	err = r.Train(cmd.Context(), run.Options{
		Resume: f.resume, Overwrite: f.overwrite, Progress: cmd.ErrOrStderr(),
	}, cmd.OutOrStdout())
	if lost := r.CacheError(); lost != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "decoded_cache kept not everything: %v\n", lost)
	}
	return err
}
