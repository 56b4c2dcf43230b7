package ingest

import (
	"bufio"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"longlora/pipeline/dedup"
	"longlora/pipeline/split"
	"longlora/schemas"
)

// bufferBytes is that of each scratch file.
const bufferBytes = 1 << 18

// unitSpill is what scanning a unit leaves behind: the documents, and an index with a record of each.
type unitSpill struct {
	docs, index *bufio.Writer
	files       []*os.File
	encoder     *gob.Encoder
	record      []byte
	entries     int
}

// An index record is a document's content key, the key of its id, its sketch and signature, and its id
// after the id's length as a varint.
const (
	textKeyAt   = 0
	idKeyAt     = textKeyAt + len(dedup.Key{})
	sketchAt    = idKeyAt + len(dedup.Key{})
	signatureAt = sketchAt + 8*split.Bands
	idAt        = signatureAt + 2*len(split.Signature{})
)

// scannedDocument is a document with what scanning says of it.
type scannedDocument struct {
	schemas.Document
	// Reason says why the document is dropped; empty: scanning keeps it. Detail belongs to it.
	Reason, Detail string
}

func docsName(scratch string, unit int) string {
	return filepath.Join(scratch, fmt.Sprintf("%d.docs", unit))
}

func indexName(scratch string, unit int) string {
	return filepath.Join(scratch, fmt.Sprintf("%d.index", unit))
}

func newSpill(scratch string, unit int) (*unitSpill, error) {
	docs, err := os.Create(docsName(scratch, unit))
	if err != nil {
		return nil, err
	}
	index, err := os.Create(indexName(scratch, unit))
	if err != nil {
		return nil, errors.Join(err, docs.Close())
	}
	s := &unitSpill{
		docs: bufio.NewWriterSize(docs, bufferBytes), index: bufio.NewWriterSize(index, bufferBytes),
		files: []*os.File{docs, index},
	}
	s.encoder = gob.NewEncoder(s.docs)
	return s, nil
}

// drop takes a document in that is dropped already.
func (s *unitSpill) drop(d *scannedDocument) error { return s.encoder.Encode(d) }

// add takes a document in, with its sketches.
func (s *unitSpill) add(d *scannedDocument, sketch *split.Sketch, signature *split.Signature) error {
	text, id := dedup.KeyOf(d.Text), dedup.KeyOf(d.DocID)
	s.record = append(append(s.record[:0], text[:]...), id[:]...)
	for _, h := range sketch {
		s.record = binary.LittleEndian.AppendUint64(s.record, h)
	}
	for _, v := range signature {
		s.record = binary.LittleEndian.AppendUint16(s.record, v)
	}
	s.record = binary.AppendUvarint(s.record, uint64(len(d.DocID)))
	s.record = append(s.record, d.DocID...)
	if _, err := s.index.Write(s.record); err != nil {
		return err
	}
	s.entries++
	return s.encoder.Encode(d)
}

func (s *unitSpill) close() error {
	err := errors.Join(s.docs.Flush(), s.index.Flush())
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// spilled streams a unit's documents.
func spilled(scratch string, unit int) iter.Seq2[scannedDocument, error] {
	return func(yield func(scannedDocument, error) bool) {
		f, err := os.Open(docsName(scratch, unit))
		if err != nil {
			yield(scannedDocument{}, err)
			return
		}
		defer f.Close()
		for d := gob.NewDecoder(bufio.NewReaderSize(f, bufferBytes)); ; {
			var doc scannedDocument
			if err := d.Decode(&doc); errors.Is(err, io.EOF) {
				return
			} else if !yield(doc, err) || err != nil {
				return
			}
		}
	}
}

// index is the index records of all units, in source order.
type index struct {
	file *os.File
	n    int     // records
	at   []int64 // where every indexStep-th record begins
}

// indexStep keeps the places of records at half a byte a document.
const indexStep = 16

// joinIndex puts the units' indices together to one file.
func joinIndex(scratch string, entries []int) (*index, error) {
	f, err := os.Create(filepath.Join(scratch, "index"))
	if err != nil {
		return nil, err
	}
	x, n := &index{file: f}, 0
	for unit := range entries {
		if err := x.copyUnit(indexName(scratch, unit)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		n += entries[unit]
	}
	at := int64(0)
	for record, err := range x.records(0) {
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if x.n%indexStep == 0 {
			x.at = append(x.at, at)
		}
		x.n++
		at += int64(len(record))
	}
	if x.n != n {
		return nil, errors.Join(fmt.Errorf("%d index records of %d", x.n, n), f.Close())
	}
	return x, nil
}

func (x *index) copyUnit(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(x.file, f)
	return errors.Join(err, f.Close(), os.Remove(name))
}

// records streams the records from a place in the file on; each is valid until the next.
func (x *index) records(from int64) iter.Seq2[[]byte, error] {
	return x.buffered(from, bufferBytes)
}

func (x *index) buffered(from int64, size int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r := bufio.NewReaderSize(io.NewSectionReader(x.file, from, 1<<62), size)
		record := make([]byte, 0, idAt+256)
		for {
			record = record[:idAt]
			if _, err := io.ReadFull(r, record); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				yield(nil, err)
				return
			}
			n, err := binary.ReadUvarint(r)
			record = binary.AppendUvarint(record, n)
			id := len(record)
			record = append(record, make([]byte, n)...)
			if err == nil {
				_, err = io.ReadFull(r, record[id:])
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// keys streams one key of every record.
func (x *index) keys(at int) iter.Seq2[dedup.Key, error] {
	return func(yield func(dedup.Key, error) bool) {
		for record, err := range x.records(0) {
			var key dedup.Key
			if err == nil {
				copy(key[:], record[at:])
			}
			if !yield(key, err) {
				return
			}
		}
	}
}

// id returns a document's id. It may be called concurrently.
func (x *index) id(doc int) (string, error) {
	skip := doc % indexStep
	for record, err := range x.buffered(x.at[doc/indexStep], 4096) {
		if err != nil {
			return "", err
		}
		if skip == 0 {
			_, size := binary.Uvarint(record[idAt:])
			return string(record[idAt+size:]), nil
		}
		skip--
	}
	return "", io.ErrUnexpectedEOF
}
