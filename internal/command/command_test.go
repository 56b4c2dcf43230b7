package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

func testRoot() *cobra.Command {
	root := &cobra.Command{Use: "tool"}
	group := &cobra.Command{Use: "group"}
	run := &cobra.Command{Use: "run FILE", Args: cobra.ExactArgs(1)}
	run.Flags().Int("n", 0, "a number")
	run.RunE = func(c *cobra.Command, args []string) error {
		switch args[0] {
		case "fails":
			return errors.Join(errors.New("read x: gone"), errors.New("close x: gone"))
		case "full":
			return &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		case "misused":
			return Usagef("--n is %d, want more", 0)
		}
		c.Println("fine")
		return nil
	}
	group.AddCommand(run)
	root.AddCommand(group)
	return root
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		args, stderr string
		code         int
	}{
		{"group run x", "", 0},
		{"group run fails", "tool: read x: gone; close x: gone\n", 1},
		{"group run full", "tool: write x: no space left on device; free some space and run the command " +
			"again\n", 1},
		{"group run misused", "tool: --n is 0, want more\n", 2},
		{"group run", "accepts 1 arg(s), received 0\nrun 'tool group run --help' for usage\n", 2},
		{"group run x --m 1", "unknown flag: --m", 2},
		{"group run x --n y", "invalid argument", 2},
		{"group walk", `unknown command "walk"; the commands are run`, 2},
		{"walk", `unknown command "walk"`, 2},
		{"", "", 0},
	} {
		var stdout, stderr strings.Builder
		got := Run(context.Background(), testRoot(), strings.Fields(c.args), &stdout, &stderr)
		if got != c.code {
			t.Errorf("%q: exit %d, want %d (%s)", c.args, got, c.code, stderr.String())
		}
		if c.code != 0 && !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%q: stderr %q, want %q in it", c.args, stderr.String(), c.stderr)
		}
		if c.code != 0 && stdout.Len() > 0 {
			t.Errorf("%q: stdout %q, want nothing", c.args, stdout.String())
		}
	}
}

// That a command was ended is said once, and by what.
func TestInterrupted(t *testing.T) {
	root := &cobra.Command{Use: "tool"}
	root.AddCommand(&cobra.Command{Use: "run", RunE: func(c *cobra.Command, _ []string) error {
		return fmt.Errorf("work: %w", errors.Join(c.Context().Err(), c.Context().Err()))
	}})
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("interrupt signal received"))
	var stdout, stderr strings.Builder
	got := Run(ctx, root, []string{"run"}, &stdout, &stderr)
	if want := "tool: run: interrupt signal received\n"; got != 1 || stderr.String() != want {
		t.Errorf("exit %d, stderr %q, want %q", got, &stderr, want)
	}
}

func TestProgressLines(t *testing.T) {
	var w strings.Builder
	p := NewProgress(&w, "encode", 4, "documents")
	p.Add(3)
	p.Add(1)
	p.Done()
	if got, want := w.String(), "encode: 4 of 4 documents (100%), 0s, 0s left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
