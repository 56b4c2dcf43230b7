package faketree

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// WriteTexts writes texts as JSON lines into a new folder and returns the file's path.
func WriteTexts(t testing.TB, texts []Text) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	for _, x := range texts {
		err := e.Encode(map[string]string{
			"id": x.ID, "title": x.Title, "text": x.Content, "language": x.Language, "licence": "CC0-1.0",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "texts.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}
