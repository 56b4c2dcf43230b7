package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longlora/kernels/cpu"
	"longlora/trainer/hf"
	"longlora/trainer/model"
)

// ways are ways of training, by what they change of the defaults.
var ways = map[string]func(*Config){
	"full":      func(c *Config) { c.Method = MethodFull },
	"lora":      func(*Config) {},
	"dropout":   func(c *Config) { c.LoRADropout = 0.1 },
	"rslora":    func(c *Config) { c.RSLoRA = true },
	"dora":      func(c *Config) { c.DoRA = true },
	"ranks":     func(c *Config) { c.LoRARanks = []string{"q_proj=3"} },
	"pattern":   func(c *Config) { c.LoRAPattern = `.*\.mlp\..*` },
	"head":      func(c *Config) { c.LoRATargets = []string{"q_proj", "lm_head"} },
	"embedding": func(c *Config) { c.LoRATargets, c.Train = []string{"q_proj", "embed_tokens"}, []string{"norm"} },
	"both": func(c *Config) {
		c.LoRATargets, c.Train = []string{"lm_head"}, []string{"head"}
	},
	"tokens": func(c *Config) { c.TrainTokens, c.Train = []string{"3", "5-7"}, []string{"norm"} },
}

// works says which combinations there are, in other words than the table.
func works(way, engine, device, weights string) bool {
	packed := weights == "nf4" || weights == "int8"
	fewer := weights != "f32" && device == "cpu"
	special := slices.Contains([]string{"dora", "tokens", "head", "embedding"}, way)
	switch {
	case way == "both", way == "full" && (packed || fewer):
		return false
	case engine == EngineGorgonia:
		return device == "cpu" && !special
	case device == "cuda":
		return !special && weights != "int8"
	}
	return true
}

// TestCombinations: over the product of methods, engines, devices, precisions and weights every
// combination either trains (on a GPU: is counted) or is refused in one line that names it.
func TestCombinations(t *testing.T) {
	dir := filepath.Join("..", "merge", "testdata", "methods", "base")
	base, err := hf.Open(os.DirFS(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	for way, change := range ways {
		for _, engine := range []string{EngineNative, EngineGorgonia} {
			for _, device := range []string{"cpu", "cuda"} {
				for _, precision := range []string{"f32", "bf16"} {
					for _, weights := range model.Storages() {
						c := Defaults()
						c.Shards, c.Engine, c.Device, c.Precision, c.Weights = "x", engine, device, precision, weights
						c.Context, c.MicroTokens, c.Threads = 16, 16, 1
						change(&c)
						name := fmt.Sprintf("%s/%s/%s/%s/%s", way, engine, device, precision, weights)
						check(t, name, &Run{Config: c, base: base, model: base.Config},
							works(way, engine, device, weights))
					}
				}
			}
		}
	}
}

func check(t *testing.T, name string, r *Run, want bool) {
	t.Helper()
	err := r.Config.Validate()
	if err == nil {
		err = r.setDevice(context.Background())
	}
	if err == nil {
		err = errors.Join(r.checkModules(), r.checkFrozen())
	}
	if err != nil {
		if want || strings.Contains(err.Error(), "\n") ||
			!strings.Contains(err.Error(), "do not go together: ") {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	if !want {
		t.Errorf("%s is taken", name)
		return
	}
	if err := r.tryStep(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// tryStep computes a gradient, or counts one for a GPU.
func (r *Run) tryStep() (err error) {
	if r.gpu != nil {
		return r.count()
	}
	b, err := cpu.Open(r.Config.backend())
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := model.New(b, r.model.Model, r.options())
	if err != nil {
		return err
	}
	defer m.Close()
	if err := r.load(m); err != nil {
		return err
	}
	e, err := r.Config.openEngine(m)
	if err != nil {
		return err
	}
	defer e.close()
	batch := model.Document([]int32{1, 3, 5, 7, 9, 11, 3}, m.Config().Heads)
	batch.Seed = 1
	_, err = e.gradient(batch, 1)
	return err
}
