package cli

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"longlora/schemas/shard/shardtest"
)

// corpus writes n books of size bytes each, of which every fourth is a copy.
func corpus(t *testing.T, dir string, n, size int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewSource(1))
	var words strings.Builder
	for words.Len() < 2*size {
		fmt.Fprintf(&words, "word%d ", rng.Intn(30_000))
	}
	for i := range n {
		original := i - i%4/3
		from := int(uint32(original)*2654435761) % size
		text := fmt.Sprintf("Book %d. %s", original, words.String()[from:from+size])
		path := filepath.Join(dir, fmt.Sprintf("book-%04d.txt", i))
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func ingestArgs(books, out string) []string {
	return []string{
		"ingest", "--source", "text", "--path", books, "--licence", "CC0-1.0", "--out", out,
		"--near-duplicates", "0.999", "--max-dropped", "90%", "--repeated-passages", "200", "--mark-passages",
	}
}

func encodeArgs(docs, out string) []string {
	return []string{"encode", "--documents", docs, "--context", "1024", "--out", out}
}

// run runs the command and returns the time it took. If after is not 0, the process is killed then.
func run(t *testing.T, after time.Duration, args ...string) time.Duration {
	t.Helper()
	c := exec.Command("pipeline", args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	begun := time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		time.Sleep(after)
		c.Process.Kill() //nolint:errcheck // it may have ended
	}
	if err := c.Wait(); err != nil && after == 0 {
		t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	return time.Since(begun)
}

func mixArgs(t *testing.T, docs, out string) []string {
	t.Helper()
	recipe := filepath.Join(filepath.Dir(docs), "recipe.yaml")
	text := "tokens: 60000\ncontext: 1024\nsources: [{name: a, dataset: docs, splits: [train], " +
		"weight: 1, max_epochs: 9, lengths: {exponent: 1}}]\n"
	if err := os.WriteFile(recipe, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return []string{"mix", "--recipe", recipe, "--out", out}
}

// TestKilledRunStartsAgain kills ingest, encode and mix with SIGKILL at points spread over an
// uninterrupted run's time. Whatever is left, the same command gives the same bytes, and nothing
// else stays.
func TestKilledRunStartsAgain(t *testing.T) {
	const points = 5
	root := t.TempDir()
	books, docs := filepath.Join(root, "books"), filepath.Join(root, "docs")
	corpus(t, books, 40, 20_000)
	seq, mixed := filepath.Join(root, "seq"), filepath.Join(root, "mixed")
	for _, c := range []struct {
		whole string
		args  func(out string) []string
	}{
		{docs, func(out string) []string { return ingestArgs(books, out) }},
		{seq, func(out string) []string { return encodeArgs(docs, out) }},
		{mixed, func(out string) []string { return mixArgs(t, docs, out) }},
	} {
		took := run(t, 0, c.args(c.whole)...)
		want := shardtest.Contents(t, c.whole)
		dir := t.TempDir()
		for point := range points {
			out := filepath.Join(dir, fmt.Sprint(point))
			run(t, took*time.Duration(point+1)/points, c.args(out)...)
			if _, err := os.Stat(filepath.Join(out, "manifest.json")); err != nil { // not at its end yet
				run(t, 0, c.args(out)...)
			}
			if got := shardtest.Contents(t, out); !reflect.DeepEqual(got, want) {
				t.Errorf("%s killed at point %d and run again: other bytes", filepath.Base(c.whole), point)
			}
			if left, err := filepath.Glob(out + ".*"); err != nil || len(left) > 1 ||
				len(left) == 1 && !strings.HasSuffix(left[0], ".lock") {
				t.Errorf("left behind: %v, %v", left, err)
			}
		}
	}
}
