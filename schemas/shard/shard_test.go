package shard

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"longlora/schemas"
)

func sequences(n int) []schemas.Sequence {
	rng := rand.New(rand.NewSource(1))
	var rows []schemas.Sequence
	for i := range n {
		var s schemas.Sequence
		for k := range 1 + rng.Intn(3) {
			size := int32(2 + rng.Intn(40))
			start := int32(len(s.InputIDs))
			for range size {
				s.InputIDs = append(s.InputIDs, int32(rng.Intn(100)))
			}
			s.DocLens = append(s.DocLens, size)
			s.LossSpans = append(s.LossSpans, schemas.LossSpan{Start: start + 1, End: start + size})
			s.Docs = append(s.Docs, schemas.DocRef{
				SampleID: fmt.Sprintf("doc-%d-%d", i, k), Source: "test", Licence: "MIT", End: int64(size),
			})
			s.LossWeights = append(s.LossWeights, 1)
		}
		s.NTokens = int32(len(s.InputIDs))
		rows = append(rows, s)
	}
	return rows
}

func options(overwrite bool) Options {
	return Options{
		Kind: schemas.KindSequence, Name: "test", Overwrite: overwrite,
		Config:        map[string]any{"context": 128},
		TokenizerFile: []byte("{}"),
		Tokenizer: &schemas.TokenizerRef{
			Name:      "t",
			Digest:    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", // of "{}"
			VocabSize: 100,
		},
	}
}

