package rope

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// goldenCase is a case of testdata/transformers.json (scripts/oracle/rope.py).
type goldenCase struct {
	Config  json.RawMessage
	HeadDim int `json:"head_dim"`
	Length  int
	InvFreq []float32 `json:"inv_freq"`
	Scale   float64
	Rows    []int
	Cos     [][]float32
	Sin     [][]float32
}

// TestTransformersGolden holds every kind against transformers' own LlamaRotaryEmbedding, at head
// sizes and thetas where the rounding of float32 shows.
func TestTransformersGolden(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "transformers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	seen := map[Kind]bool{}
	for _, c := range file.Cases {
		s, err := Parse(c.Config)
		if err != nil {
			t.Fatalf("%s: %v", c.Config, err)
		}
		if err := s.Validate(c.HeadDim); err != nil {
			t.Fatalf("%s: %v", c.Config, err)
		}
		seen[s.Kind] = true
		c.compareFrequencies(t, s)
		c.compareTables(t, s)
	}
	for _, k := range Kinds() {
		if !seen[k] {
			t.Errorf("no case of kind %s", k)
		}
	}
}

// bound is the relative error allowed of a frequency: PyTorch's vectorised pow errs by up to one
// unit in the last place (2^-23) where ours is rounded once (2^-24), and YaRN and Llama3 blend two
// such values, as Dynamic has two powers, one of the other.
const bound = 3 * 0x1p-23

func (c goldenCase) compareFrequencies(t *testing.T, s Spec) {
	got, scale := s.Frequencies(c.HeadDim, c.Length)
	if len(got) != len(c.InvFreq) || math.Abs(scale-c.Scale) > 1e-6 {
		t.Fatalf("%s: %d frequencies, scale %v; want %d and %v", c.Config, len(got), scale,
			len(c.InvFreq), c.Scale)
	}
	for j := range got {
		if r := relative(got[j], c.InvFreq[j]); r > bound {
			t.Errorf("%s: frequency %d is %v, want %v: %.1f units in the last place", c.Config, j,
				got[j], c.InvFreq[j], r/0x1p-23)
		}
	}
}

// compareTables: an angle m·w differs by m·w times w's relative error.
func (c goldenCase) compareTables(t *testing.T, s Spec) {
	cos, sin := s.Tables(c.HeadDim, c.Length)
	half := c.HeadDim / 2
	for i, m := range c.Rows {
		for j := range half {
			angle := float64(m) * float64(c.InvFreq[j])
			limit := c.Scale * (angle*(bound+0x1p-23) + 4*0x1p-23)
			dc := math.Abs(float64(cos[m*half+j]) - float64(c.Cos[i][j]))
			ds := math.Abs(float64(sin[m*half+j]) - float64(c.Sin[i][j]))
			if dc > limit || ds > limit {
				t.Errorf("%s: position %d pair %d differs by %g and %g, at most %g", c.Config, m, j, dc,
					ds, limit)
			}
		}
	}
}
