package compare

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"longlora/schemas"
	"longlora/schemas/shard"
)

// parts is the number of files that a split's rows are dealt to by their hash, so that one of them fits
// in memory: 2.4 MB and a slice header an entry for each 25 million rows.
const parts = 256

// hashBytes of a row's SHA-256 and its place make an entry.
const (
	hashBytes  = 16
	entryBytes = hashBytes + 8
)

// compareSplit matches the rows of one split.
func compareSplit(ctx context.Context, a, b *shard.Dataset, split, scratch string) (_ Rows, err error) {
	dir, err := os.MkdirTemp(scratch, "diff-*")
	if err != nil {
		return Rows{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var orders [2][sha256.Size]byte
	for side, d := range []*shard.Dataset{a, b} {
		if orders[side], err = deal(ctx, d, split, dir, side); err != nil {
			return Rows{}, err
		}
	}
	r := Rows{Split: split, FirstA: -1, FirstB: -1}
	for part := range parts {
		x, err := readPart(dir, 0, part)
		if err != nil {
			return r, err
		}
		y, err := readPart(dir, 1, part)
		if err != nil {
			return r, err
		}
		r.match(x, y)
	}
	r.Moved = r.OnlyA == 0 && r.OnlyB == 0 && orders[0] != orders[1]
	return r, nil
}

// deal hashes a split's rows and writes an entry for each; it returns the hash of their order.
func deal(ctx context.Context, d *shard.Dataset, split, dir string, side int) (
	order [sha256.Size]byte, err error) {
	var files [parts]*os.File
	var writers [parts]*bufio.Writer
	defer func() {
		for _, f := range files {
			if f != nil {
				err = errors.Join(err, f.Close())
			}
		}
	}()
	all, place := sha256.New(), int64(0)
	err = eachRow(d, split, func(row any) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := json.Marshal(row)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		all.Write(sum[:])
		entry := binary.BigEndian.AppendUint64(sum[:hashBytes:hashBytes], uint64(place))
		place++
		part := sum[0]
		if files[part] == nil {
			if files[part], err = os.Create(partName(dir, side, int(part))); err != nil {
				return err
			}
			writers[part] = bufio.NewWriterSize(files[part], 4096)
		}
		_, err = writers[part].Write(entry)
		return err
	})
	for _, w := range writers {
		if w != nil {
			err = errors.Join(err, w.Flush())
		}
	}
	all.Sum(order[:0])
	return order, err
}

func partName(dir string, side, part int) string {
	return filepath.Join(dir, strconv.Itoa(side)+"-"+strconv.Itoa(part))
}

// eachRow streams a split's rows, whatever their kind.
func eachRow(d *shard.Dataset, split string, f func(row any) error) error {
	switch d.Manifest().Kind {
	case schemas.KindDocument:
		return rowsOf[schemas.Document](d, split, f)
	case schemas.KindExample:
		return rowsOf[schemas.Example](d, split, f)
	}
	return rowsOf[schemas.Sequence](d, split, f)
}

func rowsOf[T shard.Row](d *shard.Dataset, split string, f func(row any) error) error {
	for row, err := range shard.Rows[T](d, split) {
		if err == nil {
			err = f(&row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readPart returns the entries of a part, sorted: none where no row was dealt to it.
func readPart(dir string, side, part int) (entries [][]byte, err error) {
	f, err := os.Open(partName(dir, side, part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	for len(data) >= entryBytes {
		entries = append(entries, data[:entryBytes])
		data = data[entryBytes:]
	}
	slices.SortFunc(entries, bytes.Compare)
	return entries, err
}

// match counts the entries of two sorted parts.
func (r *Rows) match(x, y [][]byte) {
	for len(x) > 0 || len(y) > 0 {
		order := 0
		switch {
		case len(x) == 0:
			order = 1
		case len(y) == 0:
			order = -1
		default:
			order = bytes.Compare(x[0][:hashBytes], y[0][:hashBytes])
		}
		if order <= 0 {
			if order < 0 {
				r.OnlyA++
				first(&r.FirstA, x[0])
			}
			x = x[1:]
		}
		if order >= 0 {
			if order > 0 {
				r.OnlyB++
				first(&r.FirstB, y[0])
			} else {
				r.Both++
			}
			y = y[1:]
		}
	}
}

// first keeps the least place.
func first(place *int64, entry []byte) {
	p := int64(binary.BigEndian.Uint64(entry[hashBytes:]))
	if *place < 0 || p < *place {
		*place = p
	}
}
