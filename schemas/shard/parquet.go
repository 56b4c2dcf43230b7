package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// openParquet opens a file, unless it is damaged or compressed in a way that is not read rightly.
func openParquet(file io.ReaderAt, size int64) (p *parquet.File, err error) {
	if err := checkFooter(file, size); err != nil {
		return nil, err
	}
	err = guard(func() (err error) {
		p, err = parquet.OpenFile(file, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, g := range p.Metadata().RowGroups {
		for _, c := range g.Columns {
			if c.MetaData.Codec == format.Lz4Raw { // the library decodes it wrongly, without an error
				return nil, fmt.Errorf("column %s is compressed with LZ4_RAW, which is not read; write it "+
					"with zstd", strings.Join(c.MetaData.PathInSchema, "."))
			}
		}
	}
	return p, nil
}

// footerBytes are the length of the metadata and the magic bytes at a file's end.
const footerBytes = 8

// checkFooter looks at the end of a file before the library does, which believes any length.
func checkFooter(file io.ReaderAt, size int64) error {
	var footer [footerBytes]byte
	if size < footerBytes+4 {
		return fmt.Errorf("%d bytes are no Parquet file", size)
	}
	if _, err := file.ReadAt(footer[:], size-footerBytes); err != nil {
		return err
	}
	if string(footer[4:]) != "PAR1" {
		return errors.New("not a Parquet file, or one that was cut off: it does not end in PAR1")
	}
	if n := int64(binary.LittleEndian.Uint32(footer[:])); n > size-footerBytes-4 {
		return fmt.Errorf("damaged: its metadata would be %d bytes of %d", n, size)
	}
	return nil
}

// guard turns a panic of the Parquet library on damaged input into an error. Only calls of the library
// belong in f, so that no other panic is hidden.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged content: %v", r)
		}
	}()
	return f()
}

// sumColumn sums a column of integers.
func sumColumn(chunk parquet.ColumnChunk) (sum int64, err error) {
	err = guard(func() error {
		pages := chunk.Pages()
		defer pages.Close()
		values := make([]parquet.Value, 1024)
		for {
			page, err := pages.ReadPage()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			reader := page.Values()
			for {
				n, err := reader.ReadValues(values)
				for _, v := range values[:n] {
					sum += v.Int64()
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return err
				}
			}
			parquet.Release(page)
		}
	})
	return sum, err
}
