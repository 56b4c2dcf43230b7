package order

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func drawBlocks(t *rapid.T) []Block {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Block {
		return Block{rapid.Int64Range(1, 40).Draw(t, "rows"), rapid.Int64Range(1, 5<<20).Draw(t, "tokens")}
	}), 1, 60).Draw(t, "blocks")
}

// TestBlocksAreAPermutation: every row once, whatever the blocks; windows keep their bounds.
func TestBlocksAreAPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := drawBlocks(t)
		shuffle := rapid.Bool().Draw(t, "shuffle")
		o := NewBlocks("digest", rapid.Uint64().Draw(t, "seed"), 3, blocks, shuffle)
		type place struct {
			block int
			row   int64
		}
		seen := map[place]bool{}
		last := place{0, -1}
		for i := range o.Rows() {
			b, r := o.At(i)
			if b < 0 || b >= len(blocks) || r < 0 || r >= blocks[b].Rows || seen[place{b, r}] {
				t.Fatalf("index %d is block %d row %d of %v, seen before: %v", i, b, r, blocks,
					seen[place{b, r}])
			}
			if !shuffle && !(b == last.block && r == last.row+1 || b == last.block+1 && r == 0) {
				t.Fatalf("file order: %v after %v", place{b, r}, last)
			}
			seen[place{b, r}], last = true, place{b, r}
		}
		var rows int64
		for _, b := range blocks {
			rows += b.Rows
		}
		if int64(len(seen)) != rows {
			t.Fatalf("%d of %d rows", len(seen), rows)
		}
	})
}

// TestWindowsBoundWhatIsHeld: while a window lasts, only its blocks are read, and they are few.
func TestWindowsBoundWhatIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := drawBlocks(t)
		o := NewBlocks("digest", 1, 0, blocks, true)
		index, used := int64(0), map[int]bool{}
		for w := range len(o.windows) - 1 {
			var tokens int64
			held := map[int]bool{}
			for end := o.starts[o.windows[w+1]]; index < end; index++ {
				b, _ := o.At(index)
				if used[b] {
					t.Fatalf("block %d is in two windows", b)
				}
				if !held[b] {
					held[b] = true
					tokens += blocks[b].Tokens
				}
			}
			if len(held) > WindowBlocks || len(held) > 1 && tokens > WindowTokens {
				t.Fatalf("window %d holds %d blocks of %d tokens", w, len(held), tokens)
			}
			for b := range held {
				used[b] = true
			}
		}
	})
}

// TestBlocksDependOnAllValues: another digest, seed or epoch is another order.
func TestBlocksDependOnAllValues(t *testing.T) {
	var blocks []Block
	for range 100 {
		blocks = append(blocks, Block{10, 100})
	}
	text := func(o *Blocks) (s string) {
		for i := range o.Rows() {
			b, r := o.At(i)
			s += string(rune(b*10 + int(r) + 1))
		}
		return s
	}
	first := text(NewBlocks("d", 1, 1, blocks, true))
	if first != text(NewBlocks("d", 1, 1, blocks, true)) {
		t.Error("the order is no function of its values")
	}
	for what, o := range map[string]*Blocks{
		"digest": NewBlocks("e", 1, 1, blocks, true), "seed": NewBlocks("d", 2, 1, blocks, true),
		"epoch": NewBlocks("d", 1, 2, blocks, true), "file order": NewBlocks("d", 1, 1, blocks, false),
	} {
		if first == text(o) {
			t.Errorf("another %s gives the same order", what)
		}
	}
}

// TestOrderIsPinned holds the order of version 2: a change to it would break resuming.
func TestOrderIsPinned(t *testing.T) {
	o := NewBlocks("digest", 7, 1, []Block{{3, 9}, {2, 4}, {4, 1 << 25}, {1, 1}}, true)
	var got [][2]int64
	for i := range o.Rows() {
		b, r := o.At(i)
		got = append(got, [2]int64{int64(b), r})
	}
	want := [][2]int64{
		{2, 2}, {2, 3}, {2, 0}, {2, 1}, {0, 0}, {0, 1}, {0, 2}, {1, 0}, {3, 0}, {1, 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
