package shard

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// errPages reports a row group that is not laid out as this project writes it.
var errPages = errors.New("damaged row group")

// page is one page of a column chunk, compressed.
type page struct {
	pageHeader
	data []byte
}

// chunk is a column chunk: its pages.
type chunk struct {
	dictionary *page
	pages      []page
}

// splitChunks cuts a row group of rows rows into its column chunks. They need no index: data pages
// count their rows, and a chunk ends with the row group's last. Chunks that follow hold derived columns
// and are not read.
func splitChunks(data []byte, columns int, rows int64) ([]chunk, error) {
	chunks := make([]chunk, columns)
	for c := range chunks {
		for left := rows; left > 0; {
			p, rest, err := nextPage(data)
			if err != nil {
				return nil, fmt.Errorf("column %d: %w", c, err)
			}
			data = rest
			switch p.kind {
			case format.DictionaryPage:
				chunks[c].dictionary = &p
			case format.DataPageV2:
				if p.rows <= 0 || int64(p.rows) > left || p.values < p.rows {
					return nil, fmt.Errorf("%w: column %d: a page of %d rows and %d values, %d rows are left",
						errPages, c, p.rows, p.values, left)
				}
				left -= int64(p.rows)
				chunks[c].pages = append(chunks[c].pages, p)
			default:
				return nil, fmt.Errorf("%w: column %d: a page of type %v", errPages, c, p.kind)
			}
		}
	}
	return chunks, nil
}

// nextPage takes the page that data begins with.
func nextPage(data []byte) (p page, rest []byte, err error) {
	if p.pageHeader, rest, err = readPageHeader(data); err != nil {
		return p, nil, fmt.Errorf("%w: a page's header: %w", errPages, err)
	}
	size := int(p.compressed)
	if size < 0 || size > len(rest) || p.uncompressed < 0 || p.values < 0 {
		return p, nil, fmt.Errorf("%w: a page of %d bytes, %d are left", errPages, size, len(rest))
	}
	p.data = rest[:size]
	return p, rest[size:], nil
}

// decoder decodes row groups one after another; it keeps its buffers.
type decoder struct {
	zstd   *zstd.Decoder
	values []byte
	levels levels
	text   []byte
	ends   []uint32
}

func newDecoder() (*decoder, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	return &decoder{zstd: z}, err
}

func (d *decoder) close() { d.zstd.Close() }

// valueBytes returns the size of a data page's values before compression.
func (p *page) valueBytes() (int, error) {
	n := int(p.uncompressed) - int(p.repetition) - int(p.definition)
	if p.repetition < 0 || p.definition < 0 || n < 0 {
		return 0, fmt.Errorf("%w: a page of %d bytes, levels apart", errPages, n)
	}
	return n, checkPageSize(n, len(p.data))
}

// unpack decompresses data, which has size bytes then, into dst.
func (d *decoder) unpack(dst, data []byte, compressed bool) error {
	if !compressed {
		if len(data) != len(dst) {
			return fmt.Errorf("%w: a page of %d bytes, %d were announced", errPages, len(data), len(dst))
		}
		copy(dst, data)
		return nil
	}
	if len(data) == 0 && len(dst) == 0 {
		return nil
	}
	out, err := d.zstd.DecodeAll(data, dst[:0:len(dst)])
	if err == nil && len(out) != len(dst) {
		err = fmt.Errorf("%d bytes, %d were announced", len(out), len(dst))
	}
	if err != nil {
		return fmt.Errorf("%w: a page: %w", errPages, err)
	}
	return nil
}

// pageValues decompresses a data page's values into the decoder's buffer.
func (d *decoder) pageValues(p *page) ([]byte, error) {
	n, err := p.valueBytes()
	if err != nil {
		return nil, err
	}
	d.values = grown(d.values, n)
	return d.values, d.unpackValues(d.values, p)
}

// mostPage bounds what a page claims to hold, in bytes: a row's tokens lie in one page.
const mostPage = 1<<31 - 1

// mostRatio is the most that zstd makes of a byte: four bytes may stand for 128 KiB (RFC 8878, 3.1.1.2,
// an RLE block).
const mostRatio = 128 << 10 / 4

func checkPageSize(n, compressed int) error {
	if n < 0 || n > mostPage || n > mostRatio*compressed {
		return fmt.Errorf("%w: a page of %d bytes in %d", errPages, n, compressed)
	}
	return nil
}

