package ipc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec opens a decompressor of a buffer's content.
type codec func(content []byte) (io.Reader, func(), error)

// codecOf returns a codec by its number in a batch.
func codecOf(n byte) (codec, error) {
	switch n {
	case 0:
		return func(content []byte) (io.Reader, func(), error) {
			return lz4.NewReader(bytes.NewReader(content)), func() {}, nil
		}, nil
	case 1:
		return openZstd, nil
	}
	return nil, fmt.Errorf("%w: compression %d", ErrMalformed, n)
}

func openZstd(content []byte) (io.Reader, func(), error) {
	d, err := zstd.NewReader(bytes.NewReader(content), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(DefaultMessage))
	if err != nil {
		return nil, nil, err
	}
	return d, d.Close, nil
}

// decompress reads a compressed buffer: its length (int64, -1: stored as it is), then its content.
func (l *loader) decompress(data []byte) (*memory.Buffer, error) {
	const prefix = 8
	if len(data) < prefix {
		return nil, fmt.Errorf("%w: a compressed buffer of %d bytes", ErrMalformed, len(data))
	}
	n := int64(binary.LittleEndian.Uint64(data))
	stored := n == -1
	if stored {
		n = int64(len(data) - prefix)
	}
	if n < 0 || n > l.room {
		return nil, fmt.Errorf("%w: a buffer of %d bytes when decompressed", ErrTooLarge, n)
	}
	l.room -= n
	var r io.Reader = bytes.NewReader(data[prefix:])
	if !stored {
		opened, closed, err := l.codec(data[prefix:])
		if err != nil {
			return nil, err
		}
		defer closed()
		r = opened
	}
	return readGrowing(r, l.r.o.Allocator, n)
}
