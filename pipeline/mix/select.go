package mix

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"

	"longlora/pipeline/encode"
	"longlora/pipeline/pack"
	"longlora/pipeline/spill"
	"longlora/pipeline/words"
)

// selection chooses the documents of a mixture.
type selection struct {
	recipe  *Recipe
	corpus  *encode.Corpus
	digests []string
	kept    func(tokens int) int // tokens that packing keeps of a document
	scratch string
	cells   [][]cell // by source
	order   *spill.Sorter
}

// sortMemory is that of a sort, in bytes.
const sortMemory = 16 << 20

// run chooses; then order holds every copy of a document where it stands.
func (s *selection) run() error {
	s.order = spill.NewSorter(s.scratch, "order", sortMemory)
	ranked := spill.NewSorter(s.scratch, "ranked", sortMemory)
	for _, source := range s.recipe.Sources {
		s.cells = append(s.cells, cellsOf(source.Lengths))
	}
	if err := s.rank(ranked); err != nil {
		return err
	}
	tokens := s.recipe.Tokens
	if tokens == 0 {
		tokens = fit(s.recipe.Sources, s.cells)
	}
	for i, target := range shares(s.recipe.Sources, tokens) {
		source := s.recipe.Sources[i]
		if err := fill(s.cells[i], source.MaxEpochs, target); err != nil {
			return fmt.Errorf("source %s: %w", source.Name, err)
		}
	}
	return s.choose(ranked)
}

// rank counts the cells' documents, and orders each cell's by a keyed hash.
func (s *selection) rank(ranked *spill.Sorter) error {
	place := make([]uint64, len(s.recipe.Sources)) // of the source's next document
	for _, r := range s.corpus.Ranges() {
		key, cells := s.key(r.Input), s.cells[r.Input]
		doc := r.From
		for n, err := range s.corpus.Lengths(r.From, r.To) {
			if err != nil {
				return err
			}
			h := words.Mix(key ^ words.Mix(place[r.Input]+1))
			place[r.Input]++
			if kept := s.kept(n); kept > 0 {
				c := cellOf(cells, n)
				cells[c].documents++
				cells[c].tokens += int64(kept)
				err = ranked.Add(spill.Record{
					Key: [2]uint64{uint64(r.Input)<<32 | uint64(c), h}, Doc: uint64(doc), From: uint32(kept),
				})
			}
			if err != nil {
				return err
			}
			doc++
		}
	}
	return nil
}

// key is that of a source's hashes.
func (s *selection) key(source int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "mix 1\n%s\n%d\n%v\n", s.digests[source], s.recipe.Seed,
		s.recipe.Sources[source].Splits))
	return binary.LittleEndian.Uint64(sum[:])
}

// choose takes every document as often as its cell's whole epochs say, and the first of each cell once
// more, until its source has what it should have up to the cell.
func (s *selection) choose(ranked *spill.Sorter) error {
	taken := make([]int64, len(s.cells)) // by source, up to the cell
	cell, extra, last := uint64(0), false, -1
	for r, err := range ranked.Sorted() {
		if err != nil {
			return err
		}
		source := int(r.Key[0] >> 32)
		c := &s.cells[source][uint32(r.Key[0])]
		if last != source || cell != r.Key[0] {
			cell, last = r.Key[0], source
			taken[source] += c.tokens * int64(c.whole)
			extra = c.whole < s.recipe.Sources[source].MaxEpochs && c.factor > 0
		}
		copies, n := c.whole, int64(r.From)
		if extra = extra && 2*(c.target-taken[source]) >= n; extra {
			copies++
			taken[source] += n
		}
		c.copies += int64(copies)
		c.mixed += n * int64(copies)
		c.repeats = max(c.repeats, copies)
		if err := s.place(r, copies); err != nil {
			return err
		}
	}
	return nil
}

// place spreads the copies of a document evenly over the mixture: the j-th of m stands at (j+u)/m,
// where u in [0, 1) is a hash of it, another than that which chose it.
func (s *selection) place(r spill.Record, copies int) error {
	u := words.Mix(r.Key[1] + golden)
	for j := range copies {
		at, _ := bits.Div64(uint64(j), u, uint64(copies))
		err := s.order.Add(spill.Record{
			Key: [2]uint64{at, words.Mix(u + uint64(j))}, Doc: r.Doc, From: uint32(j),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// golden is the golden ratio of 2^64, the increment of splitmix64.
const golden = 0x9E3779B97F4A7C15

// documents streams the chosen documents in order.
func (s *selection) documents() iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for r, err := range s.order.Sorted() {
			if !yield(int64(r.Doc), err) || err != nil {
				return
			}
		}
	}
}

// total is the number of tokens chosen.
func (s *selection) total() (n int64) {
	for _, cells := range s.cells {
		for _, c := range cells {
			n += c.mixed
		}
	}
	return n
}

// keptBy returns how many tokens packing keeps of a document: none of one without a target.
func keptBy(o pack.Options) func(tokens int) int {
	return func(tokens int) int {
		if tokens < 2 {
			return 0
		}
		return o.Kept(tokens)
	}
}