func (d *decoder) unpackValues(dst []byte, p *page) error {
	levels := int(p.repetition) + int(p.definition)
	if levels > len(p.data) {
		return fmt.Errorf("%w: levels of %d bytes in a page of %d", errPages, levels, len(p.data))
	}
	return d.unpack(dst, p.data[levels:], !p.stored)
}

// dictionaryValues decompresses a dictionary page.
func (d *decoder) dictionaryValues(p *page) ([]byte, error) {
	n := int(p.uncompressed)
	if err := checkPageSize(n, len(p.data)); err != nil {
		return nil, err
	}
	data := make([]byte, n)
	return data, d.unpack(data, p.data, true)
}

func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, 2*cap(s)))
	}
	return s[:n]
}

// levels are those of a page of lists: where rows begin and which are empty.
type levels struct{ repetition, definition []uint8 }

// starts appends to offsets the number of values before each row of a page, counted on from before,
// and returns the number of values after it. Lists are never null, so a definition level of 0 is an
// empty list.
func (d *decoder) starts(offsets []int32, p *page, before int64) ([]int32, int64, error) {
	n, cut := int(p.values), int(p.repetition)
	end := cut + int(p.definition)
	if cut < 0 || end < cut || end > len(p.data) {
		return nil, 0, fmt.Errorf("%w: levels of %d bytes in a page of %d", errPages, end, len(p.data))
	}
	repetition, definition := p.data[:cut], p.data[cut:end]
	first := len(offsets)
	var err error
	if allOnes(definition, n) {
		offsets, err = rowStarts(offsets, repetition, n, before)
		before += int64(n)
	} else {
		offsets, before, err = d.mixedStarts(offsets, repetition, definition, n, before)
	}
	if err == nil && len(offsets)-first != int(p.rows) {
		err = fmt.Errorf("%w: %d rows in a page of %d", errPages, len(offsets)-first, p.rows)
	}
	if before > mostPage {
		err = fmt.Errorf("%w: more than %d values", errPages, mostPage)
	}
	return offsets, before, err
}

// allOnes reports whether levels are one run of n ones.
func allOnes(data []byte, n int) bool {
	header, k := binary.Uvarint(data)
	return k > 0 && header == uint64(n)<<1 && len(data) == k+1 && data[k] == 1
}

// rowStarts appends the places of the zeros among n repetition levels (RLE and bit-packed runs of one
// bit), plus before.
func rowStarts(offsets []int32, data []byte, n int, before int64) ([]int32, error) {
	at := 0
	for at < n {
		header, k := binary.Uvarint(data)
		if k <= 0 {
			return nil, fmt.Errorf("%w: repetition levels end after %d of %d", errPages, at, n)
		}
		data = data[k:]
		count := int(min(header>>1, mostPage))
		if header&1 == 0 {
			if len(data) == 0 || count == 0 {
				return nil, fmt.Errorf("%w: an empty run of levels", errPages)
			}
			count = min(count, n-at)
			if data[0]&1 == 0 {
				for i := range count {
					offsets = append(offsets, int32(before+int64(at+i)))
				}
			}
			data, at = data[1:], at+count
			continue
		}
		if count == 0 || count > len(data) {
			return nil, fmt.Errorf("%w: a run of %d bytes of levels, %d are left", errPages, count, len(data))
		}
		for _, b := range data[:count] {
			for i := 0; b != 0xff && i < 8 && at+i < n; i++ {
				if b>>i&1 == 0 {
					offsets = append(offsets, int32(before+int64(at+i)))
				}
			}
			at += 8
		}
		data = data[count:]
	}
	return offsets, nil
}

// mixedStarts is starts for pages with empty lists.
func (d *decoder) mixedStarts(offsets []int32, repetition, definition []byte, n int, before int64) (
	[]int32, int64, error) {
	bit := rle.Encoding{BitWidth: 1}
	var err error
	l := &d.levels
	if err := errors.Join(checkRuns(repetition, 1, n), checkRuns(definition, 1, n)); err != nil {
		return nil, 0, err
	}
	err = guard(func() error {
		if l.repetition, err = bit.DecodeLevels(l.repetition[:0], repetition); err != nil {
			return err
		}
		l.definition, err = bit.DecodeLevels(l.definition[:0], definition)
		return err
	})
	if err != nil || len(l.repetition) < n || len(l.definition) < n {
		return nil, 0, fmt.Errorf("%w: %d and %d levels of %d: %w", errPages, len(l.repetition),
			len(l.definition), n, err)
	}
	for i, r := range l.repetition[:n] {
		if r == 0 {
			offsets = append(offsets, int32(before))
		}
		before += int64(l.definition[i])
	}
	return offsets, before, nil
}

