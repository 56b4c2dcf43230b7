// Package dedup finds exact duplicates by hash, in bounded memory and in an order that does not
// depend on who hashed what first.
package dedup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
)

// Key identifies a content: the first half of its SHA-256. Among 10^9 documents the chance that two
// different contents share one is below 10^-20.
type Key [16]byte

// KeyOf returns the key of a text.
func KeyOf(text string) Key {
	sum := sha256.Sum256([]byte(text))
	return Key(sum[:16])
}

// Finder finds documents with the same key. It keeps its working memory, 20 bytes a document.
type Finder struct{ entries []entry }

type entry struct {
	key Key
	doc uint32
}

// First returns, for each of the n documents whose keys are given in source order, the number of the
// first document with the same key: its own if there is none before it. The result takes four bytes
// a document.
func (f *Finder) First(n int, keys iter.Seq2[Key, error]) ([]uint32, error) {
	if cap(f.entries) < n {
		f.entries = make([]entry, 0, n)
	}
	entries := f.entries[:0]
	for key, err := range keys {
		if err != nil {
			return nil, err
		}
		if len(entries) == n {
			return nil, fmt.Errorf("dedup: more than %d keys", n)
		}
		entries = append(entries, entry{key, uint32(len(entries))})
	}
	if len(entries) != n {
		return nil, fmt.Errorf("dedup: %d keys of %d", len(entries), n)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(bytes.Compare(a.key[:], b.key[:]), cmp.Compare(a.doc, b.doc))
	})
	first := make([]uint32, n)
	for i, e := range entries {
		first[e.doc] = e.doc
		if i > 0 && entries[i-1].key == e.key {
			first[e.doc] = first[entries[i-1].doc]
		}
	}
	return first, nil
}
