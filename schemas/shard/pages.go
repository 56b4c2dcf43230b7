package shard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// errPages reports a row group that is not laid out as this project writes it.
var errPages = errors.New("damaged row group")

// page is one page of a column chunk, compressed.
type page struct {
	header format.PageHeader
	data   []byte
}

// v2 is the header of a data page.
func (p *page) v2() *format.DataPageHeaderV2 { return &p.header.DataPageHeaderV2.V }

// chunk is a column chunk: its pages, and how many values they have at most.
type chunk struct {
	dictionary *page
	pages      []page
	values     int64 // empty lists count as one
}

// splitChunks cuts a row group of rows rows into its column chunks. They need no index: data pages
// count their rows, and a chunk ends with the row group's last.
func splitChunks(data []byte, columns int, rows int64) ([]chunk, error) {
	chunks := make([]chunk, columns)
	r := bytes.NewReader(data)
	protocol := &thrift.CompactProtocol{}
	for c := range chunks {
		for left := rows; left > 0; {
			p, err := nextPage(data, r, protocol)
			if err != nil {
				return nil, fmt.Errorf("column %d: %w", c, err)
			}
			switch p.header.Type {
			case format.DictionaryPage:
				chunks[c].dictionary = &p
			case format.DataPageV2:
				h := p.v2()
				if h.NumRows <= 0 || int64(h.NumRows) > left || h.NumValues < h.NumRows {
					return nil, fmt.Errorf("%w: column %d: a page of %d rows and %d values, %d rows are left",
						errPages, c, h.NumRows, h.NumValues, left)
				}
				left -= int64(h.NumRows)
				chunks[c].pages = append(chunks[c].pages, p)
				chunks[c].values += int64(h.NumValues)
			default:
				return nil, fmt.Errorf("%w: column %d: a page of type %v", errPages, c, p.header.Type)
			}
		}
	}
	if r.Len() != 0 {
		return nil, fmt.Errorf("%w: %d bytes after its last page", errPages, r.Len())
	}
	return chunks, nil
}

// nextPage reads a page's header and takes its bytes.
func nextPage(data []byte, r *bytes.Reader, protocol thrift.Protocol) (p page, err error) {
	err = guard(func() error {
		return thrift.NewDecoder(protocol.NewReader(r)).Decode(&p.header)
	})
	if err != nil {
		return p, fmt.Errorf("%w: a page's header: %w", errPages, err)
	}
	at, size := len(data)-r.Len(), int(p.header.CompressedPageSize)
	if size < 0 || size > r.Len() || p.header.UncompressedPageSize < 0 {
		return p, fmt.Errorf("%w: a page of %d bytes, %d are left", errPages, size, r.Len())
	}
	p.data = data[at : at+size]
	_, err = r.Seek(int64(size), 1)
	return p, err
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
	h := p.v2()
	n := int(p.header.UncompressedPageSize) - int(h.RepetitionLevelsByteLength) -
		int(h.DefinitionLevelsByteLength)
	if h.RepetitionLevelsByteLength < 0 || h.DefinitionLevelsByteLength < 0 || n < 0 {
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
	h := p.v2()
	levels := int(h.RepetitionLevelsByteLength) + int(h.DefinitionLevelsByteLength)
	if levels > len(p.data) {
		return fmt.Errorf("%w: levels of %d bytes in a page of %d", errPages, levels, len(p.data))
	}
	compressed := !h.IsCompressed.Valid || h.IsCompressed.V
	return d.unpack(dst, p.data[levels:], compressed)
}

// dictionaryValues decompresses a dictionary page.
func (d *decoder) dictionaryValues(p *page) ([]byte, error) {
	n := int(p.header.UncompressedPageSize)
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
	h := p.v2()
	n, cut := int(h.NumValues), int(h.RepetitionLevelsByteLength)
	end := cut + int(h.DefinitionLevelsByteLength)
	if end > len(p.data) {
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
	if err == nil && len(offsets)-first != int(h.NumRows) {
		err = fmt.Errorf("%w: %d rows in a page of %d", errPages, len(offsets)-first, h.NumRows)
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

// texts decodes n texts of a page into the decoder's buffers: their bytes, and n+1 offsets.
func (d *decoder) texts(data []byte, encoding format.Encoding, n int) (err error) {
	switch encoding {
	case format.DeltaLengthByteArray:
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
