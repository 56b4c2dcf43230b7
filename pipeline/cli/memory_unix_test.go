//go:build unix

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// peak runs the command and returns the most memory that it held, in bytes.
func peak(t *testing.T, args ...string) int64 {
	t.Helper()
	c := exec.Command("pipeline", args...)
	var stderr strings.Builder
	c.Stderr, c.Env = &stderr, append(os.Environ(), "GOGC=20")
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if runtime.GOOS == "darwin" { // bytes there, kilobytes elsewhere
		return most
	}
	return most << 10
}

// TestMemoryIsConstant compares corpora of which one is six times the other, two units of work, with
// documents of the same size. The greater may take 64 bytes a document more, and what the garbage collector leaves to
// chance: with GOGC=20, a fifth of the whole.
func TestMemoryIsConstant(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	small, large := 150, 900
	if testing.Short() {
		small, large = 25, 150
	}
	var ingested, encoded [2]int64
	for i, n := range []int{small, large} {
		books, docs := at("books")+string(rune('0'+i)), at("docs")+string(rune('0'+i))
		corpus(t, books, n, 50_000)
		ingested[i] = peak(t, append(ingestArgs(books, docs), "--split", "train", "--workers", "1")...)
		encoded[i] = peak(t, append(encodeArgs(docs, at("seq")+string(rune('0'+i))), "--workers", "1")...)
	}
	t.Logf("ingest %d and %d MiB, encode %d and %d MiB", ingested[0]>>20, ingested[1]>>20,
		encoded[0]>>20, encoded[1]>>20)
	for name, p := range map[string][2]int64{"ingest": ingested, "encode": encoded} {
		if most := p[0] + p[0]/5 + 64*int64(large-small); p[1] > most {
			t.Errorf("%s of six times the documents takes %d bytes, want at most %d", name, p[1], most)
		}
	}
}
