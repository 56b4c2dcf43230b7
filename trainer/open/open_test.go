package open

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/trainer/model"
	"longlora/trainer/rope"
)

func TestContext(t *testing.T) {
	for _, c := range []struct {
		o       Options
		context int
		kind    rope.Kind
		factor  float64
	}{
		{Options{}, 512, rope.Default, 1},
		{Options{Model: Base, Context: 100, Rope: rope.Linear}, 100, rope.Default, 1},
		{Options{Context: 4096, Rope: rope.Linear}, 4096, rope.Linear, 8},
		{Options{Context: 1300, Rope: rope.YaRN}, 1300, rope.YaRN, 3},
	} {
		m, err := Open(c.o)
		if err != nil {
			t.Fatal(err)
		}
		r := m.Config.RoPE
		if got := m.Options().Context; got != c.context || r.Kind != c.kind || r.Factor != c.factor {
			t.Errorf("%+v: context %d, RoPE %s with factor %v; want %d, %s, %v",
				c.o, got, r.Kind, r.Factor, c.context, c.kind, c.factor)
		}
		if err := m.Logits(model.Document([]int32{0, 5}, m.Config.Model.Heads),
			func(int, []float32) error { return nil }); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err := Open(Options{Context: 4096, Rope: rope.LongRoPE})
	if err == nil || !strings.Contains(err.Error(), "no method") {
		t.Errorf("a method that there is not: %v", err)
	}
}

// TestFolderOfARun finds the model and the adapter inside a run's output directory.
func TestFolderOfARun(t *testing.T) {
	run := t.TempDir()
	for _, file := range []string{"model/config.json", "adapter/adapter_config.json"} {
		path := filepath.Join(run, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{run, filepath.Join(run, "model")} {
		if data, err := fs.ReadFile(Folder(dir), "config.json"); string(data) != "model/config.json" {
			t.Errorf("%s: got %q, %v", dir, data, err)
		}
	}
	if data, err := fs.ReadFile(Any(filepath.Join(run, "adapter")), "adapter_config.json"); string(
		data) != "adapter/adapter_config.json" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := Adapter(run); err == nil || !strings.Contains(err.Error(), "adapter_config.json") {
		t.Errorf("a damaged adapter: %v", err)
	}
}
