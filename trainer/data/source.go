package data

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow/array"

	"longlora/schemas/shard"
)

// Source is a set of sequences that can be read from any place of any epoch's order.
type Source interface {
	// Rows returns the number of sequences of an epoch.
	Rows() int64
	// Open streams an epoch from its sequence start on. The reader must be released.
	Open(ctx context.Context, epoch, start int64) (array.RecordReader, error)
}

// Shards is the Source of a dataset directory's split.
type Shards struct {
	Dataset *shard.Dataset
	Split   string
	// Shuffle orders each epoch by package order under Seed; without it, file order.
	Shuffle bool
	Seed    uint64
	// Cache, if not nil, keeps decoded row groups.
	Cache *shard.Cache
}

// Rows returns the number of sequences of the split.
func (s Shards) Rows() int64 {
	rows, _ := s.Dataset.Count(s.Split)
	return rows
}

// Open streams the split.
func (s Shards) Open(ctx context.Context, epoch, start int64) (array.RecordReader, error) {
	return s.Dataset.Sequences(ctx, shard.SequenceOptions{
		Split: s.Split, Shuffle: s.Shuffle, Seed: s.Seed, Epoch: epoch, Start: start,
		Cache: s.Cache,
	})
}

// Position is a place in the endless order: the next sequence to read.
type Position struct {
	Epoch int64 `json:"epoch"`
	Index int64 `json:"index"`
}

func (p Position) String() string { return fmt.Sprintf("epoch %d sequence %d", p.Epoch, p.Index) }