// checkRuns requires that runs of values of width bits (RLE and bit-packed) hold n of them, or as many
// more as fill the last run, before a library allocates what they claim.
func checkRuns(data []byte, width, n int) error {
	const group = 8 // values of a bit-packed run come by eights
	total := uint64(0)
	for len(data) > 0 && total < uint64(n) {
		header, k := binary.Uvarint(data)
		if k <= 0 || header>>1 > uint64(n)+group {
			return fmt.Errorf("%w: a run of %d in a page of %d", errPages, header>>1, n)
		}
		size := (width + 7) / 8
		count := header >> 1
		if header&1 == 1 {
			size, count = int(count)*width, count*group
		}
		if size > len(data)-k || count >= uint64(n)-total+group {
			return fmt.Errorf("%w: a run of %d in %d bytes, %d values are left", errPages, count,
				len(data)-k, uint64(n)-total)
		}
		data, total = data[k+size:], total+count
	}
	if len(data) > 0 || total < uint64(n) {
		return fmt.Errorf("%w: runs of %d values and %d bytes more, want %d", errPages, total, len(data), n)
	}
	return nil
}

// checkDelta requires that delta-packed numbers say that they are n.
func checkDelta(data []byte, n int) error {
	var header [3]uint64 // block size, blocks in it, number of values
	for i := range header {
		v, k := binary.Uvarint(data)
		if k <= 0 {
			return fmt.Errorf("%w: delta-packed numbers without a header", errPages)
		}
		header[i], data = v, data[k:]
	}
	const mostBlock = 1 << 16
	if header[2] != uint64(n) || header[0] > mostBlock || header[1] > mostBlock {
		return fmt.Errorf("%w: %d delta-packed numbers of %d, in blocks of %d", errPages, header[2], n,
			header[0])
	}
	return nil
}

// texts decodes n texts of a page into the decoder's buffers: their bytes, and n+1 offsets.
func (d *decoder) texts(data []byte, encoding format.Encoding, n int) (err error) {
	switch encoding {
	case format.DeltaLengthByteArray:
		if err := checkDelta(data, n); err != nil {
			return err
		}
		err = guard(func() (err error) {
			e := delta.LengthByteArrayEncoding{}
			d.text, d.ends, err = e.DecodeByteArray(d.text, data, d.ends)
			return err
		})
	case format.Plain:
		err = d.plainTexts(data, n)
	default:
		err = fmt.Errorf("texts encoded as %v", encoding)
	}
	if err == nil && len(d.ends) != n+1 {
		err = fmt.Errorf("%d texts of %d", len(d.ends)-1, n)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errPages, err)
	}
	return nil
}

func (d *decoder) plainTexts(data []byte, n int) error {
	d.text, d.ends = d.text[:0], append(d.ends[:0], 0)
	for range n {
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return errors.New("a text is longer than its page")
		}
		size := binary.LittleEndian.Uint32(data)
		d.text = append(d.text, data[4:4+size]...)
		d.ends = append(d.ends, uint32(len(d.text)))
		data = data[4+size:]
	}
	return nil
}

// indices decodes n places in a dictionary of size values.
func (d *decoder) indices(data []byte, n, size int) ([]int32, error) {
	if len(data) == 0 && n == 0 {
		return nil, nil
	}
	var out []int32
	err := errors.New("no bit width")
	if len(data) > 0 && data[0] <= 32 {
		if err := checkRuns(data[1:], int(data[0]), n); err != nil {
			return nil, err
		}
		err = guard(func() (err error) {
			e := rle.Encoding{BitWidth: int(data[0])}
			out, err = e.DecodeInt32(nil, data[1:])
			return err
		})
	}
	if err == nil && len(out) < n {
		err = fmt.Errorf("%d of %d", len(out), n)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: places in a dictionary: %w", errPages, err)
	}
	for _, i := range out[:n] {
		if i < 0 || int(i) >= size {
			return nil, fmt.Errorf("%w: place %d in a dictionary of %d", errPages, i, size)
		}
	}
	return out[:n], nil
}
