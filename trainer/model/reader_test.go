package model

import (
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
)

// keys returns a layer's keys of the tokens that a decoder has.
func keys(d *Decoder, layer int) []float32 {
	t := d.cache.k[layer].Slice(0, 0, d.n)
	out := make([]float32, t.Len())
	d.cache.m.b.Read(out, t)
	return out
}

func someIDs(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((i*7 + i*i) % small.Vocab)
	}
	return ids
}

func read(t *testing.T, d *Decoder, ids ...int32) []float32 {
	t.Helper()
	logits, err := d.Read(ids...)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(logits)
}

func decoder(t *testing.T, m *Model, capacity, chunk int) *Decoder {
	t.Helper()
	d, err := m.NewDecoder(capacity, chunk)
	closeAfter(t, d, err)
	return d
}

// closeAfter closes what was made, if it was, when a test ends.
func closeAfter(t *testing.T, c io.Closer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestMove: what was moved, up, down or over itself, goes on with the bits of what was not.
func TestMove(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		m := newModel(t, b, small, loraPlus(small))
		ids := someIDs(40)
		want := read(t, decoder(t, m, 64, 16), append(ids, 5)...)
		for _, c := range []struct{ from, to int }{{0, 50}, {50, 0}, {10, 17}, {17, 10}, {3, 3}} {
			cache, r := reader(t, m, 100, 40, 2)
			one(t, r, Part{IDs: ids, At: c.from})
			if err := cache.Move(c.to, c.from, len(ids)); err != nil {
				t.Fatal(err)
			}
			got := one(t, r, Part{IDs: []int32{5}, At: c.to, Known: len(ids)})
			if !slices.Equal(got, want) {
				t.Errorf("from %d to %d: other logits", c.from, c.to)
			}
			if cache.Move(70, 0, 31) == nil || cache.Move(-1, 0, 3) == nil {
				t.Error("rows outside the cache were moved")
			}
		}
	})
}

func reader(t *testing.T, m *Model, rows, tokens, parts int) (*Cache, *Reader) {
	t.Helper()
	c, err := m.NewCache(rows)
	closeAfter(t, c, err)
	r, err := c.NewReader(tokens, parts)
	closeAfter(t, r, err)
	return c, r
}

// one reads one part and returns its logits.
func one(t *testing.T, r *Reader, p Part) (logits []float32) {
	t.Helper()
	err := r.Read([]Part{p}, func(_ int, row []float32) error {
		logits = slices.Clone(row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return logits
}

// TestTogether: sequences that are read together, cut anyhow, have the bits that each has alone.
func TestTogether(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		m := newModel(t, b, small, loraPlus(small))
		all := someIDs(90)
		texts := [][]int32{all[:50], all[7:30], all[40:41], all[3:64]}
		var want [][]float32 // of each text after its last three tokens
		for _, ids := range texts {
			for n := max(len(ids)-2, 1); n <= len(ids); n++ {
				want = append(want, read(t, decoder(t, m, 64, 64), ids[:n]...))
			}
		}
		_, r := reader(t, m, 256, 33, len(texts))
		known := make([]int, len(texts))
		var got [4][][]float32
		for step := 0; ; step++ {
			var parts []Part
			var of []int
			left := 33
			for i, ids := range texts {
				n := min(1+(step*5+i*11)%17, len(ids)-known[i], left)
				if near := len(ids) - 2; known[i] < near {
					n = min(n, near-known[i])
				} else {
					n = min(n, 1)
				}
				if n <= 0 {
					continue
				}
				left -= n
				end := known[i] + n
				parts = append(parts, Part{IDs: ids[known[i]:end], At: 64 * i, Known: known[i],
					Quiet: end < len(ids)-2})
				known[i], of = end, append(of, i)
			}
			if parts == nil {
				break
			}
			err := r.Read(parts, func(p int, row []float32) error {
				got[of[p]] = append(got[of[p]], slices.Clone(row))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, rows := range slices.Concat(got[:]...) {
			if !slices.Equal(rows, want[i]) {
				t.Errorf("row %d: other logits than alone", i)
			}
		}
		if n := len(slices.Concat(got[:]...)); n != len(want) {
			t.Errorf("%d rows of logits, want %d", n, len(want))
		}
	})
}

func TestReaderRefuses(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		m := newModel(t, b, small, loraPlus(small))
		_, r := reader(t, m, 200, 8, 2)
		for want, parts := range map[string][]Part{
			"0 tokens of 0 sequences":         {},
			"16 tokens of 2 sequences":        {{IDs: someIDs(8)}, {IDs: someIDs(8), At: 20}},
			"3 tokens of 3 sequences":         {{IDs: someIDs(1)}, {IDs: someIDs(1)}, {IDs: someIDs(1)}},
			"the cache has 200":               {{IDs: someIDs(8), At: 193}},
			"0 tokens after 3":                {{At: 3, Known: 3}},
			"outside vocabulary":              {{IDs: []int32{int32(small.Vocab)}}},
			"5 tokens after 125, the context": {{IDs: someIDs(5), Known: 125}},
		} {
			err := r.Read(parts, discard)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
	})
}

// TestForget: the first layer's keys depend on tokens and positions alone, so that after Forget they
// are those of a decoder that never read the dropped tokens. A turn forth and back is two rotations
// in single precision: a few units of 2^-24 of the greatest key.
func TestForget(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		for _, scale := range []float32{1, 1.25} {
			o := loraPlus(small)
			rotary := o.Rotary
			o.Rotary = func(n int) (cos, sin []float32) {
				cos, sin = rotary(n)
				for i := range cos {
					cos[i], sin[i] = cos[i]*scale, sin[i]*scale
				}
				return cos, sin
			}
			m := newModel(t, b, small, o)
			ids := someIDs(50)
			d := decoder(t, m, 60, 8)
			read(t, d, ids...)
			if err := d.Forget(4, 15); err != nil {
				t.Fatal(err)
			}
			want := decoder(t, m, 60, 8)
			read(t, want, slices.Concat(ids[:4], ids[15:])...)
			compareKeys(t, keys(d, 0), keys(want, 0))
			if d.Len() != 39 {
				t.Errorf("%d tokens are left, want 39", d.Len())
			}
			if got := read(t, d, 3); slices.ContainsFunc(got, func(v float32) bool { return v-v != 0 }) {
				t.Error("logits are not finite")
			}
			if d.Forget(10, 5) == nil || d.Forget(0, 99) == nil {
				t.Error("an impossible range was forgotten")
			}
		}
	})
}

func compareKeys(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	greatest, worst := 0.0, 0.0
	for i := range want {
		greatest = max(greatest, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	if worst > 16*math.Exp2(-24)*greatest {
		t.Errorf("keys differ by %g of %g", worst, greatest)
	}
}
