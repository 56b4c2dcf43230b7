package eval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestUpstreamPrompt holds prompts against those of the published rules under NumPy
// (scripts/oracle/passkey.py).
func TestUpstreamPrompt(t *testing.T) {
	data, err := os.ReadFile("testdata/passkey.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Garbage     int
			Seed        uint32
			Key, SHA256 string
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 10 {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		prompt, key, err := UpstreamPrompt(c.Garbage, c.Seed)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(prompt))
		if key != c.Key || hex.EncodeToString(sum[:]) != c.SHA256 {
			t.Errorf("%d characters, seed %d: key %s, want %s, or another text", c.Garbage, c.Seed, key, c.Key)
		}
	}
	for _, n := range []int{0, 450_000} {
		if _, _, err := UpstreamPrompt(n, 0); err == nil {
			t.Errorf("%d characters of garbage are taken", n)
		}
	}
}

func TestMeasureUpstream(t *testing.T) {
	tok := trained(t, goText(t)+passTask+passFiller)
	p := PassKey{Tokenizer: tok, Trials: 4}
	calls := 0
	p.Generate = func(_ context.Context, ids []int32, n int) ([]int32, error) {
		text, err := tok.Decode(ids, true)
		if err != nil {
			return nil, err
		}
		_, after, _ := strings.Cut(text, "The pass key is ")
		key, _, _ := strings.Cut(after, ".")
		if calls++; calls == 2 {
			key = "0"
		}
		return tok.Encode(nil, key, false), nil
	}
	r, err := p.MeasureUpstream(t.Context(), 1000)
	if err != nil || r.Correct != 3 || r.Trials != 4 || r.Accuracy != 0.75 || r.Tokens < 500 {
		t.Errorf("%+v, %v", r, err)
	}
}