// write builds a dataset of two files, in the given order of their indices.
func write(t *testing.T, dir string, rows []schemas.Sequence, o Options, order ...int) {
	t.Helper()
	b, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	half := len(rows) / 2
	parts := [][]schemas.Sequence{rows[:half], rows[half:]}
	var wait sync.WaitGroup
	for _, i := range order {
		wait.Go(func() {
			w, err := NewFile[schemas.Sequence](b, "train", i)
			if err == nil {
				err = w.Write(parts[i]...)
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	b.Reject("z", "too short", "3 tokens")
	b.Reject("a", "duplicate", "")
	b.Report("cut", 3)
	if _, err := b.Publish(); err != nil {
		t.Fatal(err)
	}
}

func TestRowsRoundTrip(t *testing.T) {
	dir, want := filepath.Join(t.TempDir(), "d"), sequences(300)
	write(t, dir, want, options(false), 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	var got []schemas.Sequence
	for row, err := range Rows[schemas.Sequence](d, "train") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("rows read differ from rows written")
	}
	if rows, tokens := d.Count(""); rows != 300 || tokens != d.Stat().Tokens || tokens == 0 {
		t.Errorf("count %d rows, %d tokens", rows, tokens)
	}
}

func TestSequencesInTrainingOrder(t *testing.T) {
	dir, want := filepath.Join(t.TempDir(), "d"), sequences(300)
	write(t, dir, want, options(false), 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	read := func(o SequenceOptions) (all []string) {
		o.Allocator = mem
		r, err := d.Sequences(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		for r.Next() {
			for i := range int(r.Record().NumRows()) {
				s := SequenceAt(r.Record(), i)
				all = append(all, rowText(s))
			}
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		return all
	}
	var plain []string
	for _, s := range want {
		plain = append(plain, rowText(s))
	}
	if got := read(SequenceOptions{Split: "train", BatchRows: 7}); !reflect.DeepEqual(got, plain) {
		t.Error("file order: rows differ from rows written")
	}
	shuffled := read(SequenceOptions{Split: "train", Shuffle: true, Seed: 5, Epoch: 2})
	if reflect.DeepEqual(shuffled, plain) || len(shuffled) != len(plain) {
		t.Error("the shuffled order is the file order or lost rows")
	}
	tail := read(SequenceOptions{Split: "train", Shuffle: true, Seed: 5, Epoch: 2, Start: 123, BatchRows: 9})
	if !reflect.DeepEqual(tail, shuffled[123:]) {
		t.Error("starting at 123 does not continue the same order")
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestBytesDoNotDependOnWorkers(t *testing.T) {
	root, rows := t.TempDir(), sequences(100)
	write(t, filepath.Join(root, "a"), rows, options(false), 0, 1)
	write(t, filepath.Join(root, "b"), rows, options(false), 1, 0)
	if !reflect.DeepEqual(snapshot(t, filepath.Join(root, "a")), snapshot(t, filepath.Join(root, "b"))) {
		t.Error("another order of writing gives other bytes")
	}
	if left, _ := filepath.Glob(filepath.Join(root, "*.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestMapsAreWrittenInOrder(t *testing.T) {
	root := t.TempDir()
	var first map[string]string
	for i := range 5 {
		dir := filepath.Join(root, fmt.Sprint(i))
		b, err := Create(dir, Options{Kind: schemas.KindDocument, Name: "m"})
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewFile[schemas.Document](b, "train", 0)
		if err != nil {
			t.Fatal(err)
		}
		meta := map[string]string{}
		for k := range 20 {
			meta[fmt.Sprint("key", k)] = fmt.Sprint(k)
		}
		doc := schemas.Document{DocID: "a", Licence: "MIT", Meta: meta}
		doc.Seal()
		if err := w.Write(doc); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Publish(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = snapshot(t, dir)
		} else if !reflect.DeepEqual(first, snapshot(t, dir)) {
			t.Fatal("the same map gives other bytes")
		}
	}
}

func TestSecondWriterIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	b, err := Create(dir, options(false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, options(false)); err == nil ||
		!strings.Contains(err.Error(), "another process is writing") {
		t.Errorf("second writer: %v", err)
	}
	if err := b.Abort(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, sequences(10), options(false), 0, 1)
	if _, err := Create(dir, options(false)); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("existing dataset: %v", err)
	}
	write(t, dir, sequences(12), options(true), 0, 1)
}

func TestOverwriteRefusesWhatIsNoDataset(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, options(true)); err == nil || !strings.Contains(err.Error(), "no dataset") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestKilledWriterLeavesNoTrace(t *testing.T) {
	dir, rows := filepath.Join(t.TempDir(), "d"), sequences(50)
	b, err := Create(dir, options(false))
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewFile[schemas.Sequence](b, "train", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rows...); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("an unpublished dataset opens")
	}
	b.lock.file.Close() // what the end of the process does
	write(t, dir, rows, options(false), 0, 1)
	other := filepath.Join(t.TempDir(), "d")
	write(t, other, rows, options(false), 0, 1)
	if !reflect.DeepEqual(snapshot(t, dir), snapshot(t, other)) {
		t.Error("a run after a killed one gives other bytes")
	}
}

func TestDamageIsFound(t *testing.T) {
	root := t.TempDir()
	for name, damage := range map[string]struct {
		do   func(dir, file string, data []byte) error
		want string
	}{
		"truncated": {func(_, file string, data []byte) error {
			return os.WriteFile(file, data[:len(data)/2], 0o666)
		}, "bytes, the manifest says"},
		"one bit": {func(_, file string, data []byte) error {
			data[len(data)/2] ^= 1
			return os.WriteFile(file, data, 0o666)
		}, "sha256 is"},
		"no manifest": {func(dir, _ string, _ []byte) error {
			return os.Remove(filepath.Join(dir, schemas.ManifestName))
		}, "is no dataset"},
		"manifest changed": {func(dir, _ string, _ []byte) error {
			return replaceInManifest(dir, `"sha256": "`, `"sha256": "0`)
		}, "changed by hand"},
		"config changed": {func(dir, _ string, _ []byte) error {
			return replaceInManifest(dir, `"context": 128`, `"context": 129`)
		}, "config_digest .* does not fit the config"},
		"split changed": {func(dir, _ string, _ []byte) error {
			return replaceInManifest(dir, `"split": "train"`, `"split": "test"`)
		}, `train-00000-of-00002.parquet" is listed under the split "test"`},
		"file added": {func(dir, _ string, data []byte) error {
			return os.WriteFile(filepath.Join(dir, "data", "train-9.parquet"), data, 0o666)
		}, "data/train-9.parquet is not in the manifest; move it away"},
		"tokenizer changed": {func(dir, _ string, _ []byte) error {
			return os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte("{} "), 0o666)
		}, "tokenizer.json has digest .*, the manifest says 44136fa355b3; copy the file again"},
		"tokenizer missing": {func(dir, _ string, _ []byte) error {
			return os.Remove(filepath.Join(dir, "tokenizer.json"))
		}, "tokenizer.json: no such file"},
		"file missing": {func(_, file string, _ []byte) error { return os.Remove(file) }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(root, strings.ReplaceAll(name, " ", "-"))
			write(t, dir, sequences(40), options(false), 0, 1)
			file := filepath.Join(dir, "data", "train-00000-of-00002.parquet")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage.do(dir, file, data); err != nil {
				t.Fatal(err)
			}
			d, err := Open(dir)
			if err == nil {
				err = d.Verify(context.Background())
			}
			if err == nil || !regexp.MustCompile(damage.want).MatchString(err.Error()) {
				t.Errorf("got %v, want %q", err, damage.want)
			}
		})
	}
}

func replaceInManifest(dir, old, replacement string) error {
	path := filepath.Join(dir, schemas.ManifestName)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data = bytes.Replace(data, []byte(old), []byte(replacement), 1)
	return os.WriteFile(path, data, 0o666)
}

// TestConfigDigest holds the digest of a configuration against the format page: keys are sorted,
// those of structs too, and numbers stay as they are.
func TestConfigDigest(t *testing.T) {
	o := options(false)
	o.Config = map[string]any{"recipe": struct{ Z, A uint64 }{1<<64 - 1, 2}, "context": 128}
	dir := filepath.Join(t.TempDir(), "d")
	write(t, dir, sequences(4), o, 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	// printf '{"context":128,"recipe":{"A":2,"Z":18446744073709551615}}' | sha256sum
	const want = "ca910f4e4f38cef5cd8f0ee2b8b23123a354df3f141231f7e36024783742f1e1"
	if got := d.Manifest().ConfigDigest; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBadRowsAreRefused(t *testing.T) {
	b, err := Create(filepath.Join(t.TempDir(), "d"), options(false))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	w, err := NewFile[schemas.Sequence](b, "train", 0)
	if err != nil {
		t.Fatal(err)
	}
	s := sequences(1)[0]
	s.InputIDs[1] = 100
	if err := w.Write(s); err == nil || !strings.Contains(err.Error(), "token 100 at 1 outside vocabulary 100") {
		t.Errorf("got %v", err)
	}
	s.InputIDs[1] = 1
	s.LossSpans[0].Start = 0
	if err := w.Write(s); err == nil || !strings.Contains(err.Error(), "the first of its document") {
		t.Errorf("got %v", err)
	}
}

// TestTokensOutsideTheVocabularyAreFound reads a dataset whose hashes are right and whose rows are
// not: as if its tokenizer were a smaller one.
func TestTokensOutsideTheVocabularyAreFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	write(t, dir, sequences(20), options(false), 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.manifest.Tokenizer.VocabSize = 50
	const want = "outside vocabulary 50"
	if err := d.Verify(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("verify: got %v, want %q", err, want)
	}
	r, err := d.Sequences(context.Background(), SequenceOptions{Split: "train"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if r.Next() || r.Err() == nil || !strings.Contains(r.Err().Error(), want) {
		t.Errorf("stream: got %v, want %q", r.Err(), want)
	}
}

// FuzzFile feeds damaged Parquet to the readers, as if its hash were right: errors are fine, panics
// are not.
func FuzzFile(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "d")
	b, err := Create(dir, options(false))
	if err != nil {
		f.Fatal(err)
	}
	w, err := NewFile[schemas.Sequence](b, "train", 0)
	if err != nil {
		f.Fatal(err)
	}
	if err := w.Write(sequences(5)...); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	if _, err := b.Publish(); err != nil {
		f.Fatal(err)
	}
	name := filepath.Join(dir, "data", "train-00000-of-00001.parquet")
	data, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, uint16(7), byte(1))
	f.Add(data[:len(data)/2], uint16(100), byte(255))
	f.Fuzz(func(t *testing.T, content []byte, at uint16, flip byte) {
		if len(content) == 0 {
			return
		}
		content = bytes.Clone(content)
		content[int(at)%len(content)] ^= flip
		path := filepath.Join(t.TempDir(), "f.parquet")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		file := schemas.File{Path: "f.parquet", Split: "train", Rows: 5, Bytes: int64(len(content))}
		d := &Dataset{
			files: Folder(filepath.Dir(path)), verified: map[string]bool{"f.parquet": true},
			manifest: &schemas.Manifest{Kind: schemas.KindSequence, Files: []schemas.File{file}},
		}
		for _, err := range Rows[schemas.Sequence](d, "") {
			if err != nil {
				break
			}
		}
		r, err := d.Sequences(context.Background(), SequenceOptions{Split: "train"})
		if err != nil {
			return
		}
		defer r.Release()
		for r.Next() {
			_ = SequenceAt(r.Record(), 0)
		}
	})
}
