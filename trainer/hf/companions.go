package hf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// companions are the files of a folder that belong to its tokenizer, its use or its licence.
var companions = []string{
	"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
	"added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json",
	"generation_config.json", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "USE_POLICY.md",
}

// CopyCompanions copies the files beside a model's weights, those that are there, into the
// directory dir: the tokenizer's, generation_config.json, the licence.
func (f *Folder) CopyCompanions(dir string) error {
	for _, name := range companions {
		data, err := fs.ReadFile(f.fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o666)
		}
		if err != nil {
			return fmt.Errorf("copy %s of model %s: %w", name, f.Name, err)
		}
	}
	return nil
}
