package dedup

import (
	"longlora/pipeline/split"
)

// Near finds documents that are nearly the same as one before them. Documents are offered in source
// order; one is dropped if its similarity with a document that is kept, of the same cluster of
// candidates, is at least a threshold. So nothing is dropped for being like something that is not there:
// chains of documents, each like the one before, do not collapse.
//
// It keeps 200 bytes for each kept document of a cluster with several members.
type Near struct {
	threshold float64
	leaders   map[int][]leader // by cluster
}

type leader struct {
	doc       int
	signature *split.Signature
}

// DefaultNear is the similarity from which documents are dropped by default: at 0.8 two books differ
// in about every fortieth word.
const DefaultNear = 0.8

// maxLeaders bounds the comparisons of a document; later kept documents of a larger cluster are
// compared with, but take no others with them.
const maxLeaders = 1000

// NewNear returns a Near with a threshold in (0, 1].
func NewNear(threshold float64) *Near {
	return &Near{threshold: threshold, leaders: map[int][]leader{}}
}

// Offer returns the kept document that a document repeats, or doc itself if it is kept.
func (n *Near) Offer(doc, cluster int, s *split.Signature) int {
	leaders := n.leaders[cluster]
	for _, l := range leaders {
		if l.signature.Similarity(s) >= n.threshold {
			return l.doc
		}
	}
	if len(leaders) < maxLeaders {
		own := *s
		n.leaders[cluster] = append(leaders, leader{doc, &own})
	}
	return doc
}
