package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"longlora/longqa/faketeacher"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("longqa", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("longqa %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func recipeFile(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "teacher.yaml")
	text := "teacher:\n  endpoint: " + url + "\n  model: m\n  concurrency: 3\n  silence_timeout: 60s\n" +
		"  types: {any-detail: 1, any-conversation: 1}\n"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// A run that is killed while the server works on as many calls as it may, and is run again: no call
// is answered twice, and the dataset is byte by byte that of a run without a break.
func TestTeachSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	for i := range 8 {
		text := fmt.Sprintf("Story %d\n\n", i)
		for k := range 30 {
			text += fmt.Sprintf("The keeper of house %d went past the old well at dawn, day %d.\n\n", i, k)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".txt")), []byte(text),
			0o666); err != nil {
			t.Fatal(err)
		}
	}
	documents := documentsOf(t, dir)

	s := faketeacher.New(t)
	const answered, atOnce = 12, 3
	blocked := make(chan bool, 100)
	var killed bool // set while no client is there
	later := regexp.MustCompile(`house [4-7] `)
	s.Behave = func(_ http.ResponseWriter, r *http.Request, c *faketeacher.Call) bool {
		if killed || !later.MatchString(c.Body) { // all about the first four stories
			return false
		}
		blocked <- true
		<-r.Context().Done()
		return true
	}
	out := filepath.Join(dir, "out")
	args := []string{"teach", "--recipe", recipeFile(t, s.URL), "--documents", documents, "--out", out}
	first := exec.Command("longqa", args...)
	var printed strings.Builder
	first.Stdout, first.Stderr = &printed, &printed
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for range atOnce { // every worker waits, so all replies before are in the journal
		select {
		case <-blocked:
		case <-time.After(2 * time.Minute):
			_ = first.Process.Kill() // it hangs
			_ = first.Wait()         // so that it prints no more
			t.Fatalf("the first run does not come so far (%d calls):\n%s", s.Calls(), &printed)
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	killed = true
	if all, _ := s.Answered(); all != answered {
		t.Fatalf("%d calls answered before the kill, want %d", all, answered)
	}
	again := run(t, args...)
	if !strings.Contains(again, "3 lost when a run before was killed") {
		t.Errorf("the run says nothing of lost calls:\n%s", again)
	}
	if _, most := s.Answered(); most != 1 {
		t.Errorf("a call was answered %d times", most)
	}
	calls := s.Calls()
	rerun := filepath.Join(dir, "again")
	args[len(args)-1] = rerun
	run(t, append(args, "--journal", out+".calls")...)
	if s.Calls() != calls {
		t.Errorf("a rerun made %d calls", s.Calls()-calls)
	}
	whole := filepath.Join(dir, "whole")
	run(t, "teach", "--recipe", recipeFile(t, faketeacher.New(t).URL), "--documents", documents,
		"--out",
		whole)
	for _, other := range []string{rerun, whole} {
		if diff, err := exec.Command("diff", "-r", out, other).CombinedOutput(); err != nil {
			t.Errorf("the datasets differ:\n%s", diff)
		}
	}
	if printed := run(t, "check", out); !strings.Contains(printed, "0 faults") {
		t.Errorf("check:\n%s", printed)
	}
}

// A team's documents are asked about without building anything first.
func TestTeachDocuments(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("The keeper of the old house walked past the well at dawn again.\n\n", 60)
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("Story "+name+"\n\n"+text),
			0o666); err != nil {
			t.Fatal(err)
		}
	}
	documents := documentsOf(t, dir)
	s := faketeacher.New(t)
	out := filepath.Join(t.TempDir(), "out")
	printed := run(t, "teach", "--recipe", recipeFile(t, s.URL), "--documents", documents,
		"--max-tokens",
		"600", "--out", out)
	if !strings.Contains(printed, "teach: ") || !strings.Contains(printed, "rows over") {
		t.Errorf("printed %s", printed)
	}
	if printed := run(t, "check", out); !strings.Contains(printed, "0 faults") {
		t.Errorf("check:\n%s", printed)
	}
}

// documentsOf makes a document dataset of a folder of texts.
func documentsOf(t *testing.T, folder string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	file := shardtest.File[schemas.Document]{Split: "train"}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := schemas.Document{
			DocID: "text:" + filepath.Base(name), Source: "text", Text: string(text), Language: "en",
			Licence: "CC0-1.0",
		}
		d.Seal()
		file.Rows = append(file.Rows, d)
	}
	out := filepath.Join(t.TempDir(), "documents")
	shardtest.Write(t, out, shard.Options{Kind: schemas.KindDocument, Name: "texts"}, file)
	return out
}
