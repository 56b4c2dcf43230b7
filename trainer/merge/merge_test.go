package merge

import (
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/internal/atomicfile"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

func tiny(tied bool) model.Config {
	return model.Config{Vocab: 11, Hidden: 6, Layers: 2, Heads: 3, KVHeads: 1, HeadDim: 4, FFN: 7,
		Eps: 1e-5, Tied: tied}
}

var lora = model.LoRA{Targets: []string{"q_proj", "down_proj"}, Rank: 3, Alpha: 4}

// random returns tensors for params, and keeps their values.
func random(params model.Params, seed uint64, d safetensors.DType, keep map[string][]float32,
) []safetensors.Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []safetensors.Tensor
	for _, p := range params {
		values := make([]float32, p.Len())
		for i := range values {
			values[i] = safetensors.Round(float32(rng.NormFloat64()), d)
		}
		keep[p.Name] = values
		all = append(all, safetensors.Tensor{Name: p.Name, Shape: p.Shape(), DType: d,
			Load: safetensors.Values(values)})
	}
	return all
}

type pair struct {
	base    *hf.Folder
	adapter *peft.Adapter
	// values are those of all tensors, by the names of package model.
	baseValues, adapterValues map[string][]float32
}

// open writes a base and an adapter and opens them.
func open(t *testing.T, c model.Config, d safetensors.DType) pair {
	t.Helper()
	p := pair{baseValues: map[string][]float32{}, adapterValues: map[string][]float32{}}
	r := rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1, Max: 16, Original: 16}
	config := hf.NewConfig(c, r, 1, 2)
	baseDir, adapterDir := t.TempDir(), t.TempDir()
	weights := random(model.Describe(c, model.Options{}), 1, d, p.baseValues)
	if err := hf.Write(baseDir, config, hf.Notes{Context: 16}, weights, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(baseDir, "tokenizer.json"), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	extended, err := rope.Extend(r, rope.Linear, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	config.RoPE = extended
	options := model.Options{LoRA: &lora, Train: []string{"embed", "norm"}}
	trained := random(model.Describe(c, options).Trainable(), 2, safetensors.F32, p.adapterValues)
	err = peft.Write(adapterDir, peft.Saved{LoRA: lora, Base: "some/base", Config: config,
		Notes: hf.Notes{Context: 64, Base: "some/base", Steps: 7}, Tensors: trained})
	if err != nil {
		t.Fatal(err)
	}
	if p.base, err = hf.Open(os.DirFS(baseDir), baseDir); err != nil {
		t.Fatal(err)
	}
	if p.adapter, err = peft.Open(os.DirFS(adapterDir), adapterDir); err != nil {
		t.Fatal(err)
	}
	if err := p.adapter.Fit(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.base.Close(), p.adapter.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// want computes a merged tensor by the definition, element by element.
func (p pair) want(q *model.Param) []float64 {
	var out []float64
	full, isFull := p.adapterValues[q.Name]
	module := strings.TrimSuffix(q.Name, ".weight")
	a, b := p.adapterValues[module+model.LoRAA], p.adapterValues[module+model.LoRAB]
	for i, v := range p.baseValues[q.Name] {
		sum := float64(v)
		if isFull {
			sum = float64(full[i])
		}
		if a != nil {
			in := q.Shape()[1]
			for r := range lora.Rank {
				sum += lora.Alpha / float64(lora.Rank) *
					float64(b[i/in*lora.Rank+r]) * float64(a[r*in+i%in])
			}
		}
		out = append(out, sum)
	}
	return out
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		tied          bool
		stored, asked safetensors.DType
		// unit is the relative error of rounding to the result's type.
		unit float64
	}{
		{true, safetensors.F32, "", 0x1p-24},
		{false, safetensors.BF16, "", 0x1p-8},
		{true, safetensors.BF16, safetensors.F32, 0x1p-24},
		{false, safetensors.F32, safetensors.F16, 0x1p-11},
	} {
		config := tiny(c.tied)
		p := open(t, config, c.stored)
		out := filepath.Join(t.TempDir(), "merged")
		got, err := Merge(out, p.base, p.adapter, Options{DType: c.asked, MaxFile: 700})
		if err != nil {
			t.Fatal(err)
		}
		tensors := len(p.baseValues)
		if got.Tensors != tensors || got.Adapted != 4 || got.Replaced != 6 || got.Context != 64 {
			t.Errorf("%+v, want %d tensors, 4 adapted, 6 replaced, context 64", got, tensors)
		}
		f, err := hf.Open(os.DirFS(out), out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, q := range model.Describe(config, model.Options{}) {
			values, err := f.Tensor(q.Name, q.Shape())
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range p.want(q) {
				// One rounding to float32, one to the type; F16 and float64 sums add next to
				// nothing.
				if d := math.Abs(float64(values[i]) - want); d > (c.unit+0x1p-24)*math.Abs(want)+0x1p-24 {
					t.Errorf("%+v: %s element %d is %v, want %v", c, q.Name, i, values[i], want)
				}
			}
			want := c.asked
			if want == "" {
				want = c.stored
			}
			if d, err := f.DType(q.Name); err != nil || d != want {
				t.Errorf("%s is %s, %v; want %s", q.Name, d, err, want)
			}
		}
		if f.Config.RoPE.Factor != 4 || f.Config.RoPE.Max != 64 || f.Config.Model.Tied != c.tied ||
			f.Notes.Steps != 7 {
			t.Errorf("%+v, %+v", f.Config, f.Notes)
		}
		if _, err := os.Stat(filepath.Join(out, "tokenizer.json")); err != nil {
			t.Error(err)
		}
	}
}

func TestTiedStaysTied(t *testing.T) {
	p := open(t, tiny(true), safetensors.F32)
	out := filepath.Join(t.TempDir(), "merged")
	if _, err := Merge(out, p.base, p.adapter, Options{}); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.OpenFolder(os.DirFS(out))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Info(model.HeadName); !errors.Is(err, safetensors.ErrMissing) {
		t.Errorf("a head is stored beside the tied embedding: %v", err)
	}
}

// TestNothingHalfWritten: whatever goes wrong, there is either no folder or the one before.
func TestNothingHalfWritten(t *testing.T) {
	p := open(t, tiny(true), safetensors.F32)
	out := filepath.Join(t.TempDir(), "merged")
	if _, err := Merge(out, p.base, p.adapter, Options{DType: "I8"}); err == nil ||
		!strings.Contains(err.Error(), "the storage types are F32, BF16 and F16") {
		t.Errorf("I8: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || hasOutput(entries) {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := Merge(out, p.base, p.adapter, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Merge(out, p.base, p.adapter, Options{}); !errors.Is(err, atomicfile.ErrExists) {
		t.Errorf("second merge: %v", err)
	}
	if _, err := Merge(out, p.base, p.adapter, Options{Overwrite: true}); err != nil {
		t.Error(err)
	}
}

func hasOutput(entries []fs.DirEntry) bool {
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			return true
		}
	}
	return false
}

// TestVerifyFindsDamage flips a bit of the written weights before they are read again.
func TestVerifyFindsDamage(t *testing.T) {
	p := open(t, tiny(true), safetensors.F32)
	c, err := Combine(p.base, p.adapter, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	m := &merger{base: p.base, combined: c, sums: map[string]Checksum{}}
	dir := t.TempDir()
	if err := m.write(dir); err != nil {
		t.Fatal(err)
	}
	if err := m.verify(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, safetensors.SingleName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-20] ^= 1
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := m.verify(dir); err == nil || !strings.Contains(err.Error(), "is not what was written") {
		t.Errorf("damage: %v", err)
	}
}

func TestBeyondTheRangeOfF16(t *testing.T) {
	p := open(t, tiny(true), safetensors.F32)
	p.adapter.LoRA.Alpha = 1e9
	out := filepath.Join(t.TempDir(), "merged")
	_, err := Merge(out, p.base, p.adapter, Options{DType: safetensors.F16})
	if err == nil || !strings.Contains(err.Error(), "beyond the range of F16") {
		t.Errorf("error %v", err)
	}
}
