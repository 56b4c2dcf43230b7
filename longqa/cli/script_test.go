package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"longlora/internal/command"
	"longlora/longqa/faketree"
	"longlora/schemas"
	"longlora/schemas/shard"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"longqa": func() { os.Exit(command.Main(New())) },
	})
}

func TestScripts(t *testing.T) {
	tree := faketree.Write(t)
	texts := faketree.WriteTexts(t, faketree.Texts())
	testscript.Run(t, testscript.Params{
		Files: scripts(t),
		Setup: func(e *testscript.Env) error {
			e.Setenv("TREE", tree)
			e.Setenv("TEXTS", texts)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "lock": lock, "flip": flip, "falsify": falsify,
		},
	})
}

// scripts are all scripts, or in short mode, which the race detector runs in, those that do not build
// whole datasets: longqa/build's own tests do.
func scripts(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	if !testing.Short() {
		return files
	}
	return slices.DeleteFunc(files, func(f string) bool {
		return slices.Contains([]string{"texts.txtar", "sections.txtar"}, filepath.Base(f))
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
	b, err := shard.Create(ts.MkAbs(args[0]), shard.Options{Kind: schemas.KindExample, Name: "other"})
	ts.Check(err)
	ts.Defer(func() { ts.Check(b.Abort()) })
}

// flip DIR changes one bit in the middle of a dataset's first file.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "data", "*.parquet"))
	ts.Check(err)
	data, err := os.ReadFile(files[0])
	ts.Check(err)
	data[len(data)/2] ^= 1
	ts.Check(os.WriteFile(files[0], data, 0o666))
}

// falsify FROM TO copies a dataset with one more name in every fifth answer.
func falsify(ts *testscript.TestScript, _ bool, args []string) {
	d, err := shard.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := shard.Create(ts.MkAbs(args[1]), shard.Options{Kind: schemas.KindExample, Name: "false"})
	ts.Check(err)
	w, err := shard.NewFile[schemas.Example](b, "train", 0)
	ts.Check(err)
	n := 0
	for row, err := range shard.Rows[schemas.Example](d, "train") {
		ts.Check(err)
		if n++; n%5 == 1 {
			row.Output += " And `oneMore`."
		}
		ts.Check(w.Write(row))
	}
	ts.Check(w.Close())
	_, err = b.Publish()
	ts.Check(err)
}
