package encode

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"longlora/internal/tokenizer"
	"longlora/pipeline/pack"
	"longlora/pipeline/pool"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Input is a dataset of documents, or some splits of it.
type Input struct {
	Documents *shard.Dataset
	// Splits are those to read; none means all.
	Splits []string
	// Weight is the loss weight of its documents; 0 means 1.
	Weight float32
}

func (in Input) splits() []string {
	if len(in.Splits) == 0 {
		return in.Documents.Splits()
	}
	return slices.Sorted(slices.Values(in.Splits))
}

// Count returns the number of documents.
func (in Input) Count() (n int64) {
	for _, s := range in.splits() {
		rows, _ := in.Documents.Count(s)
		n += rows
	}
	return n
}

// Tokens says how documents become tokens.
type Tokens struct {
	Tokenizer *tokenizer.Tokenizer
	// NoBOS leaves out what the tokenizer's own rule puts around a text; NoEOS leaves out the
	// end-of-sequence token that otherwise ends every document, if the tokenizer has one.
	NoBOS, NoEOS bool
	// Workers is the number of row groups that are worked on at once, at least 1.
	Workers int
	// Progress is called, by many goroutines, with documents that were tokenized; it may be nil.
	Progress func(documents int64)
}

// Range is the half-open range [From, To) of a corpus' documents that come from a split of an input.
type Range struct {
	Input    int
	Split    string
	From, To int64
}

// Corpus is tokenized documents, numbered from 0 in the order of inputs, files and rows. Their tokens
// lie in scratch files, four bytes each. Its methods may be called concurrently.
type Corpus struct {
	inputs []Input
	ranges []Range
	index  *os.File
	tokens []*os.File // one a worker
}

// An index record is where a document's record begins, with the file's number in the high bits; its
// number of tokens; and the bytes before the tokens.
const (
	indexBytes = 16
	fileShift  = 48
)

// unit is a row group of a file of an input.
type unit struct {
	input, file, number int
	first               int64 // number of its first document
	shard.Group
}

// Tokenize tokenizes the inputs' documents. scratch is a folder for its files, which belong to the
// Corpus until it is closed.
func Tokenize(ctx context.Context, inputs []Input, o Tokens, scratch string) (*Corpus, error) {
	c := &Corpus{inputs: inputs}
	units, err := c.units(ctx)
	if err != nil {
		return nil, err
	}
	if c.index, err = os.Create(filepath.Join(scratch, "tokens.index")); err != nil {
		return nil, err
	}
	jobs := func(yield func(unit, error) bool) {
		for _, u := range units {
			if !yield(u, nil) {
				return
			}
		}
	}
	room := newRoom(int64(o.Workers) * workerBytes)
	var mu sync.Mutex
	var writers []*tokenWriter
	var failed error
	err = pool.Each(ctx, o.Workers, jobs, func() func(context.Context, unit) error {
		mu.Lock()
		defer mu.Unlock()
		w, err := newTokenWriter(scratch, len(writers))
		if failed = errors.Join(failed, err); err != nil {
			return func(context.Context, unit) error { return err }
		}
		writers, c.tokens = append(writers, w), append(c.tokens, w.file)
		t := &worker{o: o, c: c, w: w, encoder: o.Tokenizer.NewEncoder(), room: room}
		return t.unit
	})
	for _, w := range writers {
		err = errors.Join(err, w.buffer.Flush())
	}
	if err = errors.Join(err, failed); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// units lists the row groups, and fills in the ranges.
func (c *Corpus) units(ctx context.Context) (units []unit, err error) {
	doc := int64(0)
	for i, in := range c.inputs {
		for number, f := range in.Documents.Manifest().Files {
			if !slices.Contains(in.splits(), f.Split) {
				continue
			}
			groups, err := in.Documents.Groups(ctx, number)
			if err != nil {
				return nil, err
			}
			n := len(c.ranges)
			if n == 0 || c.ranges[n-1].Input != i || c.ranges[n-1].Split != f.Split {
				c.ranges = append(c.ranges, Range{Input: i, Split: f.Split, From: doc, To: doc})
				n++
			}
			for group, g := range groups {
				units = append(units, unit{i, number, group, doc, g})
				doc += g.Rows
			}
			c.ranges[n-1].To = doc
		}
	}
	return units, nil
}

// Ranges lists where the documents of each split of each input are.
func (c *Corpus) Ranges() []Range { return c.ranges }

// Close closes the scratch files.
func (c *Corpus) Close() error {
	err := c.index.Close()
	for _, f := range c.tokens {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Lengths streams the numbers of tokens of the documents [from, to).
func (c *Corpus) Lengths(from, to int64) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		section := io.NewSectionReader(c.index, from*indexBytes, (to-from)*indexBytes)
		r := bufio.NewReaderSize(section, 1<<16)
		var b [indexBytes]byte
		for range to - from {
			_, err := io.ReadFull(r, b[:])
			if !yield(int(binary.LittleEndian.Uint32(b[8:])), err) || err != nil {
				return
			}
		}
	}
}

// Length returns the number of tokens of a document.
func (c *Corpus) Length(doc int64) (int, error) {
	e, err := c.entry(doc)
	return e.tokens, err
}

// entry is an index record.
type entry struct {
	file           *os.File
	at             int64
	tokens, header int
}

func (c *Corpus) entry(doc int64) (entry, error) {
	var b [indexBytes]byte
	if _, err := c.index.ReadAt(b[:], doc*indexBytes); err != nil {
		return entry{}, err
	}
	place := binary.LittleEndian.Uint64(b[0:])
	return entry{
		c.tokens[place>>fileShift], int64(place & (1<<fileShift - 1)),
		int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:])),
	}, nil
}

