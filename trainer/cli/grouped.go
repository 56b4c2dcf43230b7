package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"longlora/trainer/run"
)

// ownGroup is the group of what a command has beside the options of a run.
const ownGroup = "Run"

// groupFlags makes --help list the flags of options under the groups of fields, in their order, and
// what else the command has in ownGroup, first.
func groupFlags(cmd *cobra.Command, fields []run.Field) {
	cmd.SetUsageFunc(func(c *cobra.Command) error {
		out := c.OutOrStderr()
		fmt.Fprintf(out, "Usage:\n  %s\n", c.UseLine())
		for _, g := range flagGroups(c.Flags(), fields) {
			fmt.Fprintf(out, "\n%s:\n%s", g.name, g.flags.FlagUsages())
		}
		return nil
	})
}

// flagGroup is a heading with its flags.
type flagGroup struct {
	name  string
	flags *pflag.FlagSet
}

func newFlagGroup(name string) flagGroup {
	g := flagGroup{name: name, flags: pflag.NewFlagSet(name, pflag.ContinueOnError)}
	g.flags.SortFlags = false
	return g
}

// flagGroups deals all flags to their groups, in the order in which fields name them.
func flagGroups(all *pflag.FlagSet, fields []run.Field) []flagGroup {
	groups := []flagGroup{newFlagGroup(ownGroup)}
	add := func(name string, flag *pflag.Flag) {
		i := slices.IndexFunc(groups, func(g flagGroup) bool { return g.name == name })
		if i < 0 {
			i = len(groups)
			groups = append(groups, newFlagGroup(name))
		}
		groups[i].flags.AddFlag(flag)
	}
	options := map[string]bool{}
	for _, f := range fields {
		if flag := all.Lookup(f.Flag); flag != nil {
			add(f.Group, flag)
			options[f.Flag] = true
		}
	}
	all.VisitAll(func(flag *pflag.Flag) {
		if !options[flag.Name] {
			add(ownGroup, flag)
		}
	})
	return groups
}
