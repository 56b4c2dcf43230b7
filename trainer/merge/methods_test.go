package merge

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/safetensors"
)

// TestMethods: adapters of PEFT's methods merge to what PEFT merges them to (scripts/oracle/methods.py).
// It adds and scales in float32: an element is a sum of at most 12 products of float32s below 4, times a
// DoRA factor below 4, so that it errs by less than 64 roundings of 16.
func TestMethods(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("testdata", "methods"))
	if err != nil {
		t.Fatal(err)
	}
	adapters := 0
	for _, e := range entries {
		dir := filepath.Join("testdata", "methods", e.Name())
		if _, err := os.Stat(filepath.Join(dir, peft.ConfigName)); err != nil {
			continue
		}
		adapters++
		t.Run(e.Name(), func(t *testing.T) {
			a, err := peft.Open(os.DirFS(dir), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			base := openFolder(t, filepath.Join("testdata", "methods", a.Base))
			if err := a.Fit(base.Config.Model); err != nil {
				t.Fatal(err)
			}
			c, err := Combine(base, a, 0, "")
			if err != nil {
				t.Fatal(err)
			}
			compareMerged(t, c, dir, base.Config.Model)
			if e.Name() != "modules" { // with it PEFT saves the base's embedding and head too
				writeAgain(t, a, dir, base.Config)
			}
		})
	}
	if adapters == 0 {
		t.Error("there is no adapter")
	}
}

// writeAgain requires that what is read of an adapter is written as PEFT wrote it, byte for byte, and
// that its configuration says the same.
func writeAgain(t *testing.T, a *peft.Adapter, dir string, config hf.Config) {
	t.Helper()
	saved := peft.Saved{LoRA: a.LoRA, Base: a.Base, Config: config}
	for _, x := range a.Tensors() {
		saved.Tensors = append(saved.Tensors, safetensors.Tensor{Name: x.Name, Shape: x.Shape,
			DType: x.DType, Load: func() ([]float32, error) { return a.Tensor(x.Name, x.Shape) }})
	}
	out := t.TempDir()
	if err := peft.Write(out, saved); err != nil {
		t.Fatal(err)
	}
	got, want := read(t, out, peft.WeightsName), read(t, dir, peft.WeightsName)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes differ from PEFT's %d", len(got), len(want))
	}
	again, err := peft.Open(os.DirFS(out), out)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if !reflect.DeepEqual(again.LoRA, a.LoRA) {
		t.Errorf("it says %+v, PEFT's %+v", again.LoRA, a.LoRA)
	}
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func openFolder(t *testing.T, dir string) *hf.Folder {
	t.Helper()
	f, err := hf.Open(os.DirFS(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func compareMerged(t *testing.T, c *Combined, dir string, shape model.Config) {
	t.Helper()
	golden, err := safetensors.Open(os.DirFS(dir), "merged.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	changed := 0
	for _, p := range model.Describe(shape, model.Options{}) {
		got, err := c.Merged(p.Name, p.Shape())
		if err != nil {
			t.Fatal(err)
		}
		want, _, err := golden.Floats(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		before, err := c.base.Tensor(p.Name, p.Shape())
		if err != nil {
			t.Fatal(err)
		}
		differs := false
		for i := range want {
			if d := math.Abs(float64(got[i] - want[i])); d > 64*16*0x1p-24 {
				t.Errorf("%s[%d]: %g, PEFT's %g", p.Name, i, got[i], want[i])
				break
			}
			differs = differs || want[i] != before[i]
		}
		if differs {
			changed++
		}
	}
	if changed == 0 {
		t.Error("nothing changed")
	}
}
