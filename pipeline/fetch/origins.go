package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"longlora/internal/atomicfile"
	"longlora/pipeline/source"
)

func (r *run) originsPath() string { return filepath.Join(r.o.Out, source.OriginsName) }

// readOrigins reads what earlier runs wrote.
func (r *run) readOrigins() error {
	data, err := os.ReadFile(r.originsPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := source.ParseOrigins(data)
	if err != nil {
		return fmt.Errorf("%s: %w", r.originsPath(), err)
	}
	r.origins = all
	return nil
}

// writeOrigins writes what the folder's files are. After a whole run, files that the recipe no longer
// gives are forgotten; they stay in the folder, but without a licence.
func (r *run) writeOrigins(whole bool, items []Item) error {
	if whole {
		given := map[string]bool{}
		for _, it := range items {
			given[it.URL] = true
		}
		maps.DeleteFunc(r.origins, func(_ string, o source.Origin) bool { return !given[o.Fetched] })
	}
	files := []source.Origin{}
	for _, name := range slices.Sorted(maps.Keys(r.origins)) {
		files = append(files, r.origins[name])
	}
	data, err := json.MarshalIndent(map[string]any{"files": files}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(r.originsPath(), append(data, '\n'))
}
