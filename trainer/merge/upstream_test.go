package merge

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

// TestUpstream merges what LongLoRA's own scripts leave behind, over a base in files of torch.save,
// with the token that they add to the vocabulary, and compares with what those scripts merge it to
// (scripts/oracle/interchange.py). PyTorch adds the product of the matrices in single precision: at
// rank 3 that is four roundings of 2^-24 of values below 4.
func TestUpstream(t *testing.T) {
	dir := filepath.Join("testdata", "upstream")
	base, err := hf.Open(os.DirFS(filepath.Join(dir, "base")), "base")
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	a, err := peft.Open(os.DirFS(filepath.Join(dir, "adapter")), "adapter")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Fit(base.Config.Model); err == nil || !strings.Contains(err.Error(), "has 13 rows") {
		t.Errorf("fit before the base has grown: %v", err)
	}
	if err := base.Grow(a.Vocab()); err != nil {
		t.Fatal(err)
	}
	if err := a.Fit(base.Config.Model); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "merged")
	r, err := Merge(out, base, a, Options{Context: 128, Rope: rope.Linear})
	if err != nil {
		t.Fatal(err)
	}
	if r.Context != 128 || r.Adapted != 8 || r.Replaced != 6 {
		t.Errorf("result %+v", r)
	}
	merged, err := hf.Open(os.DirFS(out), out)
	if err != nil {
		t.Fatal(err)
	}
	defer merged.Close()
	if c := merged.Config; c.Model.Vocab != 13 || c.RoPE.Factor != 4 || c.RoPE.Kind != rope.Linear {
		t.Errorf("config %+v %+v", c.Model, c.RoPE)
	}
	want, err := safetensors.Open(os.DirFS(dir), "merged.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	for _, p := range model.Describe(merged.Config.Model, model.Options{}) {
		got, err := merged.Tensor(p.Name, p.Shape())
		if err != nil {
			t.Fatal(err)
		}
		exact, _, err := want.Floats(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range exact {
			if d := math.Abs(float64(got[i] - exact[i])); !(d <= 4*4*math.Exp2(-24)) {
				t.Fatalf("%s[%d] = %g, want %g", p.Name, i, got[i], exact[i])
			}
		}
	}
}

func TestGrowRefuses(t *testing.T) {
	base, err := hf.Open(os.DirFS("testdata/upstream/base"), "base")
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	for _, vocab := range []int{11, 12 + 257} {
		if err := base.Grow(vocab); err == nil || !strings.Contains(err.Error(), "vocabulary of 12") {
			t.Errorf("grow to %d: %v", vocab, err)
		}
	}
}
