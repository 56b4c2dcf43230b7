package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Seen returns the ids of the documents that a model was trained on from scratch, as its folder's
// longlora.json lists them; nil if it lists none.
func Seen(fsys fs.FS) (map[string]bool, error) {
	data, err := fs.ReadFile(fsys, "longlora.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var notes struct {
		Documents []string `json:"documents"`
	}
	if err := json.Unmarshal(data, &notes); err != nil {
		return nil, fmt.Errorf("longlora.json: %w", err)
	}
	seen := make(map[string]bool, len(notes.Documents))
	for _, id := range notes.Documents {
		seen[id] = true
	}
	return seen, nil
}

// Origin returns the id of the document that a sample was made of: what stands before a "#", as in
// the ids that command recall gives.
func Origin(sample string) string {
	id, _, _ := strings.Cut(sample, "#")
	return id
}
