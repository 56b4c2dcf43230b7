package export

import (
	"errors"
	"fmt"
	"io/fs"

	"longlora/internal/tokenizer"
)

// checkTokenizer refuses a tokenizer with more tokens than the model knows. A folder without one is
// fine.
func checkTokenizer(fsys fs.FS, vocab int) error {
	tok, err := tokenizer.OpenFS(fsys)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if tok.VocabSize() > vocab {
		return fmt.Errorf("the tokenizer has %d tokens, the model's vocabulary is %d: they do not belong "+
			"together", tok.VocabSize(), vocab)
	}
	return nil
}
