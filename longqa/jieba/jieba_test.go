package jieba

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The words are those of the Python package over the same tables (scripts/oracle/score.py).
func TestCut(t *testing.T) {
	s, err := Open("testdata/small")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/small/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text  string
		Words []string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	long := 0
	for _, c := range cases {
		got := s.Cut(c.Text)
		if got == nil {
			got = []string{}
		}
		if d := cmp.Diff(c.Words, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.Text, d)
		}
		for _, w := range c.Words {
			if len(w) > 6 {
				long++
			}
		}
	}
	if len(cases) < 200 || long < 50 {
		t.Errorf("%d cases, %d words of three characters", len(cases), long)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open("nowhere"); err == nil || !strings.Contains(err.Error(),
		"installed Python package") {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dict.txt"), []byte("word x\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "line 1: the count") {
		t.Errorf("got %v", err)
	}
}
