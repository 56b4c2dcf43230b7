package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// victims are the files that the cases below damage, for each kind of the table, relative to what the
// options of corpora read. For sources that read folders of files it is one file more.
func victims() map[string]string {
	return map[string]string{
		"text": "bad.txt", "jsonl": "bad.jsonl", "parquet": "bad.parquet", "arrow": "bad.arrow",
		"pdf": "bad.pdf", "html": "bad.html", "markdown": "bad.md", "git": "a/.git/HEAD", "gomod": "go.sum",
		"goroot": "src/a/a.go",
	}
}

// badInput is a kind of damage, and what must come of it: the end of the run with an error that holds
// the words of failed, or a reject with those of rejected. Words stand for a kind, or under "" for the
// rest.
type badInput struct {
	name string
	// bound says that permissions must bind who reads.
	bound    bool
	damage   func(t *testing.T, corpus, victim string)
	failed   map[string]string
	rejected map[string]string
}

func badInputs() []badInput {
	write := func(content string) func(*testing.T, string, string) {
		return func(t *testing.T, _, victim string) {
			t.Helper()
			if err := os.WriteFile(victim, []byte(content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	random := make([]byte, 4096)
	rand.NewChaCha8([32]byte{1}).Read(random)
	notParquet, notArrow := "Parquet file", "repair or remove the file"
	return []badInput{
		{
			name:   "missing path",
			damage: func(t *testing.T, corpus, _ string) { must(t, os.RemoveAll(corpus)) },
			failed: map[string]string{"": "no such file"},
		},
		{
			name: "ring of links",
			damage: func(t *testing.T, _, victim string) {
				_ = os.Remove(victim)
				must(t, os.Symlink(filepath.Base(victim), victim))
			},
			failed:   map[string]string{"gomod": "too many", "goroot": "too many"},
			rejected: map[string]string{"": "too many levels of symbolic links", "git": "HEAD"},
		},
		{
			name: "link to a folder above",
			damage: func(t *testing.T, corpus, victim string) {
				must(t, os.Symlink(corpus, filepath.Join(corpus, "up")))
			},
			failed:   map[string]string{"gomod": "-", "goroot": "-"},
			rejected: map[string]string{"": "a link to a folder that it lies in", "git": "a link to a folder that is no repository"},
		},
		{
			name: "folder without permission", bound: true,
			damage: func(t *testing.T, _, victim string) {
				dir := filepath.Dir(victim)
				must(t, os.Chmod(dir, 0))
				t.Cleanup(func() { must(t, os.Chmod(dir, 0o777)) })
			},
			failed:   map[string]string{"": "permission denied"},
			rejected: map[string]string{"git": "permission denied"},
		},
		{
			name: "file without permission", bound: true,
			damage: func(t *testing.T, corpus, victim string) {
				write("x")(t, corpus, victim)
				must(t, os.Chmod(victim, 0))
			},
			failed:   map[string]string{"parquet": "permission denied", "gomod": "permission denied", "goroot": "a.go"},
			rejected: map[string]string{"": "permission denied", "git": "HEAD"},
		},
		{
			name:   "empty",
			damage: write(""),
			failed: map[string]string{
				"parquet": notParquet, "arrow": notArrow, "gomod": "pins no module", "goroot": "a.go",
			},
			rejected: map[string]string{
				"text": ReasonNoText, "markdown": ReasonNoText, "html": ReasonNoText, "pdf": ReasonBroken,
				"jsonl": "-", "git": "HEAD",
			},
		},
		{
			name:   "binary",
			damage: write("\x7fELF\x00\x01" + string(random)),
			failed: map[string]string{
				"parquet": notParquet, "arrow": notArrow, "gomod": "line 1", "goroot": "a.go",
			},
			rejected: map[string]string{
				"text": "not UTF-8", "markdown": "not UTF-8", "html": ReasonBroken, "pdf": ReasonBroken,
				"jsonl": ReasonInvalidUTF8, "git": "HEAD",
			},
		},
		{
			name:   "half a line",
			damage: write(`{"text":"first"}` + "\n" + `{"text":"seco`),
			failed: map[string]string{
				"parquet": notParquet, "arrow": notArrow, "gomod": "line 1", "goroot": "a.go",
			},
			rejected: map[string]string{
				"jsonl": ReasonBadJSON, "pdf": ReasonBroken, "git": "HEAD",
				"text": "-", "markdown": "-", "html": "-", // it is a text
			},
		},
		{
			name: "two gigabytes of zeros without a line's end",
			damage: func(t *testing.T, corpus, victim string) {
				write("")(t, corpus, victim)
				must(t, os.Truncate(victim, 2<<30)) // sparse
			},
			failed: map[string]string{
				"parquet": notParquet, "arrow": notArrow, "gomod": "too large", "goroot": "too large",
			},
			rejected: map[string]string{"": ReasonTooLarge, "git": "HEAD"},
		},
		{
			name: "pipe",
			damage: func(t *testing.T, _, victim string) {
				_ = os.Remove(victim)
				must(t, makePipe(victim))
			},
			failed:   map[string]string{"gomod": "not a regular file", "goroot": "not a regular file"},
			rejected: map[string]string{"": "not a regular file", "git": "HEAD"},
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcome is what reading a corpus comes to.
type outcome struct {
	documents int
	rejects   []string // reason and detail
	err       error
}

// ingested reads a corpus as ingest does.
func ingested(t *testing.T, kind string, o Options) (out outcome) {
	t.Helper()
	k, err := Find(kind)
	must(t, err)
	s, err := k.Open(context.Background(), o)
	if err != nil {
		return outcome{err: err}
	}
	for u, err := range s.Units(context.Background()) {
		if err != nil {
			out.err = err
			return out
		}
		for it, err := range s.Read(context.Background(), u) {
			switch {
			case err != nil:
				out.err = err
				return out
			case it.Reason != "":
				out.rejects = append(out.rejects, it.DocID+": "+it.Reason+": "+it.Detail)
			default:
				out.documents++
			}
		}
	}
	return out
}

// TestBadInput walks every kind of the table over every kind of damage: one line says what is wrong, or
// the input is rejected with a reason and the others are read. Nothing panics, and nothing is lost.
func TestBadInput(t *testing.T) {
	for _, c := range badInputs() {
		if testing.Short() && c.name != "binary" { // the race detector makes megabytes of input slow
			continue
		}
		for kind, o := range corpora(t) {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				corpus := o.Path + o.Goroot
				c.damage(t, corpus, filepath.Join(corpus, filepath.FromSlash(victims()[kind])))
				start := time.Now()
				got := outcome{}
				if c.bound {
					must(t, os.Chmod(filepath.Dir(filepath.Dir(corpus)), 0o755)) // the test's own folder
					asNobody(t, func() { got = ingested(t, kind, o) })
				} else {
					got = ingested(t, kind, o)
				}
				if d := time.Since(start); d > time.Minute {
					t.Errorf("it takes %v", d)
				}
				c.check(t, kind, got)
			})
		}
	}
	for _, k := range Kinds() {
		if victims()[k.Name] == "" {
			t.Errorf("source %s has no bad input", k.Name)
		}
	}
}

// lookUp returns the words for a kind.
func lookUp(words map[string]string, kind string) (want string, ok bool) {
	if want, ok = words[kind]; !ok {
		want, ok = words[""]
	}
	return want, ok
}

func (c badInput) check(t *testing.T, kind string, got outcome) {
	t.Helper()
	rejected, isReject := c.rejected[kind]
	failed, isFailure := c.failed[kind]
	if !isReject && !isFailure {
		rejected, isReject = lookUp(c.rejected, kind)
		if failed, isFailure = lookUp(c.failed, kind); isFailure {
			isReject = false
		}
	}
	switch {
	case isReject && got.err != nil:
		t.Errorf("the run ends with %v, want a reject with %q", got.err, rejected)
	case isReject && rejected != "-" && !allHold(got.rejects, rejected, kind != "jsonl"):
		t.Errorf("rejects %q, want %q", got.rejects, rejected)
	case isReject && got.documents < 2:
		t.Errorf("%d documents are left, rejects %q", got.documents, got.rejects)
	case isFailure && failed == "-": // the source does not walk
	case isFailure && (got.err == nil || !strings.Contains(got.err.Error(), failed)):
		t.Errorf("the run ends with %v, want %q; %d documents, rejects %q", got.err, failed, got.documents,
			got.rejects)
	case isFailure && strings.Contains(got.err.Error(), "\n"):
		t.Errorf("the error has several lines: %v", got.err)
	}
}

// allHold reports whether there are rejects, all with the words; one says that there must be one alone.
func allHold(rejects []string, words string, one bool) bool {
	return len(rejects) > 0 && (!one || len(rejects) == 1) &&
		!slices.ContainsFunc(rejects, func(r string) bool { return !strings.Contains(r, words) })
}

// TestBadCompression reads compressed lines that are damaged, or longer than a document may be.
func TestBadCompression(t *testing.T) {
	line := []byte(strings.Repeat(`{"text":"a line of some length"}`+"\n", 1000))
	for _, suffix := range []string{".gz", ".zst"} {
		name := "x.jsonl" + suffix
		whole := compressed(t, name, line)
		for damage, data := range map[string][]byte{
			"cut": whole[:len(whole)/2], "text": line, "tail": slices.Concat(whole, []byte("more")),
			"flipped": flipAt(whole, len(whole)/2),
		} {
			s := jsonlAt(t, name, data)
			got := outcome{}
			for _, u := range units(t, s) {
				for _, err := range s.Read(context.Background(), u) {
					got.err = errors.Join(got.err, err)
				}
			}
			if got.err == nil || !strings.Contains(got.err.Error(), "repair or remove the file") {
				t.Errorf("%s %s: %v", name, damage, got.err)
			}
		}
	}
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	must(t, err)
	zeros := make([]byte, 1<<20)
	for range MaxDocument>>20 + 1 {
		_, err := w.Write(zeros)
		must(t, err)
	}
	_, err = fmt.Fprint(w, "\n{\"text\":\"after\"}\n")
	must(t, errors.Join(err, w.Close()))
	got := outcomes(t, jsonlAt(t, "x.jsonl.zst", b.Bytes()))
	want := fmt.Sprintf("too large: a line of more than %d bytes", int64(MaxDocument))
	if got["jsonl:x.jsonl.zst@0"] != want || len(got) != 2 {
		t.Errorf("a long line: %q", got)
	}
}

func flipAt(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 0x10
	return data
}
