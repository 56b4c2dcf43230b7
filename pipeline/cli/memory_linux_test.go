// The race detector takes memory of its own: nothing here is built for it.

//go:build !race

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// peak runs the command and returns the most memory that it held, in bytes. (The maximum that wait4
// reports counts what the test itself held when it started the command.)
func peak(t *testing.T, args ...string) int64 {
	t.Helper()
	name := filepath.Join(t.TempDir(), "status")
	c := exec.Command("pipeline", args...)
	var stderr strings.Builder
	c.Stderr, c.Env = &stderr, append(os.Environ(), "GOGC=20", "TEST_STATUS="+name)
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	status, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	kilobytes, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// bufferBytes is what a small corpus may leave unused of the buffers that a large one fills: a row
// group before compression.
const bufferBytes = 8 << 20

// checkPeaks compares the peaks of a small and a large corpus. The large one may take 64 bytes more a
// document, the buffers that the small one did not fill, and what the garbage collector leaves to
// chance: with GOGC=20, a fifth of the whole.
func checkPeaks(t *testing.T, what string, small, large int64, documents int) {
	t.Helper()
	t.Logf("%s: %.1f and %.1f MiB", what, float64(small)/(1<<20), float64(large)/(1<<20))
	if most := small + small/5 + bufferBytes + 64*int64(documents); large > most {
		t.Errorf("%s takes %d bytes for the small corpus and %d for the large one, at most %d wanted",
			what, small, large, most)
	}
}

// TestMemoryIsConstant compares corpora of long documents: one fits into half a unit of work, the
// other fills three.
func TestMemoryIsConstant(t *testing.T) {
	small, large := 300, 1500
	if testing.Short() {
		small, large = 50, 300
	}
	root := t.TempDir()
	var ingested, encoded [2]int64
	for i, n := range []int{small, large} {
		at := func(name string) string { return filepath.Join(root, fmt.Sprint(name, i)) }
		corpus(t, at("books"), n, 50_000)
		one := []string{"--workers", "1"}
		ingested[i] = peak(t, append(ingestArgs(at("books"), at("docs")), one...)...)
		encoded[i] = peak(t, append(encodeArgs(at("docs"), at("seq")), one...)...)
	}
	checkPeaks(t, "ingest", ingested[0], ingested[1], large-small)
	checkPeaks(t, "encode", encoded[0], encoded[1], large-small)
}

// TestMemoryPerDocument compares corpora of many short documents, deduplicated and clustered.
func TestMemoryPerDocument(t *testing.T) {
	small, large := 80_000, 240_000
	if testing.Short() {
		small, large = 20_000, 50_000
	}
	root := t.TempDir()
	var peaks [2]int64
	for i, n := range []int{small, large} {
		rows := filepath.Join(root, fmt.Sprint(i, ".jsonl"))
		var b strings.Builder
		for k := range n {
			word := uint32(k) * 2654435761
			fmt.Fprintf(&b, "{\"text\":\"%x is %x of %x and %x\"}\n", word, word>>3, word>>7, word>>11)
		}
		if err := os.WriteFile(rows, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		peaks[i] = peak(t, "ingest", "--source", "jsonl", "--path", rows, "--licence", "MIT", "--filters",
			"none", "--workers", "1", "--out", filepath.Join(root, fmt.Sprint("docs", i)))
	}
	checkPeaks(t, "ingest", peaks[0], peaks[1], large-small)
}
