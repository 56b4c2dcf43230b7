package inflate

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// TestReader reads every form back, and no stream that was cut off as a whole one.
func TestReader(t *testing.T) {
	const text = "Call me Ishmael. Some years ago, never mind how long precisely."
	writers := map[string]func(io.Writer) io.WriteCloser{
		"a.txt": func(w io.Writer) io.WriteCloser { return nopCloser{w} },
		"a.gz":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"a.txt.zst": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	}
	for name, open := range writers {
		var stored bytes.Buffer
		w := open(&stored)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := content(name, stored.Bytes()); err != nil || got != text {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if !Is(name) {
			continue
		}
		if Plain(name) != name[:strings.LastIndex(name, ".")] {
			t.Errorf("%s: plain name %s", name, Plain(name))
		}
		if got, err := content(name, stored.Bytes()[:stored.Len()-5]); err == nil {
			t.Errorf("%s: cut off, it reads as %q", name, got)
		}
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func content(name string, stored []byte) (string, error) {
	r, err := Reader(name, bytes.NewReader(stored))
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	return string(data), r.Close()
}
