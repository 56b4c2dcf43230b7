package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"longlora/internal/atomicfile"
	"longlora/internal/command"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/trainer/cli"
	"longlora/trainer/safetensors"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"trainer": func() { os.Exit(command.Main(cli.New())) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			upstream, err := filepath.Abs("../merge/testdata/upstream")
			e.Setenv("UPSTREAM", upstream)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"shards": shards, "poison": poison, "damage": damage, "lock": lock, "await": await,
			"packages": packages, "basecopy": basecopy, "truncate": truncate, "size": size,
			"examples": examples,
			"lengths":  lengths,
		},
	})
}

// shards writes a dataset of 12 training and 4 validation sequences of 40 tokens each, two
// documents in each, in which every token determines the next:
//
//	shards DIR VOCAB [TOKENIZER]
//
// VOCAB bounds the ids. TOKENIZER is the file that the dataset names and carries; without one it
// names none.
func shards(ts *testscript.TestScript, _ bool, args []string) {
	vocab := int32(0)
	for _, digit := range args[1] {
		vocab = 10*vocab + digit - '0'
	}
	o := shard.Options{
		Kind: schemas.KindSequence, Name: "shards", Config: map[string]any{"context": 64},
	}
	if len(args) > 2 {
		o.TokenizerFile = []byte(ts.ReadFile(args[2]))
		sum := sha256.Sum256(o.TokenizerFile)
		o.Tokenizer = &schemas.TokenizerRef{
			Name: "tokenizer.json", Digest: hex.EncodeToString(sum[:]), VocabSize: int(vocab),
		}
	}
	b, err := shard.Create(ts.MkAbs(args[0]), o)
	ts.Check(err)
	defer b.Abort() //nolint:errcheck // it does nothing after Publish
	rng := rand.New(rand.NewPCG(1, uint64(vocab)))
	for split, n := range map[string]int{"train": 12, "validation": 4} {
		w, err := shard.NewFile[schemas.Sequence](b, split, 0)
		ts.Check(err)
		for range n {
			ts.Check(w.Write(sequence(rng, vocab, 25, 15)))
		}
		ts.Check(w.Close())
	}
	_, err = b.Publish()
	ts.Check(err)
}

// lengths writes a dataset of three sequences whose documents have those lengths: lengths DIR VOCAB
// LENGTH... It is an error of the writer where a sequence cannot be.
func lengths(ts *testscript.TestScript, neg bool, args []string) {
	var numbers []int32
	for _, arg := range args[1:] {
		n, err := strconv.Atoi(arg)
		ts.Check(err)
		numbers = append(numbers, int32(n))
	}
	b, err := shard.Create(ts.MkAbs(args[0]), shard.Options{
		Kind: schemas.KindSequence, Name: "lengths", Config: map[string]any{"context": 64},
	})
	ts.Check(err)
	defer b.Abort() //nolint:errcheck // it does nothing after Publish
	w, err := shard.NewFile[schemas.Sequence](b, "train", 0)
	ts.Check(err)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		if err := w.Write(sequence(rng, numbers[0], numbers[1:]...)); neg {
			if err == nil {
				ts.Fatalf("documents of lengths %v are written", numbers[1:])
			}
			ts.Logf("%v", err)
			return
		} else {
			ts.Check(err)
		}
	}
	ts.Check(w.Close())
	_, err = b.Publish()
	ts.Check(err)
}

func sequence(rng *rand.Rand, vocab int32, lens ...int32) (s schemas.Sequence) {
	for _, n := range lens {
		start, id := int32(len(s.InputIDs)), rng.Int32N(vocab)
		for range n {
			s.InputIDs = append(s.InputIDs, id)
			id = (id*7 + 3) % vocab
		}
		s.DocLens = append(s.DocLens, n)
		if n > 1 {
			s.LossSpans = append(s.LossSpans, schemas.LossSpan{Start: start + 1, End: start + n})
		}
		s.Docs = append(s.Docs, schemas.DocRef{SampleID: "d", Source: "test", Licence: "MIT"})
		s.LossWeights = append(s.LossWeights, 1)
	}
	s.NTokens = int32(len(s.InputIDs))
	return s
}

// poison writes NaN into a tensor of a model folder: poison DIR TENSOR.
func poison(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	f, err := safetensors.OpenFolder(os.DirFS(dir))
	ts.Check(err)
	var all []safetensors.Tensor
	for _, name := range f.Names() {
		values, shape, err := f.Floats(name)
		ts.Check(err)
		if name == args[1] {
			values[3] = float32(math.NaN())
		}
		all = append(all, safetensors.Tensor{
			Name: name, Shape: shape, DType: safetensors.F32, Load: safetensors.Values(values),
		})
	}
	ts.Check(f.Close())
	ts.Check(safetensors.WriteFolder(dir, nil, all, 0))
}

// damage flips a bit in the middle of a file: damage FILE.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	data[100] ^= 1 // among the rows, not in what other readers find them by
	ts.Check(os.WriteFile(path, data, 0o666))
}

// lock holds the lock of an output until the script ends: lock PATH.
func lock(ts *testscript.TestScript, _ bool, args []string) {
	release, err := atomicfile.Lock(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { ts.Check(release()) })
}

// await waits until a file that another process writes has some text: await FILE TEXT.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for range 6000 { // a minute
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s does not appear in %s", args[1], args[0])
}
