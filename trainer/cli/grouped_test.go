package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"longlora/trainer/run"
)

// --help lists every flag once, and every option under a group.
func TestGroups(t *testing.T) {
	c := run.Defaults()
	for _, f := range c.Fields() {
		if f.Group == "" {
			t.Errorf("option %s has no group", f.Key)
		}
	}
	for _, name := range []string{"sft", "pretrain", "plan"} {
		var out bytes.Buffer
		root := New()
		root.SetOut(&out)
		root.SetArgs([]string{name, "--help"})
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		listed := strings.Count(out.String(), "\n      --") + strings.Count(out.String(), "\n  -")
		want := 0
		for _, g := range flagGroups(cmd.Flags(), c.Fields()) {
			g.flags.VisitAll(func(f *pflag.Flag) {
				want++
				if !strings.Contains(out.String(), "--"+f.Name+" ") {
					t.Errorf("%s --help does not list --%s", name, f.Name)
				}
			})
		}
		if listed != want {
			t.Errorf("%s --help lists %d flags, want %d", name, listed, want)
		}
	}
}
