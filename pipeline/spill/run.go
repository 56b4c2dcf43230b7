package spill

import (
	"bufio"
	"errors"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"longlora/schemas/ipc"
)

// batchRecords is the number of records of a batch of a run: what a merge holds of each run.
const batchRecords = 1024

// The columns of a run, an Arrow IPC stream: those of Record.
func runSchema() *arrow.Schema {
	u64, u32 := arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Uint32
	return arrow.NewSchema([]arrow.Field{
		{Name: "key_high", Type: u64}, {Name: "key_low", Type: u64}, {Name: "doc", Type: u64},
		{Name: "from", Type: u32}, {Name: "to", Type: u32},
	}, nil)
}

// writeRun writes sorted records.
func writeRun(path string, records []Record) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffer := bufio.NewWriterSize(file, 1<<18)
	schema := runSchema()
	w := ipc.NewWriter(buffer, schema, ipc.Options{})
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer b.Release()
	for len(records) > 0 {
		n := min(len(records), batchRecords)
		if err := writeBatch(w, b, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return errors.Join(w.Close(), buffer.Flush())
}

func writeBatch(w *ipc.Writer, b *array.RecordBuilder, records []Record) error {
	b.Reserve(len(records))
	high, low := b.Field(0).(*array.Uint64Builder), b.Field(1).(*array.Uint64Builder)
	doc := b.Field(2).(*array.Uint64Builder)
	from, to := b.Field(3).(*array.Uint32Builder), b.Field(4).(*array.Uint32Builder)
	for _, r := range records {
		high.UnsafeAppend(r.Key[0])
		low.UnsafeAppend(r.Key[1])
		doc.UnsafeAppend(r.Doc)
		from.UnsafeAppend(r.From)
		to.UnsafeAppend(r.To)
	}
	batch := b.NewRecord()
	defer batch.Release()
	return w.Write(batch)
}

// runReader reads a run batch by batch.
type runReader struct {
	file    *os.File
	stream  *ipc.Reader
	records []Record
}

func newRunReader(path string) (*runReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := ipc.NewReader(bufio.NewReaderSize(f, 1<<16), ipc.Options{})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &runReader{f, s, make([]Record, 0, batchRecords)}, nil
}

// next returns the next records, valid until the next call; none at the end.
func (r *runReader) next() ([]Record, error) {
	r.records = r.records[:0]
	if !r.stream.Next() {
		return nil, r.stream.Err()
	}
	batch := r.stream.Record()
	high, low := batch.Column(0).(*array.Uint64), batch.Column(1).(*array.Uint64)
	doc := batch.Column(2).(*array.Uint64)
	from, to := batch.Column(3).(*array.Uint32), batch.Column(4).(*array.Uint32)
	for i := range int(batch.NumRows()) {
		r.records = append(r.records, Record{
			Key: [2]uint64{high.Value(i), low.Value(i)}, Doc: doc.Value(i), From: from.Value(i),
			To: to.Value(i),
		})
	}
	return r.records, nil
}

func (r *runReader) close() error {
	r.stream.Release()
	return r.file.Close()
}
