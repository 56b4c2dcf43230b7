package order

import (
	"fmt"
	"sort"
)

// Block is a row group: Rows of them with Tokens tokens together.
type Block struct{ Rows, Tokens int64 }

// WindowTokens is the number of tokens that the blocks of a window have at most, unless one block has
// more. With at most WindowBlocks blocks, this bounds what a reader holds.
const WindowTokens = 16 << 20

// Blocks is the order of one epoch over given blocks. It may be used concurrently.
type Blocks struct {
	keys    Order
	sizes   []Block
	sorted  []int64 // the blocks in the order of the epoch
	starts  []int64 // index of the first row of each of them, and the number of rows
	windows []int   // place in sorted of each window's first block, and the number of blocks
}

// NewBlocks returns the order of an epoch over blocks; without shuffle it is the file order. It
// computes a table with an entry a block and reads nothing.
func NewBlocks(digest string, seed uint64, epoch int64, blocks []Block, shuffle bool) *Blocks {
	o := &Blocks{sizes: blocks, keys: Order{shuffle: shuffle, digest: digest, seed: seed, epoch: epoch}}
	key, n := o.keys.key("blocks of groups", 0), int64(len(blocks))
	index := int64(0)
	room := int64(-1)
	for i := range n {
		b := i
		if shuffle {
			b = permute(i, n, key)
		}
		room -= blocks[b].Tokens
		if w := len(o.windows); w == 0 || room < 0 || int(i)-o.windows[w-1] == WindowBlocks {
			o.windows = append(o.windows, int(i))
			room = WindowTokens - blocks[b].Tokens
		}
		o.sorted, o.starts = append(o.sorted, b), append(o.starts, index)
		index += blocks[b].Rows
	}
	o.starts, o.windows = append(o.starts, index), append(o.windows, int(n))
	return o
}

// Rows returns the number of rows.
func (o *Blocks) Rows() int64 { return o.starts[len(o.starts)-1] }

// At returns the block of the row at index, in [0, Rows), and its place in the block. It panics
// outside.
func (o *Blocks) At(index int64) (block int, row int64) {
	if index < 0 || index >= o.Rows() {
		panic(fmt.Sprintf("order: index %d outside [0, %d)", index, o.Rows()))
	}
	if o.keys.shuffle {
		window := sort.Search(len(o.windows)-1, func(w int) bool {
			return o.starts[o.windows[w+1]] > index
		})
		first := o.starts[o.windows[window]]
		size := o.starts[o.windows[window+1]] - first
		index = first + permute(index-first, size, o.keys.key("window of groups", int64(window)))
	}
	k := sort.Search(len(o.sorted), func(k int) bool { return o.starts[k+1] > index })
	return int(o.sorted[k]), index - o.starts[k]
}
