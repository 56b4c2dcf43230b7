package split

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
)

// The names of the splits.
const (
	Train      = "train"
	Validation = "validation"
	Test       = "test"
)

// Shares are the parts of all clusters that are held out, in [0, 1). The rest is for training.
type Shares struct{ Validation, Test float64 }

// DefaultShares are those of every dataset of this project that does not say otherwise.
func DefaultShares() Shares { return Shares{Validation: 0.05, Test: 0.1} }

// Validate reports every problem at once.
func (s Shares) Validate() error {
	var errs []error
	if !(s.Validation >= 0 && s.Validation < 1) {
		errs = append(errs, fmt.Errorf("validation share %g outside [0, 1)", s.Validation))
	}
	if !(s.Test >= 0 && s.Test < 1) {
		errs = append(errs, fmt.Errorf("test share %g outside [0, 1)", s.Test))
	}
	if len(errs) == 0 && s.Validation+s.Test >= 1 {
		errs = append(errs, fmt.Errorf("validation %g and test %g leave nothing for training",
			s.Validation, s.Test))
	}
	return errors.Join(errs...)
}

// Of returns the split of the cluster whose lexicographically least document id is given.
func (s Shares) Of(representative string) string {
	sum := sha256.Sum256([]byte("split 1\n" + representative))
	// The high 53 bits are exact as a float64 in [0, 1).
	u := float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
	switch {
	case u < s.Test:
		return Test
	case u < s.Test+s.Validation:
		return Validation
	}
	return Train
}

// Assign returns the split of every document, given as pairs of id and text. The result depends on
// neither their order nor the number of processors. It keeps ids and sketches in memory, 160 bytes
// a document beside the id; an id given twice is an error.
func Assign(docs iter.Seq2[string, string], s Shares) (map[string]string, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	ids, sketches := sketchAll(docs)
	clusters, err := Cluster(len(ids), func(band int, hashes []uint64) error {
		for i := range hashes {
			hashes[i] = sketches[i][band]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	least := map[int]string{}
	for i, id := range ids {
		root := clusters.Root(i)
		if l, ok := least[root]; !ok || id < l {
			least[root] = id
		}
	}
	splits := make(map[string]string, len(ids))
	for i, id := range ids {
		if _, twice := splits[id]; twice {
			return nil, fmt.Errorf("split: document id %q is given twice", id)
		}
		splits[id] = s.Of(least[clusters.Root(i)])
	}
	return splits, nil
}

// sketchAll sketches on all processors.
func sketchAll(docs iter.Seq2[string, string]) (ids []string, sketches []*Sketch) {
	type job struct {
		text string
		to   *Sketch
	}
	jobs := make(chan job)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for j := range jobs {
				*j.to = SketchOf(j.text)
			}
		})
	}
	for id, text := range docs {
		s := new(Sketch)
		ids, sketches = append(ids, id), append(sketches, s)
		jobs <- job{text, s}
	}
	close(jobs)
	workers.Wait()
	return ids, sketches
}
