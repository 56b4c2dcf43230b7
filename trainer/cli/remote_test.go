package cli_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"longlora/internal/store/cloud/s3test"
)

// TestRemoteScripts trains from an S3 server on loopback.
func TestRemoteScripts(t *testing.T) {
	server := s3test.Start(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/remote",
		Setup: func(e *testscript.Env) error {
			for _, line := range server.Env() {
				name, value, _ := strings.Cut(line, "=")
				e.Setenv(name, value)
			}
			e.Setenv("LONGLORA_CACHE", filepath.Join(e.WorkDir, "cache"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"shards": shards, "damage": damage,
			"upload": func(ts *testscript.TestScript, _ bool, args []string) {
				dir := os.DirFS(ts.MkAbs(args[0]))
				ts.Check(fs.WalkDir(dir, ".", func(name string, e fs.DirEntry, err error) error {
					if err != nil || e.IsDir() {
						return err
					}
					data, err := fs.ReadFile(dir, name)
					server.Put(t, path.Join(args[1], name), string(data))
					return err
				}))
			},
		},
	})
}
