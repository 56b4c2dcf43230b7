package spill

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// batchRecords is the number of records that are read at once.
const batchRecords = 1024

type runWriter struct {
	file *os.File
	w    *bufio.Writer
}

func newRunWriter(path string) (*runWriter, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &runWriter{f, bufio.NewWriterSize(f, 1<<18)}, nil
}

func (w *runWriter) write(records []Record) error {
	var b [recordBytes]byte
	for _, r := range records {
		binary.LittleEndian.PutUint64(b[0:], r.Key[0])
		binary.LittleEndian.PutUint64(b[8:], r.Key[1])
		binary.LittleEndian.PutUint64(b[16:], r.Doc)
		binary.LittleEndian.PutUint32(b[24:], r.From)
		binary.LittleEndian.PutUint32(b[28:], r.To)
		if _, err := w.w.Write(b[:]); err != nil {
			return err
		}
	}
	return nil
}

func (w *runWriter) close() error { return errors.Join(w.w.Flush(), w.file.Close()) }

type runReader struct {
	file    *os.File
	r       *bufio.Reader
	records []Record
}

func newRunReader(path string) (*runReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &runReader{f, bufio.NewReaderSize(f, 1<<16), make([]Record, 0, batchRecords)}, nil
}

// next returns the next records, valid until the next call; none at the end.
func (r *runReader) next() ([]Record, error) {
	r.records = r.records[:0]
	var b [recordBytes]byte
	for len(r.records) < batchRecords {
		if _, err := io.ReadFull(r.r, b[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		r.records = append(r.records, Record{
			Key:  [2]uint64{binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:])},
			Doc:  binary.LittleEndian.Uint64(b[16:]),
			From: binary.LittleEndian.Uint32(b[24:]), To: binary.LittleEndian.Uint32(b[28:]),
		})
	}
	return r.records, nil
}

func (r *runReader) close() error { return r.file.Close() }
