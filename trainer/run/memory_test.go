package run

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
)

// planOf returns the numbers that Plan prints, by their names.
func planOf(t *testing.T, c Config) map[string]float64 {
	t.Helper()
	var out bytes.Buffer
	if err := Plan(context.Background(), c, &out); err != nil {
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
	c.Memory = "300MiB"
	p := planOf(t, c)
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
	longest := p["longest context that fits, layers computed again as need be"]
	c.Context = int(longest)
	if got := planOf(t, c)["total"]; got > limit {
		t.Errorf("%d tokens take %g MiB of %d", c.Context, got, limit)
	}
	c.Context += c.Context/100 + 1
	if got := planOf(t, c)["total"]; got <= limit {
		t.Errorf("%d tokens would fit too: %g MiB of %d", c.Context, got, limit)
	}
}

// TestRefusal names the context that fits, or says that none does.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		memory string
		want   string // "": it fits
	}{
		{"1TiB", ""},
		{"200MiB", `^a run at context 65536 takes [0-9.]+ MiB, of 200.0 MiB that there are; lower ` +
			`--context, and --micro-tokens, to [1-9][0-9]*, with --recompute layer$`},
		{"1MiB", `no context fits`},
	} {
		r := &Run{Config: Defaults()}
		r.Config.Context, r.Config.Memory = 65536, c.memory
		for _, f := range []func(context.Context) error{r.openModel, r.setContext, r.setMemory} {
			if err := f(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if c.want == "" {
			r.limit = 1 << 40 // more than the machine has
		}
		err := r.checkMemory()
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("memory %s: %v, want %q", c.memory, err, c.want)
		}
		r.Close()
	}
}

// TestMemory: whatever fits into some memory at all is arranged to fit, the more computed again the
// less there is, and an order to keep everything or nothing is followed.
func TestMemory(t *testing.T) {
	total := func(memory, recompute string) float64 {
		r := &Run{Config: Defaults()}
		defer r.Close()
		r.Config.Context, r.Config.Memory, r.Config.Recompute = 4096, memory, recompute
		for _, f := range []func(context.Context) error{r.openModel, r.setContext, r.setMemory} {
			if err := f(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		return float64(r.need.Total()) / (1 << 20)
	}
	all, none := total("", RecomputeNone), total("", RecomputeLayer)
	last := all
	for _, mib := range []float64{all + 1, (3*all + none) / 4, (all + none) / 2, none + 1} {
		got := total(fmt.Sprintf("%.1fMiB", mib), RecomputeAuto)
		if got > mib || got > last {
			t.Errorf("%g MiB of %g are used, %g with more", got, mib, last)
		}
		// Between the steps of a layer's part, a fifth of a layer or so is left unused.
		if left := mib - got; mib < all && left > (all-none)/5 {
			t.Errorf("%g MiB of %g are not used", left, mib)
		}
		last = got
	}
	if got := total("1TiB", RecomputeAuto); got != all {
		t.Errorf("with room for all, %g MiB are used of %g", got, all)
	}
	if got := total("1TiB", RecomputeLayer); got != none {
		t.Errorf("when told to keep nothing, %g MiB are used, want %g", got, none)
	}
}
