package run

import (
	"bytes"
	"context"
	"math"
	"regexp"
	"strconv"
	"testing"
)

// planOf returns the numbers that Plan prints, by their names.
func planOf(t *testing.T, c Config, limit int64) map[string]float64 {
	t.Helper()
	var out bytes.Buffer
	if err := Plan(context.Background(), c, limit, &out); err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^(.+?):? +([0-9.]+)(?: MiB)?$`).
		FindAllStringSubmatch(out.String(), -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[m[1]] = v
	}
	return all
}

// TestPlan: the parts make the total, and the longest context that is said to fit does, while one
// that is a hundredth longer does not.
func TestPlan(t *testing.T) {
	c := Defaults()
	c.Context, c.MicroTokens, c.Recompute = 1024, 1, RecomputeLayer
	const limit = 300
	p := planOf(t, c, limit<<20)
	var sum float64
	for _, part := range []string{"frozen weights", "masters", "gradients and moments",
		"rotary tables", "activations kept", "workspace", "process (estimate)"} {
		if !(p[part] > 0) {
			t.Errorf("%s: %g MiB", part, p[part])
		}
		sum += p[part]
	}
	if math.Abs(sum-p["total"]) > 0.5 { // each is printed to a tenth
		t.Errorf("the parts are %g MiB, the total %g", sum, p["total"])
	}
	longest := p["longest context that fits, layers computed again"]
	c.Context = int(longest)
	if got := planOf(t, c, limit<<20)["total"]; got > limit {
		t.Errorf("%d tokens take %g MiB of %d", c.Context, got, limit)
	}
	c.Context += c.Context/100 + 1
	if got := planOf(t, c, limit<<20)["total"]; got <= limit {
		t.Errorf("%d tokens would fit too: %g MiB of %d", c.Context, got, limit)
	}
}

// TestRefusal names the context that fits, or says that none does.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		limit int64
		want  string // "": it fits
	}{
		{math.MaxInt64, ""},
		{200 << 20, `^a run at context 65536 takes [0-9.]+ MiB, of 200.0 MiB that there are; lower ` +
			`--context, and --micro-tokens, to [1-9][0-9]*, with --recompute layer$`},
		{1 << 20, `no context fits`},
	} {
		r := &Run{Config: Defaults()}
		r.Config.Context, r.Config.Recompute = 65536, RecomputeLayer
		for _, f := range []func(context.Context) error{r.openModel, r.setContext, r.setMemory} {
			if err := f(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		err := r.checkMemory(c.limit)
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("limit %d: %v, want %q", c.limit, err, c.want)
		}
		r.Close()
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal:       24684236 kB\nMemFree: 1 kB\n": 24684236 << 10,
		"536870912\n": 536870912, "max\n": 0, "": 0, "MemTotal: many": 0,
	} {
		got, ok := parseLimit(text)
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, ok, want)
		}
	}
}
