package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"longlora/internal/store"
)

// OriginsName is the file of a corpus that says what its files are: pipeline fetch writes it.
const OriginsName = "fetch.json"

// Origin is what is known of a file that holds documents which say less.
type Origin struct {
	File     string `json:"file"` // relative to the corpus, with slashes
	SHA256   string `json:"sha256"`
	Licence  string `json:"licence"`
	Language string `json:"language,omitempty"`
	Title    string `json:"title,omitempty"`
	URL      string `json:"url,omitempty"`
	// Fetched is the address that the file came from, Recipe what was done with it there.
	Fetched string `json:"fetched"`
	Recipe  string `json:"recipe"`
}

// mostOrigins bounds the file, in bytes.
const mostOrigins = 256 << 20

// ParseOrigins reads what OriginsName holds, by file.
func ParseOrigins(data []byte) (map[string]Origin, error) {
	var all struct{ Files []Origin }
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("not a list of files: %w", err)
	}
	byFile := map[string]Origin{}
	for _, o := range all.Files {
		byFile[o.File] = o
	}
	return byFile, nil
}

// openFiles opens the corpus of a source, and reads what it says of its files; most say nothing.
func openFiles(ctx context.Context, o Options) (store.Store, map[string]Origin, error) {
	files, err := store.Open(ctx, o.Path, o.Stores)
	if err != nil {
		return nil, nil, err
	}
	if path, ok := store.Local(o.Path); ok && !hasOrigins(path) {
		return files, nil, nil
	}
	origins, err := readOrigins(ctx, files)
	return files, origins, err
}

// hasOrigins reports whether a folder of this machine says what its files are.
func hasOrigins(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, OriginsName))
	return err == nil
}

func readOrigins(ctx context.Context, s store.Store) (map[string]Origin, error) {
	data, err := store.ReadFile(ctx, s, OriginsName, mostOrigins)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil // stores that do not list hide what is not there
	}
	if err != nil {
		return nil, err
	}
	all, err := ParseOrigins(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Place(OriginsName), err)
	}
	return all, nil
}

// of completes options by what is known of a file.
func (o Origin) of(options Options) Options {
	if o.Licence != "" {
		options.Licence = o.Licence
	}
	if o.Language != "" {
		options.Language = o.Language
	}
	return options
}
