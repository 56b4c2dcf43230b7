// Package command is what the binaries' command lines have in common: exit codes, one line for an
// error, cancellation by signals, and progress.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes of every binary.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake in how a command was called.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// Usagef returns an error that makes the binary exit with 2: the caller called it wrongly.
func Usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// Main runs root with the process's arguments and returns the exit code. The first interrupt
// cancels the command's context, so that it can save its state; the second ends the process.
func Main(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ignoreFileLimit()
	context.AfterFunc(ctx, stop) // from now on a signal has its default effect
	return Run(ctx, root, os.Args[1:], os.Stdout, os.Stderr)
}

// Run executes root with args. Results go to stdout, an error's one line to stderr.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	prepare(root)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%s: %w", c.Name(), cause) // not what each of its parts was doing
	}
	hint := ""
	if isFull(err) {
		hint = "; free some space and run the command again"
	}
	fmt.Fprintf(stderr, "%s: %s%s\n", root.Name(), oneLine(err), hint)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(stderr, "run '%s --help' for usage\n", c.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// prepare makes cobra leave errors to Run, and turns what is wrong with flags, arguments and
// command names into usage errors.
func prepare(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	walk(root)
}

func walk(c *cobra.Command) {
	if args := c.Args; args != nil {
		c.Args = func(c *cobra.Command, a []string) error { return asUsage(args(c, a)) }
	}
	if c.HasSubCommands() && !c.Runnable() {
		c.Args = cobra.ArbitraryArgs // else cobra prints help and succeeds
		c.RunE = unknownCommand
	}
	for _, sub := range c.Commands() {
		walk(sub)
	}
}

func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.Join(c.Help())
	}
	names := []string{}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return Usagef("unknown command %q; the commands are %s", args[0], strings.Join(names, ", "))
}

// oneLine joins an error's lines: joined errors print one a line.
func oneLine(err error) string {
	return strings.Join(strings.Split(strings.TrimSpace(err.Error()), "\n"), "; ")
}
