package inspect

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"longlora/internal/testdata"
)

func text(t *testing.T, r *Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestModel(t *testing.T) {
	dir := testdata.Shared(t, "models", "TinyStories-656K-hf-bf16")
	r, err := Folder(os.DirFS(dir), "tiny")
	if err != nil {
		t.Fatal(err)
	}
	// 2,048·128 + 2·(128·(128+64+64+128) + 3·128·384 + 2·128) + 128
	if r.Kind != "model" || r.Parameters != 656_000 || r.Context != 512 || !r.Tokenizer ||
		len(r.Types) != 1 || r.Types[0].Bytes != 1_312_000 {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"model", "2 of 128, inner 384", "8 of 16, 4 for keys", "656000",
		"2048, head tied", "512 tokens", "BF16", "262144 in 1 tensors"} {
		if got := text(t, r); !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// TestAdapter inspects what PEFT wrote: there is no config.json in it.
func TestAdapter(t *testing.T) {
	for name, parameters := range map[string]int64{
		// LoRA: 3·(8+12) + 3·(8+6) twice, 3·(12+8), two layers; norms 5·8; embedding 12·8, and the
		// head that PEFT stores when it is tied, which nothing here tells to be the same.
		"tied": 2*(60+42+42+60) + 40 + 96 + 96, "untied": 2*(60+42+42+60) + 40 + 96,
	} {
		r, err := Folder(os.DirFS(filepath.Join("..", "peft", "testdata", name)), name)
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != "adapter" || r.Parameters != parameters || r.Adapter.Rank != 3 || r.Context != 0 {
			t.Errorf("%s: %+v, want %d parameters", name, r, parameters)
		}
		for _, want := range []string{"rank 3, alpha 6, on q_proj, k_proj, v_proj, o_proj",
			"not in the folder"} {
			if got := text(t, r); !strings.Contains(got, want) {
				t.Errorf("no %q in:\n%s", want, got)
			}
		}
	}
}

func TestFolderRefuses(t *testing.T) {
	for want, fsys := range map[string]fstest.MapFS{
		"neither a model":       {},
		"use pipeline stat":     {"manifest.json": {}},
		"adapter x: ":           {"adapter_config.json": {}},
		"model x: config.json:": {"config.json": {}},
	} {
		if _, err := Folder(fsys, "x"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
