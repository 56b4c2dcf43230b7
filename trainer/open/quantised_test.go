package open

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/model/modeltest"
)

// goldenLogits are those of scripts/oracle/quantised.py.
func goldenLogits(t *testing.T) (ids []int32, logits map[string][]float32) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(quantised, "logits.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		IDs    []int32
		Logits map[string]string
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	logits = map[string][]float32{}
	for kind, text := range g.Logits {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += 4 {
			logits[kind] = append(logits[kind], math.Float32frombits(binary.LittleEndian.Uint32(data[at:])))
		}
	}
	return g.IDs, logits
}

var quantised = filepath.Join("..", "hf", "testdata", "quantised")

// TestQuantised: folders that transformers saved of models quantised by bitsandbytes compute, held as
// they are stored or as values, what a model with those values computes in float64. Two layers of sums of
// at most 40 products err by less than 256 roundings of the greatest logit; both ways of holding them
// give the same bits.
func TestQuantised(t *testing.T) {
	ids, golden := goldenLogits(t)
	for kind, packing := range map[string]model.Packing{
		"nf4": model.NF4, "nf4-single": model.NF4, "int8": model.Int8,
	} {
		t.Run(kind, func(t *testing.T) {
			var first []float32
			for _, p := range []model.Packing{packing, model.Unpacked} {
				m, err := Open(Options{Model: filepath.Join(quantised, kind), Packing: p, Weights: kernels.F32})
				if err != nil {
					t.Fatal(err)
				}
				got := modeltest.Logits(t, m, model.Document(ids, m.Config.Model.Heads))
				if p == model.Unpacked == (m.Params().Lookup("model.layers.0.mlp.up_proj.weight").Packed != nil) {
					t.Errorf("%v: held otherwise", p)
				}
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
				greatest := slices.Max(golden[kind])
				for i, want := range golden[kind] {
					if d := math.Abs(float64(got[i] - want)); d > 256*0x1p-24*float64(greatest) {
						t.Fatalf("%v: logit %d is %g, want %g", p, i, got[i], want)
					}
				}
				if first == nil {
					first = got
				} else if !slices.Equal(got, first) {
					t.Error("values and codes give other bits")
				}
			}
		})
	}
}

func TestQuantisedRefused(t *testing.T) {
	for _, c := range []struct {
		kind    string
		packing model.Packing
		want    string
	}{
		{"fp4", model.Unpacked, `bnb_4bit_quant_type "fp4"`},
		{"nf4", model.Int8, "its weights are stored as nf4"},
		{"int8", model.NF4, "its weights are stored as int8"},
	} {
		m, err := Open(Options{Model: filepath.Join(quantised, c.kind), Packing: c.packing})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %v: error %v, want %q", c.kind, c.packing, err, c.want)
		}
		m.Close() //nolint:errcheck // there is none
	}
}

// TestQuantisedConfig: an adapter's folder says how its base is quantised, a merged one does not.
func TestQuantisedConfig(t *testing.T) {
	dir := filepath.Join(quantised, "nf4")
	f, err := hf.Open(os.DirFS(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for want, c := range map[bool]hf.Config{true: f.Config, false: f.Config.Unquantised()} {
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "quantization_config"); got != want {
			t.Errorf("quantization_config is there: %v, want %v", got, want)
		}
	}
}