// ID returns a document's id.
func (c *Corpus) ID(doc int64) (string, error) {
	s, err := c.Piece(pack.Piece{Doc: doc})
	return s.ID, err
}

// Piece returns what a planned piece holds of its document.
func (c *Corpus) Piece(p pack.Piece) (s pack.Sample, err error) {
	e, err := c.entry(p.Doc)
	if err != nil {
		return s, err
	}
	parts := [][2]int{{p.From, p.To}}
	if p.SkipTo > p.SkipFrom {
		parts = [][2]int{{p.From, p.SkipFrom}, {p.SkipTo, p.To}}
	}
	// The header and tokens that follow it directly are read at once.
	more := 0
	if p.From == 0 {
		more = parts[0][1]
	}
	buffer := make([]byte, e.header+4*more)
	if _, err := e.file.ReadAt(buffer, e.at); err != nil {
		return s, err
	}
	s.ID, s.Source, s.Licence = header(buffer[:e.header])
	s.Weight = c.weight(p.Doc)
	s.Tokens = make([]int32, 0, p.Tokens())
	s.Tokens = appendTokens(s.Tokens, buffer[e.header:])
	for i, part := range parts {
		if i == 0 && more > 0 {
			continue
		}
		buffer = make([]byte, 4*(part[1]-part[0]))
		if _, err := e.file.ReadAt(buffer, e.at+int64(e.header)+4*int64(part[0])); err != nil {
			return s, err
		}
		s.Tokens = appendTokens(s.Tokens, buffer)
	}
	return s, nil
}

func (c *Corpus) weight(doc int64) float32 {
	for _, r := range c.ranges {
		if doc < r.To {
			return c.inputs[r.Input].Weight
		}
	}
	return 0
}

func appendTokens(ids []int32, b []byte) []int32 {
	for ; len(b) >= 4; b = b[4:] {
		ids = append(ids, int32(binary.LittleEndian.Uint32(b)))
	}
	return ids
}

