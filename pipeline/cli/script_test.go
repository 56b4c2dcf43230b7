package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/rogpeppe/go-internal/testscript"

	"longlora/internal/command"
	"longlora/schemas"
	"longlora/schemas/shard"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pipeline": func() {
			limitFiles()
			code := command.Main(New())
			reportPeak()
			os.Exit(code)
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lock": lock, "flip": flip, "fill": fill, "bytes": writeBytes, "exits": exits,
			"commit": commit,
		},
	})
}

// exits CODE COMMAND… requires a command's exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// lock DIR writes a dataset at DIR until the script ends, as another process would.
func lock(ts *testscript.TestScript, _ bool, args []string) {
	b, err := shard.Create(ts.MkAbs(args[0]), shard.Options{Kind: schemas.KindDocument, Name: "other"})
	ts.Check(err)
	ts.Defer(func() { ts.Check(b.Abort()) })
}

// flip FILE changes one bit in the middle of a file.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[0]))
	data[len(data)/2] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

// fill FILE TEXT writes a text ten thousand times.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o777))
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	for range 10_000 {
		_, err := f.WriteString(args[1])
		ts.Check(err)
	}
	ts.Check(f.Close())
}

// bytes FILE TEXT writes a text with the escapes of Go.
func writeBytes(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[1], `"`, `\"`) + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

// commit DIR commits all files of a folder, which becomes a repository.
func commit(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	r, err := git.PlainOpen(dir)
	if err != nil {
		r, err = git.PlainInit(dir, false)
	}
	ts.Check(err)
	w, err := r.Worktree()
	ts.Check(err)
	ts.Check(w.AddWithOptions(&git.AddOptions{All: true}))
	_, err = w.Commit("m", &git.CommitOptions{
		Author: &object.Signature{Name: "a", Email: "a@example.org", When: time.Unix(1e9, 0).UTC()},
	})
	ts.Check(err)
}

// TestHelp shows every command's help, so that no flag panics.
func TestHelp(t *testing.T) {
	for _, c := range New().Commands() {
		for _, args := range [][]string{{c.Name(), "--help"}, {c.Name(), "--nonsense"}} {
			want := 0
			if args[1] == "--nonsense" && !c.HasSubCommands() {
				want = 2
			}
			got := command.Run(context.Background(), New(), args, discard{}, discard{})
			if got != want && !c.HasSubCommands() {
				t.Errorf("%v exits with %d, want %d", args, got, want)
			}
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
