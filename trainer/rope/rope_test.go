package rope

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"longlora/internal/testdata"
)

const (
	headDim = 128
	context = 2048
)

// vector is a case of the file of transformers' own tests.
type vector struct {
	Type     Kind      `json:"rope_type"`
	Factor   float64   `json:"factor"`
	Length   int       `json:"seq_len"`
	Original int       `json:"original_max_position_embeddings"`
	LowFreq  float64   `json:"low_freq_factor"`
	HighFreq float64   `json:"high_freq_factor"`
	BetaFast float64   `json:"beta_fast"`
	BetaSlow float64   `json:"beta_slow"`
	Want     []float32 `json:"inv_freq"`
}

func (v vector) spec() Spec {
	return Spec{Kind: v.Type, Theta: 10000, Factor: max(v.Factor, 1), Max: context, Original: context,
		LowFreq: v.LowFreq, HighFreq: v.HighFreq, BetaFast: v.BetaFast, BetaSlow: v.BetaSlow}
}

func TestTransformersVectors(t *testing.T) {
	data, err := os.ReadFile(testdata.Shared(t, "vectors", "rope", "transformers_inv_freq.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, v := range file.Cases {
		if v.Want == nil {
			continue // a rule, not values: TestLinearRule and TestLongRoPERule
		}
		got, scale := v.spec().Frequencies(headDim, v.Length)
		compared++
		if len(got) != len(v.Want) {
			t.Fatalf("%s: %d frequencies, want %d", v.Type, len(got), len(v.Want))
		}
		for j := range got {
			// The file has five significant digits: half a unit of the fifth is at most 5e-5.
			if relative(got[j], v.Want[j]) > 5e-5 {
				t.Errorf("%s: frequency %d is %v, want %v", v.Type, j, got[j], v.Want[j])
			}
		}
		want := 1.0
		if v.Type == YaRN {
			want = 0.1*math.Log(v.Factor) + 1
		}
		if scale != want {
			t.Errorf("%s: scale %v, want %v", v.Type, scale, want)
		}
	}
	if compared != 4 {
		t.Errorf("compared %d cases, want default, dynamic, yarn and llama3", compared)
	}
}

func relative(got, want float32) float64 {
	return math.Abs(float64(got)-float64(want)) / math.Abs(float64(want))
}

func defaultSpec() Spec {
	return Spec{Kind: Default, Theta: 10000, Factor: 1, Max: context, Original: context}
}

func TestLinearRule(t *testing.T) {
	base, _ := defaultSpec().Frequencies(headDim, context)
	for _, factor := range []float64{2, 10, 20} {
		s := defaultSpec()
		s.Kind, s.Factor = Linear, factor
		got, scale := s.Frequencies(headDim, context)
		for j := range got {
			if got[j] != base[j]/float32(factor) || scale != 1 {
				t.Errorf("factor %g: frequency %d is %v, scale %v", factor, j, got[j], scale)
			}
		}
	}
}

func TestLongRoPERule(t *testing.T) {
	s := defaultSpec()
	s.Kind, s.Factor, s.Max = LongRoPE, 8, 8*context
	for j := range headDim / 2 {
		s.Short = append(s.Short, 1)
		s.Long = append(s.Long, 1+float64(j))
	}
	base, _ := defaultSpec().Frequencies(headDim, context)
	short, scale := s.Frequencies(headDim, context)
	long, _ := s.Frequencies(headDim, context+1)
	for j := range base {
		if short[j] != base[j] || relative(long[j], base[j]/float32(1+j)) > 1e-6 {
			t.Errorf("frequency %d: short %v, long %v, default %v", j, short[j], long[j], base[j])
		}
	}
	if want := math.Sqrt(1 + math.Log(8)/math.Log(context)); scale != want {
		t.Errorf("scale %v, want %v", scale, want)
	}
}

func TestTables(t *testing.T) {
	s := defaultSpec()
	s.Kind, s.Factor = YaRN, 4
	s.BetaFast, s.BetaSlow = 32, 1
	w, scale := s.Frequencies(8, 10)
	cos, sin := s.Tables(8, 10)
	if len(cos) != 10*4 || len(sin) != 10*4 {
		t.Fatalf("tables of %d and %d, want 40", len(cos), len(sin))
	}
	for m := range 10 {
		for j := range 4 {
			angle := float64(m) * float64(w[j])
			c, s := scale*math.Cos(angle), scale*math.Sin(angle)
			// One rounding of the angle (at most 9), one of each factor.
			if math.Abs(float64(cos[4*m+j])-c) > 2e-6 || math.Abs(float64(sin[4*m+j])-s) > 2e-6 {
				t.Errorf("position %d pair %d: (%v, %v), want (%v, %v)", m, j, cos[4*m+j], sin[4*m+j], c, s)
			}
		}
	}
}

func TestExtend(t *testing.T) {
	for _, c := range []struct {
		method          Kind
		current, target int
		factor          float64
	}{
		{Linear, 2048, 8192, 4}, {Linear, 2048, 8191, 4}, {Linear, 2048, 8193, 5},
		{Dynamic, 2048, 4096, 2}, {YaRN, 2048, 32768, 16}, {Llama3, 2048, 4096, 2},
	} {
		s, err := Extend(defaultSpec(), c.method, c.current, c.target)
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind != c.method || s.Factor != c.factor || s.Max != c.target || s.Original != c.current {
			t.Errorf("%s %d to %d: %+v, want factor %g", c.method, c.current, c.target, s, c.factor)
		}
		if err := s.Validate(headDim); err != nil {
			t.Error(err)
		}
		again, err := Extend(s, c.method, c.target, 3*c.target)
		if err != nil {
			t.Fatal(err)
		}
		if again.Factor != 3*c.factor || again.Original != c.current || again.Max != 3*c.target {
			t.Errorf("%s again: %+v, want factor %g", c.method, again, 3*c.factor)
		}
		same, err := Extend(s, Linear, c.target, c.target-1)
		if err != nil || !reflect.DeepEqual(same, s) {
			t.Errorf("%s within the context: %+v, %v", c.method, same, err)
		}
	}
}

func TestExtendRefuses(t *testing.T) {
	llama3, yarn, long := defaultSpec(), defaultSpec(), defaultSpec()
	llama3.Kind, yarn.Kind, long.Kind = Llama3, YaRN, LongRoPE
	yarn.AttentionFactor = 1.2
	for _, c := range []struct {
		s       Spec
		method  Kind
		current int
		want    string
	}{
		{llama3, Linear, 2048, "the model has llama3 already, linear on top"},
		{llama3, YaRN, 2048, "choose llama3"},
		{long, Linear, 2048, "come from a search"},
		{long, LongRoPE, 2048, `no method "longrope"`},
		{defaultSpec(), "ntk", 2048, "the methods are linear, dynamic, yarn and llama3"},
		{yarn, YaRN, 2048, "attention_factor"},
		{defaultSpec(), Linear, 0, "context of 0"},
	} {
		_, err := Extend(c.s, c.method, c.current, 4096)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s on %s: error %v, want one with %q", c.method, c.s.Kind, err, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	scaled := func(s string) string {
		return `{"rope_theta": 5e5, "max_position_embeddings": 8192, ` + s + `}`
	}
	linear := Spec{Kind: Linear, Theta: 5e5, Factor: 4, Max: 8192, Original: 2048}
	unknown := linear
	unknown.Original = 8192
	for _, c := range []struct {
		config string
		want   Spec
	}{
		{`{}`, defaultSpec()},
		{`{"rope_scaling": null, "rope_theta": 1e6}`,
			Spec{Kind: Default, Theta: 1e6, Factor: 1, Max: 2048, Original: 2048}},
		{scaled(`"rope_scaling": {"type": "linear", "factor": 4}`), unknown},
		{scaled(`"rope_scaling": {"rope_type": "linear", "type": "linear", "factor": 4},
			"original_max_position_embeddings": 2048`), linear},
		{`{"max_position_embeddings": 8192, "original_max_position_embeddings": 2048,
			"rope_parameters": {"rope_type": "linear", "rope_theta": 5e5, "factor": 4.0}}`, linear},
		{scaled(`"rope_scaling": {"type": "dynamic", "factor": 2}`),
			Spec{Kind: Dynamic, Theta: 5e5, Factor: 2, Max: 16384, Original: 8192}},
		{scaled(`"rope_scaling": {"type": "yarn", "factor": null, "finetuned": true,
			"original_max_position_embeddings": 2048, "beta_fast": 16, "truncate": false}`),
			Spec{Kind: YaRN, Theta: 5e5, Factor: 4, Max: 8192, Original: 2048, BetaFast: 16, BetaSlow: 1,
				NoTruncate: true}},
		{scaled(`"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
			"high_freq_factor": 4, "original_max_position_embeddings": 1024}`),
			Spec{Kind: Llama3, Theta: 5e5, Factor: 8, Max: 8192, Original: 1024, LowFreq: 1, HighFreq: 4}},
		{scaled(`"original_max_position_embeddings": 1024, "rope_scaling": {"type": "longrope",
			"short_factor": [1, 1], "long_factor": [1, 2.5]}`),
			Spec{Kind: LongRoPE, Theta: 5e5, Factor: 8, Max: 8192, Original: 1024,
				Short: []float64{1, 1}, Long: []float64{1, 2.5}}},
	} {
		got, err := Parse([]byte(c.config))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", c.config, got, err, c.want)
		}
		if err := got.Validate(4); err != nil {
			t.Error(err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`{"rope_scaling": {"type": "ntk", "factor": 2}}`, `rope_type "ntk" is not supported`},
		{`{"rope_scaling": {"type": "linear", "rope_type": "yarn", "factor": 2}}`, "remove the wrong"},
		{`{"rope_scaling": {"type": "linear"}}`, "needs a factor"},
		{`{"rope_scaling": {"type": "linear", "factor": 2, "mrope_section": [1]}}`, "mrope_section"},
		{`{"rope_scaling": {"type": "linear", "factor": "2"}}`, "factor"},
		{`{"rope_parameters": {"full_attention": {"rope_type": "default"}}}`, "full_attention"},
		{`{"partial_rotary_factor": 0.5}`, "partial_rotary_factor 0.5"},
		{`{"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.25}}`, "0.25"},
		{`{"rope_scaling": {"type": "linear", "factor": 2},
			"rope_parameters": {"rope_type": "linear", "factor": 4}}`, "different things"},
		{`[]`, "rope"},
	} {
		_, err := Parse([]byte(c.config))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.config, err, c.want)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Kind = "x" }, "unknown rope_type"},
		{func(s *Spec) { s.Theta = 0 }, "rope_theta is 0"},
		{func(s *Spec) { s.Factor = 0.5 }, "factor is 0.5"},
		{func(s *Spec) { s.Factor = math.NaN() }, "factor is NaN"},
		{func(s *Spec) { s.Max = 0 }, "max_position_embeddings is 0"},
		{func(s *Spec) { s.Kind = Llama3 }, "high_freq_factor > low_freq_factor"},
		{func(s *Spec) { s.Kind = YaRN }, "beta_slow > 0"},
		{func(s *Spec) { s.Kind, s.Short = LongRoPE, []float64{1} }, "short_factor has 1"},
		{func(s *Spec) { s.Kind, s.Max = Dynamic, 1 }, "is more than"},
	} {
		s := defaultSpec()
		c.change(&s)
		if err := s.Validate(headDim); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// TestFactorsAreFloats: older versions of transformers refuse 4 and want 4.0.
func TestFactorsAreFloats(t *testing.T) {
	s, err := Extend(defaultSpec(), Llama3, context, 4*context)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(s.Fields())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"factor":4.0`, `"rope_theta":10000.0`, `"low_freq_factor":1.0`,
		`"original_max_position_embeddings":2048`} {
		if !strings.Contains(string(config), want) {
			t.Errorf("no %s in %s", want, config)
		}
	}
}

// TestFieldsAreReadBack: what is written says the same again, to readers of either form.
func TestFieldsAreReadBack(t *testing.T) {
	specs := []Spec{defaultSpec()}
	for _, method := range Methods() {
		s, err := Extend(defaultSpec(), method, context, 4*context)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, s)
	}
	tuned := specs[3]
	tuned.AttentionFactor, tuned.NoTruncate, tuned.MScale, tuned.MScaleAllDim = 1.5, true, 0.7, 0.8
	long := Spec{Kind: LongRoPE, Theta: 1e4, Factor: 2, Max: 4096, Original: 2048,
		Short: []float64{1}, Long: []float64{2}}
	for _, want := range append(specs, tuned, long) {
		for _, leaveOut := range []string{"", "rope_scaling", "rope_parameters"} {
			fields := want.Fields()
			delete(fields, leaveOut)
			config, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(config)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("without %q: %s\n got %+v, %v\nwant %+v", leaveOut, config, got, err, want)
			}
		}
	}
}
