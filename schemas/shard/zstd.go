package shard

import (
	"github.com/klauspost/compress/zstd"
	parquetzstd "github.com/parquet-go/parquet-go/compress/zstd"
)

// zstdWindow is how far back a compressed page refers. Pages are about 256 KiB, those of long texts
// as long as the text.
const zstdWindow = 1 << 20

// zstdCodec compresses with one encoder of bounded memory; the library's keeps a pool of encoders
// with 16 MiB each. It may be used concurrently, one page at a time.
type zstdCodec struct {
	parquetzstd.Codec
	encoder *zstd.Encoder
}

func newZstdCodec() (*zstdCodec, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow),
		zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
	return &zstdCodec{encoder: e}, err
}

// Encode implements compress.Codec.
func (c *zstdCodec) Encode(dst, src []byte) ([]byte, error) {
	return c.encoder.EncodeAll(src, dst[:0]), nil
}
