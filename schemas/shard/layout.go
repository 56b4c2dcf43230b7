package shard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"

	"github.com/parquet-go/parquet-go/format"

	"longlora/schemas"
	"longlora/schemas/order"
)

// groupKey names a row group: the number of its file among those of the split, and its own.
type groupKey struct{ file, group int }

// layout knows where the rows of a split lie: from the manifest, or for a dataset of version 1 from
// the files, each opened when its first row is needed. Methods may be called concurrently.
type layout struct {
	d      *Dataset
	files  []*layoutFile
	rows   *order.Order  // version 1
	blocks *order.Blocks // since version 2
	keys   []groupKey    // of blocks
}

type layoutFile struct {
	file  schemas.File
	first int64 // row of the split

	mu      sync.Mutex
	open    File
	blocks  []schemas.Block
	starts  []int64 // row of the file that begins each block, and the number of rows
	offsets []int64 // byte of the file that begins each block
}

func newLayout(d *Dataset, o SequenceOptions) *layout {
	l := &layout{d: d}
	var first int64
	var all []order.Block
	for _, f := range d.manifest.Files {
		if o.Split != "" && f.Split != o.Split {
			continue
		}
		file := &layoutFile{file: f, first: first}
		first += f.Rows
		if d.manifest.SchemaVersion > 1 {
			offset := int64(magicBytes)
			for i, b := range f.Blocks {
				all = append(all, order.Block{Rows: b.Rows, Tokens: b.Tokens})
				l.keys = append(l.keys, groupKey{len(l.files), i})
				file.offsets = append(file.offsets, offset)
				offset += b.Bytes
			}
			file.setBlocks(f.Blocks)
		}
		l.files = append(l.files, file)
	}
	if d.manifest.SchemaVersion > 1 {
		l.blocks = order.NewBlocks(d.manifest.Digest, o.Seed, o.Epoch, all, o.Shuffle)
	} else {
		l.rows = order.New(d.manifest.Digest, o.Seed, o.Epoch, first, o.Shuffle)
	}
	return l
}

func (f *layoutFile) setBlocks(blocks []schemas.Block) {
	row := int64(0)
	for _, b := range blocks {
		f.starts = append(f.starts, row)
		row += b.Rows
	}
	f.blocks, f.starts = blocks, append(f.starts, row)
}

// at returns the row group of an index of the epoch, and the row's place in it.
func (l *layout) at(ctx context.Context, index int64) (groupKey, int64, error) {
	if l.blocks != nil {
		b, row := l.blocks.At(index)
		return l.keys[b], row, nil
	}
	row := l.rows.At(index)
	n := sort.Search(len(l.files), func(n int) bool {
		return l.files[n].first+l.files[n].file.Rows > row
	})
	f := l.files[n]
	row -= f.first
	if err := l.index(ctx, f); err != nil {
		return groupKey{}, 0, fmt.Errorf("%s: %w", f.file.Path, err)
	}
	g := sort.Search(len(f.blocks), func(g int) bool { return f.starts[g+1] > row })
	return groupKey{n, g}, row - f.starts[g], nil
}

// known is at's row group where no file has to be opened for it.
func (l *layout) known(index int64) (groupKey, bool) {
	if l.blocks == nil {
		return groupKey{}, false
	}
	b, _ := l.blocks.At(index)
	return l.keys[b], true
}

// index reads the row groups of a file of version 1 once its hash was found right.
func (l *layout) index(ctx context.Context, f *layoutFile) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.starts != nil {
		return nil
	}
	p, err := l.d.open(ctx, f.file)
	if err != nil {
		return err
	}
	var blocks []schemas.Block
	var rows int64
	for i, g := range p.Metadata().RowGroups {
		begin, bytes := groupExtent(g)
		if begin < magicBytes || bytes < 0 || bytes > f.file.Bytes-begin || g.NumRows <= 0 {
			return errors.Join(fmt.Errorf("row group %d is damaged; rebuild the dataset", i), p.Close())
		}
		f.offsets = append(f.offsets, begin)
		blocks = append(blocks, schemas.Block{
			Rows: g.NumRows, Tokens: g.TotalByteSize / 4, Bytes: bytes,
		})
		rows += g.NumRows
	}
	if rows != f.file.Rows {
		return errors.Join(fmt.Errorf("has %d rows, the manifest says %d; rebuild the dataset", rows,
			f.file.Rows), p.Close())
	}
	f.open = p.file
	f.setBlocks(blocks)
	return nil
}

// groupExtent returns where a row group begins in its file, and its length in bytes.
func groupExtent(g format.RowGroup) (begin, size int64) {
	begin = math.MaxInt64
	for _, c := range g.Columns {
		m := c.MetaData
		begin = min(begin, m.DataPageOffset)
		if m.DictionaryPageOffset > 0 {
			begin = min(begin, m.DictionaryPageOffset)
		}
		size += m.TotalCompressedSize
	}
	return begin, size
}

func (l *layout) name(k groupKey) string         { return l.files[k.file].file.Path }
func (l *layout) block(k groupKey) schemas.Block { return l.files[k.file].blocks[k.group] }
func (l *layout) size(k groupKey) (estimate int64) {
	b := l.block(k)
	return recordBytes(b.Rows, b.Tokens)
}

// read returns a row group's bytes, by one read, after their hash was found right.
func (l *layout) read(ctx context.Context, k groupKey) ([]byte, error) {
	f := l.files[k.file]
	b := f.blocks[k.group]
	data, err := f.read(ctx, l.d, b, f.offsets[k.group])
	if err != nil || b.SHA256 == "" {
		return data, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != b.SHA256 {
		return nil, fmt.Errorf("sha256 is %.12s…, the manifest says %.12s…: the content changed; copy "+
			"the file again or rebuild", hex.EncodeToString(sum[:]), b.SHA256)
	}
	return data, nil
}

// read reads a block, through the open file unless its place has a shorter way.
func (f *layoutFile) read(ctx context.Context, d *Dataset, b schemas.Block, offset int64) ([]byte,
	error) {
	if r, ok := d.files.(BlockReader); ok && b.SHA256 != "" {
		return r.ReadBlock(ctx, f.file.Path, offset, b)
	}
	file, err := f.opened(ctx, d)
	if err != nil {
		return nil, err
	}
	data := make([]byte, b.Bytes)
	if n, err := file.ReadAt(data, offset); n < len(data) {
		return nil, fmt.Errorf("%w; copy the file again or rebuild", err)
	}
	return data, nil
}

// opened opens a file at its first use.
func (f *layoutFile) opened(ctx context.Context, d *Dataset) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open != nil {
		return f.open, nil
	}
	file, err := d.files.Open(ctx, f.file.Path)
	if err != nil {
		return nil, err
	}
	if err := checkSize(f.file, file.Size()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	f.open = file
	return file, nil
}

// close closes the files, which were only read.
func (l *layout) close() {
	for _, f := range l.files {
		if f.open != nil {
			f.open.Close() //nolint:errcheck // only read
		}
	}
}
