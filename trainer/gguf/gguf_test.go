package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func random(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

func load(values []float32) func() ([]float32, error) {
	return func() ([]float32, error) { return slices.Clone(values), nil }
}

var pairs = []Pair{
	{"general.architecture", "llama"}, {"a.bool", true}, {"a.u32", uint32(7)}, {"a.i32", int32(-7)},
	{"a.u64", uint64(1) << 40}, {"a.f32", float32(0.5)}, {"a.strings", []string{"", "ü"}},
	{"a.ints", []int32{-1, 2}}, {"a.floats", []float32{1, -2.5}},
}

func written(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	err := Write(&out, pairs, []Source{
		{"matrix", []int{3, 64}, Q8, load(random(192))},
		{"half", []int{5}, F16, load(random(5))},
		{"brain", []int{2, 3}, BF16, load(random(6))},
		{"full", []int{4}, F32, load(random(4))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(data []byte) (*File, error) {
	return Open(fstest.MapFS{"x.gguf": {Data: data}}, "x.gguf")
}

func TestRoundTrip(t *testing.T) {
	data := written(t)
	if !bytes.Equal(data, written(t)) {
		t.Error("equal arguments give other bytes")
	}
	f, err := open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Keys()) != len(pairs) {
		t.Errorf("keys %v", f.Keys())
	}
	var n int
	var s []string
	var i []int
	var fl []float64
	var b bool
	for key, dst := range map[string]any{"a.u64": &n, "a.strings": &s, "a.ints": &i, "a.floats": &fl,
		"a.bool": &b} {
		if ok, err := f.Get(key, dst); !ok || err != nil {
			t.Errorf("%s: %v %v", key, ok, err)
		}
	}
	if n != 1<<40 || !slices.Equal(s, []string{"", "ü"}) || !slices.Equal(i, []int{-1, 2}) ||
		!slices.Equal(fl, []float64{1, -2.5}) || !b {
		t.Errorf("values %v %v %v %v %v", n, s, i, fl, b)
	}
	if _, err := f.Get("a.bool", &n); err == nil || !strings.Contains(err.Error(), "a.bool") {
		t.Errorf("wrong kind: %v", err)
	}
	if ok, err := f.Get("absent", &n); ok || err != nil {
		t.Errorf("absent: %v %v", ok, err)
	}
	for name, want := range map[string][]float32{"matrix": random(192), "half": random(5),
		"brain": random(6), "full": random(4)} {
		got, err := f.Floats(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		rounded := slices.Clone(want)
		Round(rounded, info.Type)
		if !slices.Equal(got, rounded) {
			t.Errorf("%s: %v, want %v", name, got, rounded)
		}
	}
	if m, _ := f.Tensor("matrix"); !slices.Equal(m.Shape, []int{3, 64}) || m.Bytes() != 6*34 {
		t.Errorf("matrix: %+v", m)
	}
	if _, err := f.Floats("other"); !errors.Is(err, ErrMissing) {
		t.Errorf("missing: %v", err)
	}
}

// TestBlocks bounds the error of Q8_0: half a step of 1/127 of the greatest magnitude, and the
// scale's own rounding to half precision, 2^-11 of it.
func TestBlocks(t *testing.T) {
	values := random(32 * 100)
	rounded := slices.Clone(values)
	Round(rounded, Q8)
	for at := 0; at < len(values); at += 32 {
		greatest := 0.0
		for _, v := range values[at : at+32] {
			greatest = max(greatest, math.Abs(float64(v)))
		}
		for i := at; i < at+32; i++ {
			limit := greatest * (0.5/127 + math.Exp2(-11))
			if d := math.Abs(float64(values[i] - rounded[i])); d > limit*1.0001 {
				t.Fatalf("element %d: off by %g, limit %g", i, d, limit)
			}
		}
	}
	zero := make([]float32, 32)
	Round(zero, Q8)
	if !slices.Equal(zero, make([]float32, 32)) {
		t.Errorf("zeros become %v", zero)
	}
}

func TestRefusals(t *testing.T) {
	good := written(t)
	edit := func(change func(b []byte)) []byte {
		b := slices.Clone(good)
		change(b)
		return b
	}
	at := func(text string) int { return bytes.Index(good, []byte(text)) }
	u64 := binary.LittleEndian.PutUint64
	u32 := binary.LittleEndian.PutUint32
	matrix := at("matrix") + 6
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "this is no GGUF file"},
		{"other", []byte("GGML1234"), "this is no GGUF file"},
		{"version", edit(func(b []byte) { u32(b[4:], 1) }), "version 1"},
		{"tensors", edit(func(b []byte) { u64(b[8:], 1<<60) }), "bytes are left"},
		{"keys", edit(func(b []byte) { u64(b[16:], 1<<60) }), "bytes are left"},
		{"key length", edit(func(b []byte) { u64(b[24:], 1<<60) }), "bytes are left"},
		{"array length", edit(func(b []byte) { u64(b[at("a.ints")+14:], 1<<61) }), "bytes are left"},
		{"kind", edit(func(b []byte) { u32(b[at("a.u32")+5:], 77) }), "unknown type 77"},
		{"nested", edit(func(b []byte) { u32(b[at("a.ints")+10:], 9) }), "arrays of type 9"},
		{"bool", edit(func(b []byte) { b[at("a.bool")+10] = 2 }), "a truth value is 2"},
		{"twice", edit(func(b []byte) { copy(b[at("a.i32"):], "a.u32") }), `key "a.u32" is there twice`},
		{"dimensions", edit(func(b []byte) { u32(b[matrix:], 9) }), "9 dimensions"},
		{"extent", edit(func(b []byte) { u64(b[matrix+4:], 1<<62) }), "is impossible"},
		{"product", edit(func(b []byte) { u64(b[matrix+4:], 1<<40); u64(b[matrix+12:], 1<<40) }),
			"is impossible"},
		{"row", edit(func(b []byte) { u64(b[matrix+4:], 63) }), "no whole blocks"},
		{"large", edit(func(b []byte) { u64(b[matrix+12:], 300) }), "the file has"},
		{"offset", edit(func(b []byte) { u64(b[matrix+24:], 1<<62) }), `tensor "matrix"`},
		{"alignment", edit(func(b []byte) { u64(b[matrix+24:], 8) }), "the alignment is 32"},
		{"cut", good[:len(good)-40], "cut off"},
		{"header", good[:40], "cut off"},
	} {
		if _, err := open(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	f, err := open(edit(func(b []byte) { u32(b[matrix+20:], 14) }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Floats("matrix"); err == nil || !strings.Contains(err.Error(), "is Q6_K") {
		t.Errorf("Q6_K: %v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	x := Source{"x", []int{32}, F32, load(random(32))}
	for _, c := range []struct {
		pairs   []Pair
		tensors []Source
		want    string
	}{
		{[]Pair{{"a", 1}}, nil, "cannot write a int"},
		{[]Pair{{"a", true}, {"a", true}}, nil, "is there twice"},
		{nil, []Source{x, x}, "the name is taken"},
		{nil, []Source{{"x", []int{33}, Q8, load(random(33))}}, "no whole blocks"},
		{nil, []Source{{"x", []int{3}, F32, load(random(2))}}, "2 values for shape [3]"},
		{nil, []Source{{"x", []int{3}, 99, load(random(3))}}, "type 99 is not supported"},
	} {
		err := Write(&bytes.Buffer{}, c.pairs, c.tensors)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add(written(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := open(data)
		if err != nil {
			return
		}
		defer file.Close()
		for _, info := range file.Tensors() {
			values, err := file.Floats(info.Name)
			if err == nil && len(values) != info.Len() {
				t.Fatalf("%d values of shape %v", len(values), info.Shape)
			}
		}
	})
}
