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
	// Open streams every stride-th sequence of an epoch from its sequence start on, one a record or
	// several. The reader must be released.
	Open(ctx context.Context, epoch, start, stride int64) (array.RecordReader, error)
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
func (s Shards) Open(ctx context.Context, epoch, start, stride int64) (array.RecordReader, error) {
	return s.Dataset.Sequences(ctx, shard.SequenceOptions{
		Split: s.Split, Shuffle: s.Shuffle, Seed: s.Seed, Epoch: epoch, Start: start, Stride: stride,
		Cache: s.Cache,
	})
}

// Position is a place in the endless order: the next sequence to read.
type Position struct {
	Epoch int64 `json:"epoch"`
	Index int64 `json:"index"`
}

// after returns the position n sequences later, in epochs of rows sequences. The end of an epoch and the
// beginning of the next are one place; it is given as the former.
func (p Position) after(n, rows int64) Position {
	last := p.Index + n - 1
	if last < 0 {
		return p
	}
	return Position{Epoch: p.Epoch + last/rows, Index: last%rows + 1}
}

// begin is a position as that of the sequence that stands there.
func (p Position) begin(rows int64) Position {
	return Position{Epoch: p.Epoch + p.Index/rows, Index: p.Index % rows}
}

// Ranks says which of the processes that train together reads: in the endless order, each World-th
// sequence is its own. The zero value is one process that reads all.
type Ranks struct {
	// Rank is this process's number, in [0, World).
	Rank int
	// World is the number of processes; 0 means 1.
	World int
}

func (r Ranks) check() (Ranks, error) {
	if r.World == 0 {
		r.World = 1
	}
	if r.World < 0 || r.Rank < 0 || r.Rank >= r.World {
		return r, fmt.Errorf("data: rank %d of %d: want one of 0 to %d", r.Rank, r.World, r.World-1)
	}
	return r, nil
}

func (p Position) String() string { return fmt.Sprintf("epoch %d sequence %d", p.Epoch, p.Index) }
