package data

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"longlora/kernels"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

func sequence(weight float32, spans []schemas.LossSpan, lens ...int32) schemas.Sequence {
	s := schemas.Sequence{DocLens: lens, LossSpans: spans}
	for i, n := range lens {
		for range n {
			s.InputIDs = append(s.InputIDs, int32(len(s.InputIDs)+10))
		}
		s.Docs = append(s.Docs, schemas.DocRef{SampleID: "d", Source: "test", Licence: "MIT"})
		s.LossWeights = append(s.LossWeights, weight+float32(i))
	}
	s.NTokens = int32(len(s.InputIDs))
	return s
}

func dataset(t *testing.T, rows ...schemas.Sequence) *shard.Dataset {
	t.Helper()
	return shardtest.Write(t, filepath.Join(t.TempDir(), "d"), shard.Options{
		Kind: schemas.KindSequence, Name: "test",
		Tokenizer: &schemas.TokenizerRef{Name: "t", Digest: "digest", VocabSize: 100},
	}, shardtest.File[schemas.Sequence]{Split: "train", Rows: rows})
}

func open(t *testing.T, s Shards, at Position, l Limits) *Stream {
	t.Helper()
	stream, err := Open(context.Background(), s, at, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	return stream
}

var wide = Limits{Vocab: 100, Context: 64}

func TestTargetsAndPositions(t *testing.T) {
	// Two documents of 4 and 3 tokens, ids 10..16; targets are tokens 2, 3 and 5.
	d := dataset(t, sequence(2, []schemas.LossSpan{{Start: 2, End: 4}, {Start: 5, End: 6}}, 4, 3))
	row, err := open(t, Shards{Dataset: d, Split: "train"}, Position{}, wide).Next()
	if err != nil {
		t.Fatal(err)
	}
	want := &Row{
		IDs: []int32{10, 11, 12, 13, 14, 15, 16}, DocLens: []int32{4, 3},
		Targets: []int32{-1, 12, 13, -1, 15, -1, -1}, Weights: []float32{0, 2, 2, 0, 3, 0, 0},
	}
	if !reflect.DeepEqual(row, want) {
		t.Errorf("got %+v, want %+v", row, want)
	}
	if got := row.Weight(); got != 7 {
		t.Errorf("weight %g, want 7", got)
	}
	var lens []int32
	keep := func(l []int32) kernels.Segments {
		lens = l
		return kernels.Segments{}
	}
	b := Layout{Segments: keep}.Join([]*Row{row, row})
	places := []int32{0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2}
	if !reflect.DeepEqual(b.Positions, places) {
		t.Errorf("positions %v, want %v", b.Positions, places)
	}
	if want := []int32{4, 3, 4, 3}; !reflect.DeepEqual(lens, want) {
		t.Errorf("documents %v, want %v", lens, want)
	}
	b = Layout{Segments: keep, Across: true}.Join([]*Row{row, row})
	if want := []int32{7, 7}; !reflect.DeepEqual(lens, want) || b.Positions[6] != 6 {
		t.Errorf("across documents: %v, position %d; want %v, 6", lens, b.Positions[6], want)
	}
}

func TestEpochsAndResume(t *testing.T) {
	var rows []schemas.Sequence
	for n := range int32(10) {
		rows = append(rows, sequence(1, []schemas.LossSpan{{Start: 1, End: 2}}, n+2))
	}
	s := Shards{Dataset: dataset(t, rows...), Split: "train", Shuffle: true, Seed: 3}
	read := func(at Position, n int) (sizes []int) {
		stream := open(t, s, at, wide)
		for range n {
			r, err := stream.Next()
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, len(r.IDs))
		}
		return sizes
	}
	all := read(Position{}, 30)
	for epoch := range 3 {
		seen := map[int]bool{}
		for _, n := range all[10*epoch : 10*epoch+10] {
			seen[n] = true
		}
		if len(seen) != 10 {
			t.Errorf("epoch %d reads %d different sequences of 10", epoch, len(seen))
		}
	}
	if reflect.DeepEqual(all[:10], all[10:20]) {
		t.Error("two epochs have the same order")
	}
	for from := range 21 {
		at := Position{Epoch: int64(from / 10), Index: int64(from % 10)}
		if got := read(at, 9); !reflect.DeepEqual(got, all[from:from+9]) {
			t.Errorf("from %v: got %v, want %v", at, got, all[from:from+9])
		}
	}
	if got := read(Position{Epoch: 0, Index: 10}, 5); !reflect.DeepEqual(got, all[10:15]) {
		t.Errorf("from the end of an epoch: got %v, want %v", got, all[10:15])
	}
}

