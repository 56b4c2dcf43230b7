package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/internal/store/cloud/s3test"
	"longlora/longqa/faketeacher"
	"longlora/pipeline/publish"
)

// Every command that makes a dataset of others makes the same of those in an object store as of those
// in a folder.
func TestObjectStore(t *testing.T) {
	server := s3test.Start(t)
	for _, line := range server.Env() {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	t.Setenv("LONGLORA_CACHE", filepath.Join(t.TempDir(), "cache"))
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var text strings.Builder
	for i := range 200 {
		text.WriteString("The keeper of the " + strings.Repeat("old ", i%7) + "house " + strings.Repeat("x", i) +
			" went past the quiet well at dawn again.\n\n")
	}
	put("a.txt", text.String())
	documents := documentsOf(t, dir)
	published := func(folder, name string) string {
		url := "s3://" + s3test.Bucket + "/" + name
		r, err := publish.Publish(t.Context(), folder, url, stores(), publish.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		return r.Location
	}
	recipe := put("small.yaml", "name: small\nabout: A.\ncontexts: [{from: 1000, to: 4000, contexts: 4}]\n"+
		"questions_per_context: 2\ntasks: {passages: 1}\n")
	same := func(args func(documents, examples string) []string, here, there [2]string) {
		t.Helper()
		var outs [2]string
		for i, places := range [2][2]string{here, there} {
			outs[i] = filepath.Join(t.TempDir(), "out")
			run(t, append(args(places[0], places[1]), "--out", outs[i])...)
		}
		for _, name := range []string{"manifest.json", "tokenizer.json"} {
			var got [2]string
			for i := range outs {
				data, err := os.ReadFile(filepath.Join(outs[i], name))
				if err != nil {
					t.Fatal(err)
				}
				got[i] = string(data)
			}
			if got[0] != got[1] {
				t.Errorf("%v: %s differs", args("DOCUMENTS", "EXAMPLES"), name)
			}
		}
	}
	qa := filepath.Join(t.TempDir(), "qa")
	run(t, "build", "--recipe", recipe, "--documents", documents, "--out", qa)
	here, there := [2]string{documents, qa}, [2]string{published(documents, "docs"), published(qa, "qa")}
	teacher := recipeFile(t, faketeacher.New(t).URL)
	decisions := put("decisions.jsonl", "")
	for _, args := range []func(documents, examples string) []string{
		func(d, _ string) []string { return []string{"build", "--recipe", recipe, "--documents", d} },
		func(_, e string) []string {
			return []string{"mix", "--long", e, "--short", e, "--share", "0"}
		},
		func(_, e string) []string {
			return []string{"review", e, "--apply", "--decisions", decisions}
		},
		func(d, _ string) []string {
			return []string{"teach", "--recipe", teacher, "--documents", d, "--max-tokens", "1000"}
		},
		func(_, e string) []string { return []string{"teach", "--recipe", teacher, "--contexts", e} },
		func(_, e string) []string { return []string{"encode", "--examples", e} },
	} {
		same(args, here, there)
	}
}
