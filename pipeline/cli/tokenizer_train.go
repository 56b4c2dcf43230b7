package cli

import (
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"longlora/internal/atomicfile"
	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/pipeline/split"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// tokenizerTraining is what the flags of tokenizer train say.
type tokenizerTraining struct {
	documents, part, out string
	kind                 string
	modelOut             string
	bytes                tokenizer.TrainOptions
	pieces               tokenizer.PieceOptions // of what both have, bytes holds the flags
	fallback, split      bool
	remote               *cacheFlags
}

// The kinds of tokenizers that can be trained.
const (
	kindByteLevel     = "byte-level"
	kindSentencePiece = "sentencepiece"
)

// pieceFlags lists the flags that only one kind has.
func pieceFlags() []string {
	return []string{"user-symbols", "character-coverage", "byte-fallback", "split-digits", "model-out"}
}

func newTokenizerTrain() *cobra.Command {
	o := tokenizerTraining{bytes: tokenizer.TrainOptions{
		VocabSize: 4096, Special: []string{"<s>", "</s>"}, BOS: "<s>"}}
	c := &cobra.Command{
		Use:   "train --documents DIR --out FILE",
		Short: "Learn a byte-level or SentencePiece-style BPE from documents and write a tokenizer.json",
		Long: "Learn a BPE from documents and write a tokenizer.json.\n\n" +
			"--kind byte-level cuts text into words as LLaMA-3 does and merges bytes.\n" +
			"--kind sentencepiece makes what LLaMA-2 and Mistral have: spaces are marks, nothing else is\n" +
			"normalized, lines are learned from one by one, and pieces are merged as SentencePiece\n" +
			"merges them, within a script and of at most 16 characters. <unk> gets id 0. With --model-out\n" +
			"the same is written as a .model file, which the SentencePiece library reads.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.documents == "" || o.out == "" {
				return command.Usagef("tokenizer train needs --documents and --out")
			}
			if err := o.finish(c); err != nil {
				return err
			}
			return o.run(c)
		},
	}
	o.remote = addCacheFlags(c)
	fs := c.Flags()
	fs.StringVar(&o.documents, "documents", "", "document dataset to learn from: a path or a URL")
	fs.StringVar(&o.part, "split", split.Train, "split to learn from")
	fs.StringVar(&o.out, "out", "", "tokenizer.json to write")
	fs.StringVar(&o.kind, "kind", kindByteLevel, kindByteLevel+" or "+kindSentencePiece)
	b, p := &o.bytes, &o.pieces
	fs.IntVar(&b.VocabSize, "vocab-size", b.VocabSize, "number of tokens, bytes and specials included")
	fs.StringSliceVar(&b.Special, "special", b.Special, "special tokens; they get the first ids")
	fs.StringVar(&b.BOS, "bos", b.BOS, "special token before every text; empty: none")
	fs.IntVar(&b.MinFrequency, "min-frequency", 2, "least number of times that a merged pair occurs")
	fs.StringSliceVar(&p.User, "user-symbols", nil, "sentencepiece: symbols that are tokens wherever "+
		"they stand")
	fs.Float64Var(&p.Coverage, "character-coverage", 0.9995, "sentencepiece: part of the text's "+
		"characters that get tokens of their own")
	fs.BoolVar(&o.fallback, "byte-fallback", true, "sentencepiece: spell other characters as bytes")
	fs.BoolVar(&o.split, "split-digits", true, "sentencepiece: each digit is a token")
	fs.StringVar(&o.modelOut, "model-out", "", "sentencepiece: .model file to write too")
	return c
}

// finish checks the flags and fills in what follows from them.
func (o *tokenizerTraining) finish(c *cobra.Command) error {
	var err error
	switch o.kind {
	case kindByteLevel:
		for _, name := range pieceFlags() {
			if c.Flags().Changed(name) {
				return command.Usagef("tokenizer train: --%s needs --kind %s", name, kindSentencePiece)
			}
		}
		err = o.bytes.Validate()
	case kindSentencePiece:
		o.pieces.VocabSize, o.pieces.MinFrequency = o.bytes.VocabSize, o.bytes.MinFrequency
		o.pieces.Special, o.pieces.BOS = o.bytes.Special, o.bytes.BOS
		o.pieces.NoBytes, o.pieces.JoinDigits = !o.fallback, !o.split
		err = o.pieces.Validate()
	default:
		return command.Usagef("tokenizer train: --kind %q is neither %s nor %s", o.kind, kindByteLevel,
			kindSentencePiece)
	}
	if err != nil {
		return command.Usagef("tokenizer train: %w", err)
	}
	return nil
}

func (o *tokenizerTraining) run(c *cobra.Command) error {
	d, err := o.remote.open(c.Context(), o.documents)
	if err != nil {
		return fmt.Errorf("tokenizer train: %w", err)
	}
	rows, _ := d.Count(o.part)
	p := command.NewProgress(c.ErrOrStderr(), "train", rows, "documents")
	var failed error
	data, model, err := o.learn(func(yield func(string) bool) {
		for doc, err := range shard.Rows[schemas.Document](d, o.part) {
			if err == nil {
				err = c.Context().Err()
			}
			if failed = err; failed != nil || !yield(doc.Text) {
				return
			}
			p.Add(1)
		}
	})
	p.Done()
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("tokenizer train: %w", err)
	}
	return o.write(c, data, model)
}

// learn returns the tokenizer.json and, of the SentencePiece kind, the .model file.
func (o *tokenizerTraining) learn(docs iter.Seq[string]) (data, model []byte, err error) {
	if o.kind == kindByteLevel {
		data, err = tokenizer.TrainByteLevelBPE(docs, o.bytes)
		return data, nil, err
	}
	pieces, err := tokenizer.TrainPieces(docs, o.pieces)
	if err != nil {
		return nil, nil, err
	}
	data, err = pieces.JSON()
	return data, pieces.Model(), err
}

func (o *tokenizerTraining) write(c *cobra.Command, data, model []byte) error {
	t, err := tokenizer.Parse(o.out, data)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(o.out, data); err != nil {
		return fmt.Errorf("tokenizer train: %w", err)
	}
	if o.modelOut != "" {
		if err := atomicfile.Write(o.modelOut, model); err != nil {
			return fmt.Errorf("tokenizer train: %w", err)
		}
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d tokens, digest %s\n", o.out, t.VocabSize(),
		t.Digest())
	return err
}
