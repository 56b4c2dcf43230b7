package split

import (
	"cmp"
	"fmt"
	"slices"
)

// Clusters is a partition of documents that are numbered from 0. It takes four bytes a document.
type Clusters struct{ parent []uint32 }

// Cluster joins the documents 0 to n-1 whose sketches agree on a band. column fills hashes, of
// length n, with the documents' hashes of one band; it is called once for each. Beside the result it
// takes 24 bytes a document.
func Cluster(n int, column func(band int, hashes []uint64) error) (*Clusters, error) {
	c := &Clusters{parent: make([]uint32, n)}
	for i := range c.parent {
		c.parent[i] = uint32(i)
	}
	type entry struct {
		hash uint64
		doc  uint32
	}
	hashes := make([]uint64, n)
	entries := make([]entry, 0, n)
	for band := range Bands {
		if err := column(band, hashes); err != nil {
			return nil, fmt.Errorf("cluster band %d: %w", band, err)
		}
		entries = entries[:0]
		for i, h := range hashes {
			if h != 0 {
				entries = append(entries, entry{h, uint32(i)})
			}
		}
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.hash, b.hash) })
		for i := 1; i < len(entries); i++ {
			if entries[i].hash == entries[i-1].hash {
				c.join(entries[i].doc, entries[i-1].doc)
			}
		}
	}
	for i := range c.parent {
		c.parent[i] = c.root(uint32(i))
	}
	return c, nil
}

// Root returns the least number in a document's cluster.
func (c *Clusters) Root(doc int) int { return int(c.parent[doc]) }

func (c *Clusters) root(x uint32) uint32 {
	for c.parent[x] != x {
		c.parent[x] = c.parent[c.parent[x]] // path halving
		x = c.parent[x]
	}
	return x
}

// join keeps the least number as the root, so that the result does not depend on the order of joins.
func (c *Clusters) join(a, b uint32) {
	a, b = c.root(a), c.root(b)
	c.parent[max(a, b)] = min(a, b)
}
