package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"longlora/pipeline/dedup"
	"longlora/pipeline/split"
)

// fates says what becomes of every document. It takes 13 bytes a document, and 4 more where
// near-duplicates are dropped.
type fates struct {
	index *index
	// sameID and sameText are the first document with the same id and with the same text: itself if it
	// is kept.
	sameID, sameText []uint32
	// representative is the document of the cluster with the least id; nil without clusters.
	representative []uint32
	clusters       int64
	// near is the kept document that a document is nearly the same as, itself if it is kept; nil if
	// near-duplicates are not dropped.
	near []uint32
	// passages and lines are the repeated parts; nil if they are not looked for.
	passages, lines *repeatFile
}

func (f *fates) close() error {
	return errors.Join(f.index.file.Close(), f.passages.close(), f.lines.close())
}

// unique reports whether a document has neither id nor text of an earlier one.
func (f *fates) unique(doc int) bool {
	return f.sameID[doc] == uint32(doc) && f.sameText[doc] == uint32(doc)
}

// kept reports whether a document is no duplicate.
func (f *fates) kept(doc int) bool {
	return f.unique(doc) && (f.near == nil || f.near[doc] == uint32(doc))
}

// resolve finds duplicates and clusters.
func resolve(ctx context.Context, o Options, s *scanned) (*fates, error) {
	x, err := joinIndex(s.scratch, s.entries)
	if err != nil {
		return nil, err
	}
	n := x.n
	f := &fates{index: x}
	var finder dedup.Finder
	if f.sameID, err = finder.First(n, x.keys(idKeyAt)); err != nil {
		return nil, err
	}
	err = f.findDuplicates(&finder, o.KeepDuplicates)
	if err == nil && (o.Split == "" || o.findsNear()) {
		err = f.findClusters(ctx, o)
	}
	if err == nil {
		err = f.findRepeats(ctx, o, s)
	}
	return f, err
}

// findDuplicates looks among the documents whose id is their own: one that is dropped for its id must
// not take another with it.
func (f *fates) findDuplicates(finder *dedup.Finder, keep bool) error {
	n, doc := f.index.n, 0
	if keep {
		f.sameText = make([]uint32, n)
		for i := range f.sameText {
			f.sameText[i] = uint32(i)
		}
		return nil
	}
	var err error
	f.sameText, err = finder.First(n, func(yield func(dedup.Key, error) bool) {
		for key, err := range f.index.keys(textKeyAt) {
			if err == nil && f.sameID[doc] != uint32(doc) {
				key = dedup.Key{} // a key of its own
				binary.LittleEndian.PutUint32(key[:], uint32(doc))
			}
			doc++
			if !yield(key, err) {
				return
			}
		}
	})
	return err
}

// findClusters joins candidates for near-duplicates. Of each cluster it finds the least id, which
// decides the split, and drops what repeats a document that is kept.
func (f *fates) findClusters(ctx context.Context, o Options) error {
	n := f.index.n
	clusters, err := split.Cluster(n, func(band int, hashes []uint64) error {
		doc := 0
		for record, err := range f.index.records(0) {
			if err != nil {
				return err
			}
			hashes[doc] = 0
			if f.unique(doc) {
				hashes[doc] = binary.LittleEndian.Uint64(record[sketchAt+8*band:])
			}
			doc++
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if o.findsNear() {
		if err := f.findNear(clusters, o.Near); err != nil || o.Split != "" {
			return err
		}
	}
	f.representative = make([]uint32, n)
	for doc := range n {
		root := clusters.Root(doc)
		if root == doc {
			f.representative[doc] = uint32(doc)
			if f.unique(doc) {
				f.clusters++
			}
		} else if err := f.offer(root, doc); err != nil {
			return err
		}
	}
	for doc := range n { // roots come before their members
		f.representative[doc] = f.representative[clusters.Root(doc)]
	}
	return nil
}

// findNear drops near-duplicates within clusters of several documents.
func (f *fates) findNear(clusters *split.Clusters, threshold float64) error {
	n := f.index.n
	several := make([]bool, n) // by root
	for doc := range n {
		if root := clusters.Root(doc); root != doc {
			several[root] = true
		}
	}
	f.near = make([]uint32, n)
	finder, doc := dedup.NewNear(threshold), 0
	for record, err := range f.index.records(0) {
		if err != nil {
			return err
		}
		f.near[doc] = uint32(doc)
		if root := clusters.Root(doc); several[root] && f.unique(doc) {
			var s split.Signature
			for i := range s {
				s[i] = binary.LittleEndian.Uint16(record[signatureAt+2*i:])
			}
			f.near[doc] = uint32(finder.Offer(doc, root, &s))
		}
		doc++
	}
	return nil
}

// offer makes a document the representative of its cluster if its id is less than the present one's.
func (f *fates) offer(root, doc int) error {
	id, err := f.index.id(doc)
	if err != nil {
		return err
	}
	least, err := f.index.id(int(f.representative[root]))
	if err != nil {
		return err
	}
	if id < least {
		f.representative[root] = uint32(doc)
	}
	return nil
}

// split returns the split of a kept document.
func (f *fates) split(o Options, doc int, id string) (string, error) {
	if o.Split != "" {
		return o.Split, nil
	}
	if r := int(f.representative[doc]); r != doc {
		least, err := f.index.id(r)
		if err != nil {
			return "", fmt.Errorf("cluster of %q: %w", id, err)
		}
		id = least
	}
	return o.Shares.Of(id), nil
}

// duplicateOf returns the reason why a document is not kept and the id of the document that is.
func (f *fates) duplicateOf(doc int) (reason, of string, err error) {
	reason, first := "duplicate id", f.sameID[doc]
	if first == uint32(doc) {
		reason, first = "duplicate", f.sameText[doc]
	}
	if first == uint32(doc) {
		reason, first = "near-duplicate", f.near[doc]
	}
	of, err = f.index.id(int(first))
	return reason, of, err
}
