package dataset

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"longlora/internal/store/cloud/s3test"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// BenchmarkFirstBatch opens a dataset and reads its first sequence, from the local folder, from an
// empty cache and from a full one.
func BenchmarkFirstBatch(b *testing.B) {
	dir := buildLarge(b, 1, 512)
	server := s3test.Start(b)
	for _, e := range server.Env() {
		name, value, _ := strings.Cut(e, "=")
		b.Setenv(name, value)
	}
	upload(b, server, dir, "x")
	remote := "s3://" + s3test.Bucket + "/x"
	full := options(b)
	for name, open := range map[string]func() (*shard.Dataset, error){
		"local":      func() (*shard.Dataset, error) { return Open(context.Background(), dir, Options{}) },
		"remote":     func() (*shard.Dataset, error) { return Open(context.Background(), remote, options(b)) },
		"full cache": func() (*shard.Dataset, error) { return Open(context.Background(), remote, full) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d, err := open()
				if err != nil {
					b.Fatal(err)
				}
				r, err := d.Sequences(context.Background(), shard.SequenceOptions{Split: "train"})
				if err != nil {
					b.Fatal(err)
				}
				if !r.Next() {
					b.Fatal(r.Err())
				}
				r.Release()
			}
		})
	}
}

// buildLarge makes a dataset of random ids, 32,768 a row: row groups of 63 rows, of about 3.5 MB.
func buildLarge(t testing.TB, files, rows int) string {
	t.Helper()
	const length = 32768
	dir := filepath.Join(t.TempDir(), "large")
	builder, err := shard.Create(dir, shard.Options{Kind: schemas.KindSequence, Name: "large"})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for file := range files {
		w, err := shard.NewFile[schemas.Sequence](builder, "train", file)
		if err != nil {
			t.Fatal(err)
		}
		for range rows {
			ids := make([]int32, length)
			for i := range ids {
				ids[i] = rng.Int32N(32000)
			}
			err := w.Write(schemas.Sequence{
				InputIDs: ids, DocLens: []int32{length}, NTokens: length, LossWeights: []float32{1},
				LossSpans: []schemas.LossSpan{{Start: 1, End: length}},
				Docs:      []schemas.DocRef{{SampleID: "s", Source: "x", Licence: "MIT", End: length}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := builder.Publish(); err != nil {
		t.Fatal(err)
	}
	return dir
}
