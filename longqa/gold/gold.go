// Package gold reads published sets of questions that people answered. Each set is one file and one
// line of the table.
package gold

import (
	"fmt"
	"iter"
	"strings"

	"longlora/schemas"
)

// Source reads one published set.
type Source interface {
	// Name is as a command's flag takes it; answers are marked "gold:" and the name.
	Name() string
	// About says what it is and whose, in a sentence with a link.
	About() string
	// Rows streams the set at a path as examples without n_tokens. A row that cannot be used comes
	// with a Problem; an error ends the stream.
	Rows(path string) iter.Seq2[Row, error]
}

// Row is an example, or why there is none.
type Row struct {
	schemas.Example
	Problem string // the reason for rejecting the row, with what is in it
}

// sources is the table.
var sources = [...]Source{qmsum{}, squality{}}

// Names lists the sources.
func Names() []string {
	var names []string
	for _, s := range sources {
		names = append(names, s.Name())
	}
	return names
}

// Find returns the source with a name.
func Find(name string) (Source, error) {
	for _, s := range sources {
		if s.Name() == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("unknown source %q; there are goroot, %s", name,
		strings.Join(Names(), ", "))
}

// splitOf reads a publisher's name for a split from a file's or folder's name; "train" if it says
// none.
func splitOf(name string) string {
	name = strings.ToLower(name)
	switch {
	case strings.Contains(name, "test"):
		return "test"
	case strings.Contains(name, "val"), strings.Contains(name, "dev"):
		return "validation"
	}
	return "train"
}
