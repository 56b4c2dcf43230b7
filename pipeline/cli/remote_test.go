package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"longlora/internal/store/cloud/s3test"
)

// TestRemoteScripts runs commands against an S3 server on loopback, one for each script.
func TestRemoteScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/remote/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts: %v", len(scripts), err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			server := s3test.Start(t)
			testscript.Run(t, testscript.Params{
				Files: []string{script},
				Setup: func(e *testscript.Env) error {
					for _, line := range server.Env() {
						name, value, _ := strings.Cut(line, "=")
						e.Setenv(name, value)
					}
					e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"s3put": func(ts *testscript.TestScript, _ bool, args []string) {
						server.Put(t, args[0], ts.ReadFile(args[1]))
					},
					"s3keys": func(ts *testscript.TestScript, _ bool, args []string) {
						keys := strings.Join(server.Keys(t), "\n") + "\n"
						ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(keys), 0o666))
					},
					"fault": func(ts *testscript.TestScript, _ bool, args []string) {
						server.SetFault(fault(ts, server, args[0]))
					},
					"flip": flip, "exits": exits, "bytes": writeBytes,
				},
			})
		})
	}
}

// fault NAME makes the server fail.
func fault(ts *testscript.TestScript, s *s3test.Server, name string) s3test.Fault {
	switch name {
	case "none":
		return nil
	case "always": // a server that is broken
		return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			s3test.Status(w, http.StatusInternalServerError, "InternalError")
			return true
		}
	case "every-second": // 500 and then 200
		return func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n%2 == 0 {
				s3test.Status(w, http.StatusInternalServerError, "InternalError")
			}
			return n%2 == 0
		}
	case "cut": // every second answer breaks off
		return func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n%2 == 0 && r.Method == http.MethodGet {
				s.Cut(w, r, 10)
				return true
			}
			return false
		}
	case "no-manifest": // uploads end before the manifest
		return func(w http.ResponseWriter, r *http.Request, _ int) bool {
			last := r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "manifest.json")
			if last {
				s3test.Status(w, http.StatusForbidden, "AccessDenied")
			}
			return last
		}
	case "denied":
		return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			s3test.Status(w, http.StatusForbidden, "AccessDenied")
			return true
		}
	}
	ts.Fatalf("there is no fault %q", name)
	return nil
}
