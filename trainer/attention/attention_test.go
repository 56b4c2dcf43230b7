package attention

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"longlora/kernels"
	"longlora/kernels/pattern"
)

func TestSchedulesThatAreNone(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"s2", "no share"},
		{"s2:", `share is ""`},
		{"s2:0,full:1", `share is "0"`},
		{"s2:1.5", `share is "1.5"`},
		{"s2:NaN", `share is "NaN"`},
		{"s2:0.8,full:0.1", "make 0.9 together, want 1"},
		{"s2:0.8,full:0.21", "make 1.01 together"},
		{"dilated:1", "patterns are full, s2"},
		{"full@8:1", "pattern full has no groups"},
		{"s2@:1", `a group has ""`},
		{"s2@0:1", `a group has "0"`},
		{"s2@1.5:1", `a group has "1.5"`},
		{"", "no share"},
	} {
		_, err := ParseSchedule(strings.Split(c.text, ","))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q in it", c.text, err, c.want)
		}
	}
	if parts, err := ParseSchedule(nil); err != nil || parts != nil {
		t.Errorf("no schedule: %v, %v", parts, err)
	}
}

func TestLayersThatAreNone(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"0-3", "names no pattern"},
		{"a-3:full", `layers are "a-3"`},
		{"-3:full", `layers are "-3"`},
		{"3-1:full", `layers are "3-1"`},
		{"-:full", `layers are "-"`},
		{":full", `layers are ""`},
		{"0-3:wide", "patterns are full, s2"},
		{"0-3:full,2:s2", "layer 2 has a pattern already"},
		{"4-:full,9:s2", "layer 9 has a pattern already"},
		{"3:full,0-:s2", "layer 3 has a pattern already"},
	} {
		_, err := ParseLayers(strings.Split(c.text, ","))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q in it", c.text, err, c.want)
		}
	}
}

// TestPlan holds plans that were worked out by hand.
func TestPlan(t *testing.T) {
	s2, full := Choice{"s2", 256}, Choice{"full", 0}
	for _, c := range []struct {
		schedule, layers string
		shape            Shape
		want             Plan
		text             string
	}{
		{"s2:0.8,full:0.2", "", Shape{1000, 4, 256},
			Plan{Phases: []Phase{{1, 800, s2}, {801, 1000, full}}}, "steps 1-800 s2@256, 801-1000 full"},
		{"full:1", "", Shape{7, 4, 256}, Plan{Phases: []Phase{{1, 7, full}}}, "steps 1-7 full"},
		// A third of 10 steps each: bounds 3.33 and 6.67.
		{"s2@64:0.333,local:0.333,full:0.334", "0:full,2-:s2@8", Shape{10, 4, 256},
			Plan{
				Phases: []Phase{{1, 3, Choice{"s2", 64}}, {4, 7, Choice{"local", 256}}, {8, 10, full}},
				Layers: []Layers{{0, 0, full}, {2, 3, Choice{"s2", 8}}},
			}, "steps 1-3 s2@64, 4-7 local@256, 8-10 full; layers 0-0 full, 2-3 s2@8"},
	} {
		parts, err := ParseSchedule(strings.Split(c.schedule, ","))
		if err != nil {
			t.Fatal(err)
		}
		var layers []Layers
		if c.layers != "" {
			if layers, err = ParseLayers(strings.Split(c.layers, ",")); err != nil {
				t.Fatal(err)
			}
		}
		got, err := New(parts, layers, c.shape)
		if err != nil || !reflect.DeepEqual(got, c.want) || got.String() != c.text {
			t.Errorf("%s %s: %+v (%v, %v), want %+v", c.schedule, c.layers, got, got.String(), err, c.want)
		}
	}
}

