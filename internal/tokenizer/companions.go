package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// readCompanions takes BOS and EOS from the files that stand beside a tokenizer. Without them the
// usual names hold.
func (t *Tokenizer) readCompanions(dir fs.FS) error {
	for _, name := range []string{"special_tokens_map.json", "tokenizer_config.json"} {
		data, err := fs.ReadFile(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("tokenizer: %w", err)
		}
		var c struct {
			BOS json.RawMessage `json:"bos_token"`
			EOS json.RawMessage `json:"eos_token"`
		}
		if err := json.Unmarshal(data, &c); err != nil {
			return fmt.Errorf("tokenizer: %s: %w", name, err)
		}
		t.setEnd(&t.bos, c.BOS)
		t.setEnd(&t.eos, c.EOS)
	}
	return nil
}

// setEnd reads a token given as a string or as an object with its content; null and unknown tokens
// change nothing.
func (t *Tokenizer) setEnd(id *int32, raw json.RawMessage) {
	var token string
	if json.Unmarshal(raw, &token) != nil {
		var object struct{ Content string }
		if json.Unmarshal(raw, &object) != nil {
			return
		}
		token = object.Content
	}
	if found, ok := t.ID(token); ok {
		*id = found
	}
}
