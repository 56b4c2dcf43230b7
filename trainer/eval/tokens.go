package eval

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"longlora/schemas"
)

// tokensEach is the number of tokens of a sequence of Tokens.
const tokensEach = 1 << 16

// Tokens reads a file of LongLoRA's evaluation data (its eval.py maps PG19 and proof-pile so): token
// ids as little-endian uint16, nothing else. They come in sequences of one document each, which belong
// together as Windows takes them. A token outside the vocabulary is an error.
func Tokens(r io.Reader, name string, vocab int) iter.Seq2[schemas.Sequence, error] {
	return func(yield func(schemas.Sequence, error) bool) {
		in := bufio.NewReaderSize(r, 2*tokensEach)
		for at := int64(0); ; {
			var s schemas.Sequence
			var word [2]byte
			for len(s.InputIDs) < tokensEach {
				if _, err := io.ReadFull(in, word[:]); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					yield(s, fmt.Errorf("%s: token %d: %w", name, at, err))
					return
				}
				id := int32(binary.LittleEndian.Uint16(word[:]))
				if int(id) >= vocab {
					yield(s, fmt.Errorf("%s: token %d is %d, outside the vocabulary of %d: the file is another "+
						"tokenizer's, or no list of 16-bit ids", name, at, id, vocab))
					return
				}
				s.InputIDs = append(s.InputIDs, id)
				at++
			}
			if len(s.InputIDs) == 0 {
				return
			}
			s.NTokens = int32(len(s.InputIDs))
			s.DocLens = []int32{s.NTokens}
			if !yield(s, nil) {
				return
			}
		}
	}
}
