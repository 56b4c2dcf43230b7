// Package megatron writes sequences as the .bin and .idx files of Megatron-LM and Megatron-Core
// (megatron/core/datasets/indexed_dataset.py, "MMapIndexedDataset"), all numbers little-endian:
//
//	.bin  token ids, end to end, as uint16 if the vocabulary is below 65500, else int32
//	.idx  "MMIDIDX\x00\x00"; version uint64 (1); dtype code uint8 (8: uint16, 4: int32);
//	      number of sequences uint64; number of document bounds uint64;
//	      length of each sequence in tokens, int32; its place in .bin in bytes, int64;
//	      document bounds, as numbers of sequences, int64: 0 first
//
// Each packed document of a row, or piece of one, becomes a sequence and a document: Megatron packs them
// anew. Loss spans and weights have no place in the format and are left out.
package megatron

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"longlora/internal/atomicfile"
	"longlora/schemas"
	"longlora/schemas/shard"
)

const (
	magic   = "MMIDIDX\x00\x00"
	version = 1
	// uint16 holds the ids of smaller vocabularies, as Megatron's own preprocessing decides.
	mostUint16 = 65500

	codeInt32, codeUint16 = 4, 8
)

// Result counts what was written.
type Result struct {
	Documents, Tokens int64
	DType             string
	// Unscored are tokens that were no targets, though not the first of their document: a model that
	// trains on the export learns them too.
	Unscored int64
}

// Export writes a split ("": all rows) of a dataset as prefix.bin and prefix.idx. The index appears
// last. Memory does not grow with the dataset.
func Export(ctx context.Context, d *shard.Dataset, split, prefix string, overwrite bool) (
	r Result, err error) {
	if k := d.Manifest().Kind; k != schemas.KindSequence {
		return r, fmt.Errorf("export: %s holds rows of kind %s, not %s", d.Dir(), k, schemas.KindSequence)
	}
	for _, name := range []string{prefix + ".bin", prefix + ".idx"} {
		if _, err := os.Stat(name); err == nil && !overwrite {
			return r, fmt.Errorf("export: %s already exists; choose another prefix or overwrite it", name)
		}
	}
	e := &exporter{code: codeInt32, width: 4}
	r.DType = "int32"
	if t := d.Manifest().Tokenizer; t != nil && t.VocabSize < mostUint16 {
		e.code, e.width, r.DType = codeUint16, 2, "uint16"
	}
	if err := e.run(ctx, d, split, prefix, &r); err != nil {
		return r, fmt.Errorf("export %s: %w", prefix, err)
	}
	return r, nil
}

type exporter struct {
	code  byte
	width int64
	out   *bufio.Writer
	lens  *bufio.Writer // of documents, uint32
	buf   []byte
}

func (e *exporter) run(ctx context.Context, d *shard.Dataset, split, prefix string, r *Result) (err error) {
	bin, err := atomicfile.Create(prefix + ".bin")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bin.Abort()) }()
	// beside the output, whose lock is held: what a killed run leaves is the next one's
	lens, err := os.Create(prefix + ".lens.tmp")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lens.Close(), os.Remove(lens.Name())) }()
	e.out, e.lens = bufio.NewWriterSize(bin, 1<<20), bufio.NewWriter(lens)
	if err := e.rows(ctx, d, split, r); err != nil {
		return err
	}
	if err := errors.Join(e.out.Flush(), e.lens.Flush()); err != nil {
		return err
	}
	idx, err := atomicfile.Create(prefix + ".idx")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, idx.Abort()) }()
	w := bufio.NewWriterSize(idx, 1<<20)
	if err := errors.Join(e.index(w, lens, r.Documents), w.Flush()); err != nil {
		return err
	}
	// an index of what stood there before fits no other tokens
	if err := os.Remove(prefix + ".idx"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := bin.Commit(); err != nil {
		return err
	}
	return idx.Commit()
}

// rows writes all tokens, and the lengths of documents beside.
func (e *exporter) rows(ctx context.Context, d *shard.Dataset, split string, r *Result) error {
	reader, err := d.Sequences(ctx, shard.SequenceOptions{Split: split})
	if err != nil {
		return err
	}
	defer reader.Release()
	for reader.Next() {
		s := shard.SequenceAt(reader.Record(), 0)
		targets := int64(0)
		for _, span := range s.LossSpans {
			targets += int64(span.End - span.Start)
		}
		r.Unscored += int64(s.NTokens) - int64(len(s.DocLens)) - targets
		r.Tokens += int64(s.NTokens)
		r.Documents += int64(len(s.DocLens))
		if err := e.sequence(&s); err != nil {
			return err
		}
	}
	return reader.Err()
}

func (e *exporter) sequence(s *schemas.Sequence) error {
	e.buf = e.buf[:0]
	for _, id := range s.InputIDs {
		if e.width == 2 {
			e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(id))
		} else {
			e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(id))
		}
	}
	if _, err := e.out.Write(e.buf); err != nil {
		return err
	}
	e.buf = e.buf[:0]
	for _, n := range s.DocLens {
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(n))
	}
	_, err := e.lens.Write(e.buf)
	return err
}

// index writes the .idx file from the lengths of n documents.
func (e *exporter) index(w io.Writer, lens io.ReadSeeker, n int64) error {
	head := binary.LittleEndian.AppendUint64([]byte(magic), version)
	head = append(head, e.code)
	head = binary.LittleEndian.AppendUint64(head, uint64(n))
	head = binary.LittleEndian.AppendUint64(head, uint64(n+1))
	if _, err := w.Write(head); err != nil {
		return err
	}
	if _, err := lens.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(w, lens); err != nil {
		return err
	}
	if _, err := lens.Seek(0, io.SeekStart); err != nil {
		return err
	}
	at, in, word := uint64(0), bufio.NewReader(lens), make([]byte, 8)
	for range n {
		if _, err := io.ReadFull(in, word[:4]); err != nil {
			return err
		}
		tokens := uint64(binary.LittleEndian.Uint32(word))
		binary.LittleEndian.PutUint64(word, at)
		if _, err := w.Write(word); err != nil {
			return err
		}
		at += tokens * uint64(e.width)
	}
	for i := range n + 1 {
		binary.LittleEndian.PutUint64(word, uint64(i))
		if _, err := w.Write(word); err != nil {
			return err
		}
	}
	return nil
}