// header reads what stands before a document's tokens.
func header(b []byte) (id, source, licence string) {
	next := func() string {
		n, size := binary.Uvarint(b)
		s := string(b[size : size+int(n)])
		b = b[size+int(n):]
		return s
	}
	return next(), next(), next()
}

// tokenWriter appends documents to a scratch file: begin, ids as often as there are some, end.
type tokenWriter struct {
	file   *os.File
	buffer *bufio.Writer
	number int
	at     int64 // of the document
	header int   // bytes before its tokens
	tokens int64
	record []byte
}

func newTokenWriter(scratch string, number int) (*tokenWriter, error) {
	f, err := os.Create(filepath.Join(scratch, fmt.Sprintf("%d.tokens", number)))
	if err != nil {
		return nil, err
	}
	return &tokenWriter{file: f, buffer: bufio.NewWriterSize(f, 1<<20), number: number}, nil
}

// begin begins a document. An error of writing stays with the buffer until end.
func (w *tokenWriter) begin(d *schemas.Document) {
	w.record, w.tokens = w.record[:0], 0
	for _, s := range []string{d.DocID, d.Source, d.Licence} {
		w.record = append(binary.AppendUvarint(w.record, uint64(len(s))), s...)
	}
	w.header = len(w.record)
	_, _ = w.buffer.Write(w.record)
}

// ids appends tokens to the document.
func (w *tokenWriter) ids(ids []int32) {
	w.record, w.tokens = w.record[:0], w.tokens+int64(len(ids))
	for _, id := range ids {
		w.record = binary.LittleEndian.AppendUint32(w.record, uint32(id))
	}
	_, _ = w.buffer.Write(w.record)
}

// end ends the document and returns its index record.
func (w *tokenWriter) end() (index [indexBytes]byte, err error) {
	if w.tokens > math.MaxInt32 {
		return index, fmt.Errorf("a document has %d tokens, more than %d", w.tokens, math.MaxInt32)
	}
	binary.LittleEndian.PutUint64(index[0:], uint64(w.number)<<fileShift|uint64(w.at))
	binary.LittleEndian.PutUint32(index[8:], uint32(w.tokens))
	binary.LittleEndian.PutUint32(index[12:], uint32(w.header))
	w.at += int64(w.header) + 4*w.tokens
	_, err = w.buffer.Write(nil)
	return index, err
}

// worker tokenizes one row group after another.
type worker struct {
	o       Tokens
	c       *Corpus
	w       *tokenWriter
	encoder *tokenizer.Encoder
	room    *room
}

func (w *worker) unit(ctx context.Context, u unit) error {
	defer w.room.give(w.room.take(u.Bytes))
	index := make([]byte, 0, u.Rows*indexBytes)
	in := w.c.inputs[u.input]
	for d, err := range shard.GroupRows[schemas.Document](ctx, in.Documents, u.file, u.number) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		w.w.begin(&d)
		w.encode(d.Text, w.w.ids)
		record, err := w.w.end()
		if err != nil {
			return err
		}
		index = append(index, record[:]...)
		if w.o.Progress != nil {
			w.o.Progress(1)
		}
	}
	if int64(len(index)) != u.Rows*indexBytes {
		return fmt.Errorf("row group %d of file %d of %s has %d rows of %d; rebuild the dataset", u.number,
			u.file, in.Documents.Dir(), len(index)/indexBytes, u.Rows)
	}
	_, err := w.c.index.WriteAt(index, u.first*indexBytes)
	return err
}

// encode tokenizes a text and hands its tokens to take, piece by piece.
func (w *worker) encode(text string, take func(ids []int32)) {
	last := int32(-1)
	w.encoder.EncodePieces(text, !w.o.NoBOS, func(ids []int32) {
		if len(ids) > 0 {
			last = ids[len(ids)-1]
		}
		take(ids)
	})
	if eos, ok := w.o.Tokenizer.EOS(); ok && !w.o.NoEOS && last != eos {
		take([]int32{eos})
	}
}
