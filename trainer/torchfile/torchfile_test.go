package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"longlora/trainer/safetensors"
)

var testdata = os.DirFS("testdata")

type golden struct {
	Tensors []struct {
		Name   string    `json:"name"`
		Shape  []int     `json:"shape"`
		Values []float32 `json:"values"`
	} `json:"tensors"`
}

// TestGolden reads what torch.save wrote of a state with every storage type that is read, views,
// a transposed matrix, a scalar, an empty tensor and a parameter (scripts/oracle/interchange.py).
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/state.json")
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"state.bin", "protocol4.bin"} {
		f, err := Open(testdata, name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if len(f.Tensors()) != len(want.Tensors) {
			t.Fatalf("%s: %d tensors, want %d", name, len(f.Tensors()), len(want.Tensors))
		}
		for _, w := range want.Tensors {
			values, shape, err := f.Floats(w.Name)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(values, w.Values) || !slices.Equal(shape, w.Shape) {
				t.Errorf("%s: %s %v = %v, want %v = %v", name, w.Name, shape, values, w.Shape, w.Values)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, want := range map[string]string{
		"evil.bin":   `wants to import "posix.system", which is refused`,
		"old.bin":    "not written by torch.save of PyTorch 1.6 or later",
		"nested.bin": "want tensors alone",
	} {
		if _, err := Open(testdata, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := os.Stat("executed"); err == nil {
		t.Error("the pickle was executed")
	}
	f, err := Open(testdata, "integers.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, _, err := f.Floats("ids"); err == nil || !strings.Contains(err.Error(), "it is I64") {
		t.Errorf("integers: %v", err)
	}
	if _, _, err := f.Floats("other"); err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("missing: %v", err)
	}
}

// archive returns a checkpoint with a pickle and one storage, of eight bytes.
func archive(t testing.TB, method uint16, code []byte) fstest.MapFS {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, data := range map[string][]byte{"data.pkl": code, "data/0": make([]byte, 8)} {
		e, err := w.CreateHeader(&zip.FileHeader{Name: "archive/" + name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"x.bin": {Data: out.Bytes()}}
}

func text(s string) string { return "\x8c" + string(rune(len(s))) + s }

// rebuilt is a pickle of a tensor named "w" over storage "0" of two floats, with the numbers given
// as opcodes.
func rebuilt(numel, offset, shape, strides string) []byte {
	return []byte("\x80\x02}" + text("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" +
		text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + numel + "tQ" +
		offset + shape + strides + "\x89ccollections\nOrderedDict\n)RtRs.")
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name string
		code []byte
		want string
	}{
		{"fits", rebuilt("K\x02", "K\x00", "K\x02\x85", "K\x01\x85"), ""},
		{"elements", rebuilt("K\x02", "K\x00", "K\x03\x85", "K\x01\x85"), "does not fit into its storage"},
		{"offset", rebuilt("K\x02", "K\x01", "K\x02\x85", "K\x01\x85"), "does not fit into its storage"},
		{"expanded", rebuilt("K\x02", "K\x00", "J\xff\xff\xff\x7f\x85", "K\x00\x85"), "does not fit"},
		{"negative", rebuilt("K\x02", "J\xff\xff\xff\xff", "K\x01\x85", "K\x01\x85"), "does not fit"},
		{"overflow", rebuilt("K\x02", "K\x00",
			"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x3f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x3f\x86",
			"K\x01K\x01\x86"), "is impossible"},
		{"storage", rebuilt("K\x03", "K\x00", "K\x02\x85", "K\x01\x85"), "its storage has 8 bytes"},
		{"inst", []byte("(ios\nsystem\n."), "instruction 0x69 is not allowed"},
		{"import", []byte("cbuiltins\neval\n."), `wants to import "builtins.eval"`},
		{"call", []byte("\x80\x02ctorch\nFloatStorage\n)R."), "a call of torch.FloatStorage"},
		{"end", []byte("\x80\x02}"), "ends within an instruction"},
		{"text", []byte("X\xff\xff\xff\xff."), "ends within an instruction"},
		{"mark", []byte("(."), "a mark is no value"},
		{"memo", []byte("h\x05."), "nothing was remembered as 5"},
		{"long", []byte("\x8a\x09123456789."), "too large"},
		{"list", []byte("]."), "want a dictionary of tensors"},
	} {
		f, err := Open(archive(t, zip.Store, c.code), "x.bin")
		if c.want == "" {
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			f.Close()
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	_, err := Open(archive(t, zip.Deflate, []byte("}.")), "x.bin")
	if err == nil || !strings.Contains(err.Error(), "is compressed") {
		t.Errorf("compressed: %v", err)
	}
}

func TestFolder(t *testing.T) {
	state, err := os.ReadFile("testdata/state.bin")
	if err != nil {
		t.Fatal(err)
	}
	one := fstest.MapFS{SingleName: {Data: state}}
	d, err := OpenFolder(one)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if !slices.IsSorted(d.Names()) || len(d.Names()) != 11 {
		t.Errorf("names %v", d.Names())
	}
	if _, err := OpenFolder(fstest.MapFS{}); !strings.Contains(err.Error(), "no weights") {
		t.Errorf("empty: %v", err)
	}
	index := func(text string) fstest.MapFS {
		return fstest.MapFS{"a.bin": {Data: state}, IndexName: {Data: []byte(text)}}
	}
	for text, want := range map[string]string{
		`{"weight_map": {"half": "a.bin"}}`:       "",
		`{"weight_map": {"other": "a.bin"}}`:      `tensor "other" is not in a.bin`,
		`{"weight_map": {"half": "../a.bin"}}`:    "no bin file of the folder",
		`{"weight_map": {"half": "missing.bin"}}`: "missing.bin",
	} {
		d, err := OpenFolder(index(text))
		if want == "" && err == nil {
			d.Close()
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzMachine runs any pickle: it must end, with a value or an error, and call nothing.
func FuzzMachine(f *testing.F) {
	for _, name := range []string{"state.bin", "protocol4.bin", "evil.bin", "nested.bin"} {
		r, err := zip.OpenReader("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range r.File {
			if strings.HasSuffix(e.Name, pickleName) {
				var data bytes.Buffer
				in, err := e.Open()
				if err != nil {
					f.Fatal(err)
				}
				if _, err := data.ReadFrom(in); err != nil {
					f.Fatal(err)
				}
				f.Add(data.Bytes())
			}
		}
		if err := r.Close(); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(rebuilt("K\x02", "K\x00", "K\x02\x85", "K\x01\x85"))
	f.Fuzz(func(t *testing.T, code []byte) {
		file, err := Open(archive(t, zip.Store, code), "x.bin")
		if err != nil {
			return
		}
		defer file.Close()
		readAll(t, file)
	})
}

// FuzzFile opens any file.
func FuzzFile(f *testing.F) {
	for _, name := range []string{"state.bin", "evil.bin"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(fstest.MapFS{"x.bin": {Data: data}}, "x.bin")
		if err != nil {
			return
		}
		defer file.Close()
		readAll(t, file)
	})
}

// readAll reads every tensor: the number of values is what the shape says.
func readAll(t *testing.T, file *File) {
	for _, info := range file.Tensors() {
		values, shape, err := file.Floats(info.Name)
		if err == nil && len(values) != (safetensors.Info{Shape: shape}).Len() {
			t.Fatalf("%d values of shape %v", len(values), shape)
		}
	}
}
