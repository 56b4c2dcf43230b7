package cli

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"longlora/longqa/faketeacher"
	"longlora/longqa/faketree"
)

// A model answers a dataset's questions with the material and from memory, the scores are compared,
// and the same dataset, built again, says so in its card; another dataset refuses it.
func TestClosedBook(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		text := faketree.Novel("en", len(name)+int(name[0]), 12).Content
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	documents := documentsOf(t, dir)
	recipe := filepath.Join(dir, "small.yaml")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(recipe, "name: small\nabout: A test.\ncontexts:\n  - {from: 1000, to: 3000, contexts: 6}\n"+
		"questions_per_context: 3\ntasks: {words: 0.5, passages: 0.5}\n")
	out := filepath.Join(dir, "qa")
	build := []string{"build", "--recipe", recipe, "--documents", documents, "--out", out,
		"--overwrite",
		"--decontaminate", "none"}
	run(t, build...)
	before, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}

	s := faketeacher.New(t)
	s.Behave = func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) bool {
		reply := "I do not know."
		if len(c.Body) > 3000 { // with the material
			reply = "First comes “A”, then “B”, then “C”, and last “D”."
		}
		s.Reply(w, c, reply)
		return true
	}
	model := recipeFile(t, s.URL)
	open, closed := filepath.Join(dir, "open.jsonl"), filepath.Join(dir, "closed.jsonl")
	ask := []string{"answer", "--dataset", out, "--model", model, "--out"}
	if printed := run(t, append(ask, open)...); !strings.Contains(printed,
		"rows answered, 0 calls failed") {
		t.Errorf("answer printed\n%s", printed)
	}
	run(t, append(ask, closed, "--closed-book")...)
	calls := s.Calls()
	if printed := run(t, append(ask, open)...); s.Calls() != calls ||
		!strings.Contains(printed, "0 calls sent") {
		t.Errorf("a rerun made %d calls:\n%s", s.Calls()-calls, printed)
	}
	memory := filepath.Join(dir, "memory.json")
	score := run(t, "score", "--dataset", out, "--predictions", open, "--closed-book", closed,
		"--card", memory)
	if !strings.Contains(score, "| f1 |") {
		t.Errorf("score printed\n%s", score)
	}
	run(t, append(build, "--closed-book", memory)...)
	card, err := os.ReadFile(filepath.Join(out, "README.md"))
	if err != nil || !strings.Contains(string(card), "**From memory.** What `m` scores on") ||
		!strings.Contains(string(card), "| f1 |") {
		t.Errorf("the card says nothing of it (%v):\n%.3000s", err, card)
	}
	after, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil || digestOf(string(before)) != digestOf(string(after)) {
		t.Errorf("the digest changed from %s to %s (%v)", digestOf(string(before)),
			digestOf(string(after)), err)
	}
	kept, err := os.ReadFile(memory)
	if err != nil {
		t.Fatal(err)
	}
	write(memory, strings.Replace(string(kept), `"longqa-`, `"other-`, 1))
	printed, err := exec.Command("longqa", append(build, "--closed-book", memory)...).CombinedOutput()
	if err == nil || !strings.Contains(string(printed), "about another dataset") {
		t.Errorf("another dataset takes it: %v\n%s", err, printed)
	}
}

// digestOf is a manifest's digest.
func digestOf(manifest string) string {
	_, rest, _ := strings.Cut(manifest, `"digest": "`)
	digest, _, _ := strings.Cut(rest, `"`)
	return digest
}
