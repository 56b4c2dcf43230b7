// Package inflate reads compressed files, one stream at a time and in bounded memory.
package inflate

import (
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// mostWindow is the most memory, in bytes, that a zstd file may ask for.
const mostWindow = 1 << 30

// forms is the table of compressed files, by the end of their names.
var forms = []struct {
	suffix string
	open   func(io.Reader) (io.ReadCloser, error)
}{
	{".gz", Gzip}, {".zst", Zstd},
}

// Is reports whether a file of that name is compressed.
func Is(name string) bool { return Plain(name) != name }

// Plain is a file's name without the ends that say how it is compressed.
func Plain(name string) string {
	for _, f := range forms {
		name = strings.TrimSuffix(name, f.suffix)
	}
	return name
}

// Reader returns the content of a file of that name, of which r is the stored form; r stays the
// caller's to close.
func Reader(name string, r io.Reader) (io.ReadCloser, error) {
	for _, f := range forms {
		if strings.HasSuffix(name, f.suffix) {
			return f.open(r)
		}
	}
	return io.NopCloser(r), nil
}

// Gzip returns the content of a gzip stream.
func Gzip(r io.Reader) (io.ReadCloser, error) {
	d, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Zstd returns the content of a zstd stream, decoded by the caller's goroutine.
func Zstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}
