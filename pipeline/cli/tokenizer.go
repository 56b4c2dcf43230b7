package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"longlora/internal/store"
	"longlora/internal/tokenizer"
)

func newTokenizer() *cobra.Command {
	c := &cobra.Command{Use: "tokenizer", Short: "Encode, decode and train tokenizers"}
	c.AddCommand(newTokenizerEncode(), newTokenizerDecode(), newTokenizerTrain())
	return c
}

func tokenizerFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "tokenizer", defaultTokenizer, "tokenizer.json or SentencePiece .model "+
		"file, or the directory that holds one")
}

func newTokenizerEncode() *cobra.Command {
	var name string
	var noSpecial bool
	c := &cobra.Command{
		Use:   "encode PATH…|-",
		Short: "Print each file's ids as one line with a JSON array",
		Long: "Print each file's ids as one line with a JSON array. PATH may be a URL; - is standard\n" +
			"input.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := openTokenizer(name)
			if err != nil {
				return err
			}
			w := bufio.NewWriterSize(c.OutOrStdout(), 1<<20)
			encoder := t.NewEncoder()
			for _, path := range args {
				text, err := readInput(c, path)
				if err != nil {
					return fmt.Errorf("tokenizer encode: %w", err)
				}
				writeIDs(w, encoder.Encode(nil, string(text), !noSpecial))
			}
			return w.Flush()
		},
	}
	tokenizerFlag(c, &name)
	c.Flags().BoolVar(&noSpecial, "no-special", false, "leave out special tokens that the tokenizer "+
		"adds around a text")
	return c
}

// readInput reads a file at a path or URL, or standard input for "-".
func readInput(c *cobra.Command, path string) (data []byte, err error) {
	in, err := openInput(c, path)
	if err != nil {
		return nil, err
	}
	data, err = io.ReadAll(in)
	return data, errors.Join(err, in.Close())
}

// openInput opens a file at a path or URL, or standard input for "-".
func openInput(c *cobra.Command, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(c.InOrStdin()), nil
	}
	if local, ok := store.Local(path); ok {
		return os.Open(local)
	}
	s, err := store.Open(c.Context(), path, stores())
	if err != nil {
		return nil, err
	}
	r, err := s.Open(c.Context(), "", 0)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return remoteInput{r, s}, nil
}

// remoteInput is an object, and the store that it comes from.
type remoteInput struct {
	store.Reader
	store store.Store
}

func (r remoteInput) Close() error { return errors.Join(r.Reader.Close(), r.store.Close()) }

// writeIDs writes one line; errors stay with the writer.
func writeIDs(w *bufio.Writer, ids []int32) {
	line := append(make([]byte, 0, 6*len(ids)+3), '[')
	for i, id := range ids {
		if i > 0 {
			line = append(line, ',')
		}
		line = strconv.AppendInt(line, int64(id), 10)
	}
	w.Write(append(line, "]\n"...)) //nolint:errcheck // Flush returns it
}

func newTokenizerDecode() *cobra.Command {
	var name string
	var special, asJSON bool
	c := &cobra.Command{
		Use:   "decode [PATH…|-]",
		Short: "Print the text of each line with a JSON array of ids",
		Long: "Print the text of each line with a JSON array of ids, as 'tokenizer encode' writes them.\n" +
			"Texts follow each other with nothing between them, so that a file comes back as it was.\n" +
			"PATH may be a URL. Without one it reads standard input.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			t, err := openTokenizer(name)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"-"}
			}
			w := bufio.NewWriterSize(c.OutOrStdout(), 1<<20)
			for _, path := range args {
				if err := decodeFile(c, w, t, path, !special, asJSON); err != nil {
					return fmt.Errorf("tokenizer decode: %s: %w", path, err)
				}
			}
			return w.Flush()
		},
	}
	tokenizerFlag(c, &name)
	c.Flags().BoolVar(&special, "special", false, "print special tokens too")
	c.Flags().BoolVar(&asJSON, "json", false, "print each text as one line with a JSON string")
	return c
}

func decodeFile(c *cobra.Command, w io.Writer, t *tokenizer.Tokenizer, path string,
	skipSpecial, asJSON bool) error {
	in, err := openInput(c, path)
	if err != nil {
		return err
	}
	defer in.Close()
	d := json.NewDecoder(bufio.NewReaderSize(in, 1<<20))
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for line := 1; ; line++ {
		var ids []int32
		err := d.Decode(&ids)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("array %d: %w; each line holds one JSON array of ids", line, err)
		}
		text, err := t.Decode(ids, skipSpecial)
		if err != nil {
			return fmt.Errorf("array %d: %w", line, err)
		}
		if asJSON {
			err = e.Encode(text)
		} else {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			return err
		}
	}
}
