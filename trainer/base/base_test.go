package base

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
)

func TestFolder(t *testing.T) {
	want := []string{
		"README.md", "config.json", "longlora.json", "model.safetensors", "tokenizer.json",
	}
	if err := fstest.TestFS(FS(), want...); err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(FS(), "tokenizer.json")
	if err != nil || !slices.Equal(data, defaults.TokenizerFile()) {
		t.Errorf("tokenizer.json is not the default tokenizer: %v", err)
	}
	if _, err := tokenizer.OpenFS(FS()); err != nil {
		t.Error(err)
	}
	info, err := fs.Stat(FS(), "model.safetensors")
	if err != nil || info.Size() > 8<<20 {
		t.Errorf("the embedded weights have %d bytes, want at most 8 MiB: %v", info.Size(), err)
	}
}
