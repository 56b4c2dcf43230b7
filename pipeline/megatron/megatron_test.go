package megatron

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// dataset writes rows of documents of given ids: the second token of each is a target, and all after it.
func dataset(t *testing.T, vocab int, rows ...[][]int32) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "seq")
	o := shard.Options{
		Kind: schemas.KindSequence, Name: "seq",
		Tokenizer: &schemas.TokenizerRef{Name: "t", Digest: "d", VocabSize: vocab},
	}
	var files []shardtest.File[schemas.Sequence]
	for i, split := range []string{"test", "train"} {
		file := shardtest.File[schemas.Sequence]{Split: split}
		for _, docs := range rows[i*len(rows)/2 : (i+1)*len(rows)/2] {
			file.Rows = append(file.Rows, sequence(docs))
		}
		files = append(files, file)
	}
	return shardtest.Write(t, dir, o, files...)
}

func sequence(docs [][]int32) (s schemas.Sequence) {
	for _, ids := range docs {
		at := int32(len(s.InputIDs))
		s.InputIDs = append(s.InputIDs, ids...)
		s.DocLens = append(s.DocLens, int32(len(ids)))
		s.LossSpans = append(s.LossSpans, schemas.LossSpan{Start: at + 1, End: at + 2})
		s.Docs = append(s.Docs, schemas.DocRef{
			SampleID: "s", Source: "x", Licence: "MIT", End: int64(len(ids)),
		})
		s.LossWeights = append(s.LossWeights, 1)
	}
	s.NTokens = int32(len(s.InputIDs))
	return s
}

func export(t *testing.T, d *shard.Dataset, split string) (bin, idx []byte, r Result) {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "out")
	r, err := Export(context.Background(), d, split, prefix, false)
	if err != nil {
		t.Fatal(err)
	}
	bin, err = os.ReadFile(prefix + ".bin")
	if err == nil {
		idx, err = os.ReadFile(prefix + ".idx")
	}
	if err != nil {
		t.Fatal(err)
	}
	return bin, idx, r
}

// little writes numbers as the format has them.
func little(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if s, ok := v.(string); ok {
			b.WriteString(s)
			continue
		}
		binary.Write(&b, binary.LittleEndian, v) //nolint:errcheck // to memory
	}
	return b.Bytes()
}

// TestBytes holds the two files to the layout byte by byte, at both sides of the width's limit.
func TestBytes(t *testing.T) {
	rows := [][][]int32{{{1, 2, 3}, {4, 5}}, {{65498, 7}}}
	for _, c := range []struct {
		vocab int
		split string
		want  Result
		bin   []byte
		idx   []byte
	}{
		{
			65499, "", Result{Documents: 3, Tokens: 7, DType: "uint16", Unscored: 1},
			little([]uint16{1, 2, 3, 4, 5, 65498, 7}),
			little("MMIDIDX\x00\x00", uint64(1), uint8(8), uint64(3), uint64(4), []int32{3, 2, 2},
				[]int64{0, 6, 10}, []int64{0, 1, 2, 3}),
		},
		{
			65500, "train", Result{Documents: 1, Tokens: 2, DType: "int32"},
			little([]int32{65498, 7}),
			little("MMIDIDX\x00\x00", uint64(1), uint8(4), uint64(1), uint64(2), []int32{2}, []int64{0},
				[]int64{0, 1}),
		},
	} {
		bin, idx, r := export(t, dataset(t, c.vocab, rows...), c.split)
		if !bytes.Equal(bin, c.bin) || !bytes.Equal(idx, c.idx) || !reflect.DeepEqual(r, c.want) {
			t.Errorf("vocabulary %d: got %+v\n%x\n%x\nwant %+v\n%x\n%x", c.vocab, r, bin, idx, c.want, c.bin,
				c.idx)
		}
	}
}

// TestOverwrite keeps what is there unless it is told otherwise, and then no index without its tokens.
func TestOverwrite(t *testing.T) {
	d := dataset(t, 100, [][]int32{{1, 2}}, [][]int32{{3, 4, 5}})
	prefix := filepath.Join(t.TempDir(), "out")
	for _, name := range []string{".bin", ".idx"} {
		if err := os.WriteFile(prefix+name, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Export(context.Background(), d, "", prefix, false); err == nil ||
		!strings.Contains(err.Error(), "already exists") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Export(ctx, d, "", prefix, true); err == nil {
		t.Error("an export that was given up gave no error")
	}
	if data, err := os.ReadFile(prefix + ".idx"); string(data) != "old" || err != nil {
		t.Errorf("after it the index holds %q, %v", data, err)
	}
	if _, err := Export(context.Background(), d, "", prefix, true); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(prefix + ".bin"); len(data) != 10 || err != nil {
		t.Errorf("the tokens are %d bytes, want 10: %v", len(data), err)
	}
	left, err := filepath.Glob(prefix + ".*")
	if len(left) != 2 || err != nil {
		t.Errorf("there are %q, %v", left, err)
	}
}

func TestOtherKindsAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "docs")
	o := shard.Options{Kind: schemas.KindDocument, Name: "docs"}
	d := shardtest.Write[schemas.Document](t, dir, o)
	if _, err := Export(context.Background(), d, "", "x", false); err == nil ||
		!strings.Contains(err.Error(), "kind document, not sequence") {
		t.Errorf("got %v", err)
	}
}
