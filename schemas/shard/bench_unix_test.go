//go:build unix

package shard

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"golang.org/x/sys/unix"

	"longlora/schemas"
)

// benchmarked opens the dataset in $DATASET.
func benchmarked(b *testing.B) *Dataset {
	b.Helper()
	dir := os.Getenv("DATASET")
	if dir == "" {
		b.Skip("no $DATASET")
	}
	d, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkDecode reads, hashes, decodes and checks all row groups of the dataset in $DATASET, one after
// another.
func BenchmarkDecode(b *testing.B) {
	d := benchmarked(b)
	l := newLayout(d, SequenceOptions{})
	defer l.close()
	z, err := newDecoder()
	if err != nil {
		b.Fatal(err)
	}
	defer z.close()
	schema, vocab := ArrowSchema(d.manifest), d.manifest.Tokenizer.VocabSize
	var tokens int64
	before := cpuSeconds(b)
	for b.Loop() {
		for _, k := range l.keys {
			block := l.block(k)
			data, err := l.read(context.Background(), k)
			if err != nil {
				b.Fatal(err)
			}
			r, err := decodeRecord(z, memory.DefaultAllocator, schema, data, block.Rows, block.Tokens)
			if err == nil {
				err = checkRecord(r, vocab)
			}
			if err != nil {
				b.Fatal(err)
			}
			tokens += block.Tokens
			r.Release()
		}
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds()/1e6, "Mtok/s")
	b.ReportMetric(float64(tokens)/(cpuSeconds(b)-before)/1e6, "Mtok/cpu-s")
}

// cpuSeconds is the processor time that the process took, garbage collection included: what a busy
// machine does not change.
func cpuSeconds(b *testing.B) float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// firstRow opens a dataset and reads the row at start of a shuffled epoch.
func firstRow(b *testing.B, dir string, start int64) {
	d, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	r, err := d.Sequences(context.Background(), SequenceOptions{Shuffle: true, Start: start, Count: 1})
	if err != nil {
		b.Fatal(err)
	}
	if !r.Next() {
		b.Fatal(r.Err())
	}
	r.Release()
}

// BenchmarkFirstBatch is the time from a path to the first row of a shuffled epoch.
func BenchmarkFirstBatch(b *testing.B) {
	dir := benchmarked(b).Dir()
	for b.Loop() {
		firstRow(b, dir, 0)
	}
}

// BenchmarkResume is BenchmarkFirstBatch in the middle of an epoch of a million sequences.
func BenchmarkResume(b *testing.B) {
	benchmarked(b)
	const rows = 1_000_000
	dir := filepath.Join(b.TempDir(), "d")
	builder, err := Create(dir, options(false))
	if err != nil {
		b.Fatal(err)
	}
	defer builder.Abort()
	w, err := NewFile[schemas.Sequence](builder, "train", 0)
	if err != nil {
		b.Fatal(err)
	}
	few := sequences(1000)
	for i := range rows {
		if err := w.Write(few[i%len(few)]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if _, err := builder.Publish(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		firstRow(b, dir, rows/2)
	}
}
