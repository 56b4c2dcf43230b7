package cli_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"longlora/internal/defaults"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/trainer/base"
)

// packages writes a dataset of invented Go packages, encoded with the default tokenizer, in the
// split test, and of the first of them in the split train too:
//
//	packages DIR COUNT LENGTH
//
// Each is one sequence of LENGTH tokens; their ids are pkg0, pkg1, …
func packages(ts *testscript.TestScript, _ bool, args []string) {
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	length, err := strconv.Atoi(args[2])
	ts.Check(err)
	tok, err := defaults.Tokenizer()
	ts.Check(err)
	b, err := shard.Create(ts.MkAbs(args[0]), shard.Options{
		Kind: schemas.KindSequence, Name: "packages", Config: map[string]any{"context": length},
		TokenizerFile: defaults.TokenizerFile(), Tokenizer: &schemas.TokenizerRef{
			Name: "tokenizer.json", Digest: tok.Digest(), VocabSize: tok.VocabSize(),
		},
	})
	ts.Check(err)
	defer b.Abort() //nolint:errcheck // it does nothing after Publish
	for _, split := range []string{"test", "train"} {
		w, err := shard.NewFile[schemas.Sequence](b, split, 0)
		ts.Check(err)
		for n := range count {
			ids := tok.Encode(nil, invented(uint64(n), length), true)[:length]
			ts.Check(w.Write(schemas.Sequence{
				InputIDs: ids, DocLens: []int32{int32(length)}, NTokens: int32(length),
				LossSpans: []schemas.LossSpan{{Start: 1, End: int32(length)}},
				Docs: []schemas.DocRef{{
					SampleID: fmt.Sprint("pkg", n), Source: "test", Licence: "MIT", End: int64(length),
				}},
				LossWeights: []float32{1},
			}))
			if split == "train" {
				break
			}
		}
		ts.Check(w.Close())
	}
	_, err = b.Publish()
	ts.Check(err)
}

// examples writes a dataset of two questions over invented code, one short and one of many tokens:
// examples DIR.
func examples(ts *testscript.TestScript, _ bool, args []string) {
	b, err := shard.Create(ts.MkAbs(args[0]), shard.Options{
		Kind: schemas.KindExample, Name: "examples", Config: map[string]any{},
	})
	ts.Check(err)
	defer b.Abort() //nolint:errcheck // it does nothing after Publish
	w, err := shard.NewFile[schemas.Example](b, "test", 0)
	ts.Check(err)
	for i, n := range []int{10, 700} {
		ts.Check(w.Write(schemas.Example{
			ID: fmt.Sprint("q", i), Instruction: "What comes next?", Context: invented(1, n),
			Output: "Nothing.", Licence: "MIT", Split: "test", DocIDs: []string{"pkg1"},
		}))
	}
	ts.Check(w.Close())
	_, err = b.Publish()
	ts.Check(err)
}

// invented is Go code of at least n tokens with names that come again.
func invented(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var text strings.Builder
	text.WriteString("package invented\n")
	for text.Len() < 8*n {
		fmt.Fprintf(&text, "func handle%d(count int) int { return value%d + count }\n",
			rng.IntN(60), rng.IntN(60))
	}
	return text.String()
}

// basecopy writes the embedded model into a folder: basecopy DIR.
func basecopy(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	ts.Check(fs.WalkDir(base.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(base.FS(), name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), data, 0o666)
	}))
}

// truncate cuts a file to half its size: truncate FILE.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()/2))
}

// size checks a file's size in bytes: size FILE BYTES.
func size(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprint(info.Size()); got != args[1] {
		ts.Fatalf("%s has %s bytes, want %s", args[0], got, args[1])
	}
}