// TestRanks deals the endless order to processes: their rows, one of each in turn, are those of one
// process, over several epochs that the world's size does not divide, and from any position, with which
// another number of processes goes on.
func TestRanks(t *testing.T) {
	var rows []schemas.Sequence
	for n := range int32(10) {
		rows = append(rows, sequence(1, []schemas.LossSpan{{Start: 1, End: 2}}, n+2))
	}
	s := Shards{Dataset: dataset(t, rows...), Split: "train", Shuffle: true, Seed: 3}
	read := func(s *Stream, n int) (sizes []int) {
		for range n {
			r, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, len(r.IDs))
		}
		return sizes
	}
	all := read(open(t, s, Position{}, wide), 80)
	for _, world := range []int{1, 2, 3, 4, 10, 13, 25} {
		for _, from := range []int{0, 1, 9, 10, 17} {
			at := Position{Epoch: int64(from / 10), Index: int64(from % 10)}
			turns := (len(all) - from) / world
			got := make([]int, turns*world)
			for rank := range world {
				stream, err := OpenRank(context.Background(), s, at, wide, Ranks{Rank: rank, World: world})
				if err != nil {
					t.Fatal(err)
				}
				for turn, n := range read(stream, turns) {
					got[turn*world+rank] = n
				}
				reached := from + turns*world
				if at := stream.At().begin(10); at.Epoch*10+at.Index != int64(reached) {
					t.Errorf("rank %d of %d stands at %v, want sequence %d", rank, world, at, reached)
				}
				if err := stream.Close(); err != nil {
					t.Error(err)
				}
			}
			if want := all[from : from+len(got)]; !reflect.DeepEqual(got, want) {
				t.Errorf("%d ranks from %v read %v, want %v", world, at, got, want)
			}
		}
	}
	for _, r := range []Ranks{{Rank: -1, World: 2}, {Rank: 2, World: 2}, {Rank: 1}, {World: -1}} {
		if _, err := OpenRank(context.Background(), s, Position{}, wide, r); err == nil ||
			!strings.Contains(err.Error(), "want one of") {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// countingSource counts the rows that are asked of a source.
type countingSource struct {
	Shards
	starts []int64
}

func (c *countingSource) Open(ctx context.Context, epoch, start, stride int64) (array.RecordReader, error) {
	c.starts = append(c.starts, epoch, start, stride)
	return c.Shards.Open(ctx, epoch, start, stride)
}

// TestRankResumesAtOnce opens a stream in a late epoch: it asks for its own first row and no other.
func TestRankResumesAtOnce(t *testing.T) {
	var rows []schemas.Sequence
	for range 10 {
		rows = append(rows, sequence(1, []schemas.LossSpan{{Start: 1, End: 2}}, 4))
	}
	s := &countingSource{Shards: Shards{Dataset: dataset(t, rows...), Split: "train", Shuffle: true}}
	stream, err := OpenRank(context.Background(), s, Position{Epoch: 1 << 40, Index: 8}, wide,
		Ranks{Rank: 3, World: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Next(); err != nil {
		t.Error(err)
	}
	if want := []int64{1<<40 + 1, 1, 4}; !reflect.DeepEqual(s.starts, want) {
		t.Errorf("opened at %v, want %v", s.starts, want)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	s := Shards{Dataset: dataset(t, sequence(1, []schemas.LossSpan{{Start: 1, End: 40}}, 40)), Split: "train"}
	for _, c := range []struct {
		limits Limits
		split  string
		want   string
	}{
		{Limits{Vocab: 99, Context: 64}, "train", "has 100 tokens, the model's vocabulary 99"},
		{Limits{Vocab: 100, Context: 39}, "train", "has 40 tokens, the run's context is 39"},
		{Limits{Vocab: 100, Context: 64, Tokenizers: []string{"other"}}, "train", "tokenizer digest"},
		{wide, "test", "0 sequences"},
	} {
		s.Split = c.split
		stream, err := Open(context.Background(), s, Position{}, c.limits)
		if err == nil {
			_, err = stream.Next()
			stream.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q in it", c.limits, err, c.want)
		}
	}
	if _, err := Open(context.Background(), Shards{Dataset: s.Dataset, Split: "train"}, Position{},
		Limits{Vocab: 100, Context: 64, Tokenizers: []string{"other", "digest"}}); err != nil {
		t.Errorf("the second tokenizer fits: %v", err)
	}
}

func TestGroups(t *testing.T) {
	row := func(n int) *Row { return &Row{IDs: make([]int32, n)} }
	var got [][]int
	for _, g := range Groups([]*Row{row(3), row(3), row(4), row(12), row(1), row(9)}, 10) {
		var sizes []int
		for _, r := range g {
			sizes = append(sizes, len(r.IDs))
		}
		got = append(got, sizes)
	}
	if want := [][]int{{3, 3, 4}, {12}, {1, 9}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