func TestPlansThatAreNone(t *testing.T) {
	parts, err := ParseSchedule([]string{"s2:0.95", "full:0.05"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(parts, nil, Shape{9, 2, 8}); err == nil ||
		!strings.Contains(err.Error(), "full:0.05 has no step of 9") {
		t.Errorf("a part without a step: %v", err)
	}
	layers, err := ParseLayers([]string{"1-4:full"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(parts, layers, Shape{100, 4, 8}); err == nil ||
		!strings.Contains(err.Error(), "the model has layers 0 to 3") {
		t.Errorf("layers beyond the model's: %v", err)
	}
}

// TestPhases: every step has exactly the phase whose bounds hold it, and the bounds lie within half
// a step of their shares.
func TestPhases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 5).Draw(t, "weights")
		steps, total := rapid.IntRange(100, 5000).Draw(t, "steps"), 0
		for _, w := range weights {
			total += w
		}
		var parts []Part
		for _, w := range weights {
			parts = append(parts, Part{Choice{"full", 0}, float64(w) / float64(total)})
		}
		p, err := New(parts, nil, Shape{steps, 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		next, done := 1, 0
		for i, phase := range p.Phases {
			if phase.From != next || phase.To < phase.From {
				t.Fatalf("phase %d is %+v after step %d", i, phase, next-1)
			}
			for step := phase.From; step <= phase.To; step++ {
				if p.Phase(step) != i {
					t.Fatalf("step %d has phase %d, want %d", step, p.Phase(step), i)
				}
			}
			next, done = phase.To+1, done+weights[i]
			// 2·(bound - exact) in steps/total: whole numbers, so that no rounding is in the way.
			if d := 2 * (phase.To*total - done*steps); d > total || d < -total {
				t.Fatalf("phase %d ends at %d of %d, its share at %d/%d", i, phase.To, steps, done, total)
			}
		}
		if next != steps+1 || p.Phase(steps+5) != len(parts)-1 {
			t.Fatalf("phases end at %d of %d", next-1, steps)
		}
	})
}

// TestCost counts pairs one by one.
func TestCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, heads := rapid.IntRange(1, 60).Draw(t, "tokens"), rapid.IntRange(1, 4).Draw(t, "heads")
		table := pattern.Table()
		draw := func(name string) Choice {
			e := table[rapid.IntRange(0, len(table)-1).Draw(t, name)]
			return Choice{Pattern: e.Name}.with(rapid.IntRange(1, 70).Draw(t, name+" group"))
		}
		p := Plan{
			Phases: []Phase{{1, 3, draw("first")}, {4, 5, draw("second")}},
			Layers: []Layers{{1, 1, draw("layer")}},
		}
		want := [2]float64{}
		for phase := range want {
			var seen, all int
			for _, s := range p.Each(phase, 3, []int32{int32(n)}, heads) {
				seen += count(s, n)
				all += heads * n * (n + 1) / 2
			}
			want[phase] = float64(seen) / float64(all)
			// Whole numbers below 2^53 and one quotient each.
			if got := p.Cost(phase, 3, n, heads); got-want[phase] > 1e-15 || want[phase]-got > 1e-15 {
				t.Fatalf("phase %d costs %g, want %g", phase, got, want[phase])
			}
		}
		total := (3*want[0] + 2*want[1]) / 5
		if got := p.TotalCost(3, n, heads); got-total > 1e-15 || total-got > 1e-15 {
			t.Fatalf("all costs %g, want %g", got, total)
		}
		if i := p.Costliest(3, n, heads); want[i] < want[1-i] {
			t.Fatalf("phase %d costs most, but %v", i, want)
		}
	})
}

// count goes through all pairs of query and key.
func count(s kernels.Segments, n int) (pairs int) {
	for _, g := range s.Groups {
		for query := range n {
			for i := range len(g.Bounds) - 1 {
				if from := int(g.Bounds[i]); from <= query && query < int(g.Bounds[i+1]) {
					pairs += (g.To - g.From) * (query - from + 1)
				}
			}
		}
	}
	return pairs
}

// TestEach: a layer with a pattern of its own keeps to it, the others follow the phase.
func TestEach(t *testing.T) {
	full, local := Choice{"full", 0}, Choice{"local", 4}
	p := Plan{
		Phases: []Phase{{1, 1, local}, {2, 2, full}}, Layers: []Layers{{1, 2, Choice{"shifted", 4}}},
	}
	lens := []int32{6, 3}
	for phase, other := range []Choice{local, full} {
		for l, s := range p.Each(phase, 4, lens, 2) {
			want := other
			if l == 1 || l == 2 {
				want = Choice{"shifted", 4}
			}
			if !reflect.DeepEqual(s, want.Segments(lens, 2)) {
				t.Errorf("phase %d layer %d: %v, want %v", phase, l, s, want)
			}
		}
	}
}

// FuzzParse: no text makes the readers panic, and what they take they write and read again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"s2:0.8,full:0.2", "0-3:full,4-:s2@512", "s2@1:1", "-1:full", "a:b:c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		texts := strings.Split(text, ",")
		if parts, err := ParseSchedule(texts); err == nil {
			for _, p := range parts {
				if c, err := ParseChoice(p.String()); err != nil || c != p.Choice {
					t.Errorf("%v is read as %v, %v", p.Choice, c, err)
				}
			}
		}
		if layers, err := ParseLayers(texts); err == nil {
			if _, err := New([]Part{{Choice{"full", 0}, 1}}, layers, Shape{1, 4, 2}); err != nil &&
				!strings.Contains(err.Error(), "the model has layers") {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}
