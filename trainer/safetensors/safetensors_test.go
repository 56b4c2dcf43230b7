package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"longlora/internal/testdata"
)

// fileOf puts a header text and data into a file.
func fileOf(text string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(out, text...), make([]byte, data)...)
}

func openBytes(data []byte) (*File, error) {
	return Open(fstest.MapFS{"m.safetensors": {Data: data}}, "m.safetensors")
}

func TestOpenRefuses(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	long := binary.LittleEndian.AppendUint64(nil, 1<<62)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "no safetensors file"},
		{"long header", append(long, '{'), "cut off"},
		{"not JSON", fileOf("hello", 0), "does not begin with {"},
		{"cut JSON", fileOf(`{"a":`, 0), "EOF"},
		{"trailing", fileOf("{"+a+"}{}", 8), "follows"},
		{"twice", fileOf("{"+a+","+a+"}", 8), `"a" is there twice`},
		{"no dtype", fileOf(`{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8), "needs dtype"},
		{"unknown dtype", fileOf(`{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, 8), "F33"},
		{"wrong size", fileOf(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8),
			"needs 12 bytes"},
		{"backwards", fileOf(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[8,0]}}`, 8), "[8, 0]"},
		{"overflow", fileOf(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],`+
			`"data_offsets":[0,8]}}`, 8), "too large"},
		{"negative", fileOf(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "negative"},
		{"hole", fileOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "hole before"},
		{"overlap", fileOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},`+
			`"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `overlap at tensor "b"`},
		{"cut off", fileOf("{"+a+"}", 7), "cut off or damaged"},
		{"remainder", fileOf("{"+a+"}", 9), "cut off or damaged"},
		{"metadata", fileOf(`{"__metadata__":{"x":1},`+a+"}", 8), "__metadata__"},
	} {
		_, err := openBytes(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), "m.safetensors: ") {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := openBytes(fileOf("{"+a+"}  ", 8)); err != nil {
		t.Errorf("padded header: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	f, err := openBytes(fileOf(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 8))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Floats("a"); err == nil || !strings.Contains(err.Error(), "I64") {
		t.Errorf("Floats of I64: %v", err)
	}
	if _, _, err := f.Floats("b"); !errors.Is(err, ErrMissing) {
		t.Errorf("Floats of a missing tensor: %v", err)
	}
	nan := []float32{1, 0}
	nan[1] /= nan[1]
	if err := CheckFinite("w", nan); err == nil || !strings.Contains(err.Error(), "element 1 is NaN") {
		t.Errorf("CheckFinite: %v", err)
	}
	if err := CheckFinite("w", []float32{0, -1e38}); err != nil {
		t.Errorf("CheckFinite: %v", err)
	}
}

// TestRewriteIsIdentical holds the reader and the writer against files that the reference
// implementation wrote.
func TestRewriteIsIdentical(t *testing.T) {
	for _, model := range []string{"TinyStories-656K-hf", "TinyStories-656K-hf-bf16"} {
		dir := testdata.Shared(t, "models", model)
		want, err := fs.ReadFile(os.DirFS(dir), SingleName)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		metadata, tensors := readAll(t, os.DirFS(dir))
		if err := Write(&got, metadata, tensors); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d bytes differ from the original's %d", model, got.Len(), len(want))
		}
	}
}

// readAll returns what Write needs to write a folder's tensors again.
func readAll(t *testing.T, fsys fs.FS) (map[string]string, []Tensor) {
	t.Helper()
	d, err := OpenFolder(fsys)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var tensors []Tensor
	for _, name := range d.Names() {
		info, err := d.Info(name)
		if err != nil {
			t.Fatal(err)
		}
		values, shape, err := d.Floats(name)
		if err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, Tensor{Name: name, Shape: shape, DType: info.DType,
			Load: Values(values)})
	}
	return d.Metadata(), tensors
}

func mixed() []Tensor {
	return []Tensor{
		{"z.norm", []int{3}, F16, Values([]float32{1, -2, 0.5}), nil},
		{"b.weight", []int{2, 3}, F32, Values([]float32{1, 2, 3, 4, 5, 6}), nil},
		{"a.scalar", nil, BF16, Values([]float32{7}), nil},
		{"c.empty", []int{0, 4}, F32, Values(nil), nil},
		{"a.<&>\"é", []int{1}, F32, Values([]float32{-0.25}), nil},
	}
}

func TestWriteRead(t *testing.T) {
	var first, second bytes.Buffer
	tensors := mixed()
	metadata := map[string]string{"format": "pt", "b": "<x>"}
	if err := Write(&first, metadata, tensors); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(tensors)
	if err := Write(&second, metadata, tensors); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the order of the arguments changes the file")
	}
	if n := binary.LittleEndian.Uint64(first.Bytes()); n%8 != 0 {
		t.Errorf("header of %d bytes is not aligned", n)
	}
	f, err := openBytes(first.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Metadata()["b"]; got != "<x>" {
		t.Errorf("metadata b = %q", got)
	}
	for _, want := range tensors {
		values, shape, err := f.Floats(want.Name)
		wantValues, _ := want.Load()
		if err != nil || !slices.Equal(values, wantValues) || !slices.Equal(shape, want.Shape) {
			t.Errorf("%s = %v %v, %v; want %v %v", want.Name, shape, values, err, want.Shape, wantValues)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	ones := Values([]float32{1})
	failing := func() ([]float32, error) { return nil, errors.New("disk gone") }
	for _, c := range []struct {
		tensors []Tensor
		want    string
	}{
		{[]Tensor{{"a", []int{1}, "I64", ones, nil}}, "only F32, BF16 and F16"},
		{[]Tensor{{"a", []int{2}, F32, ones, nil}}, "1 values for shape [2]"},
		{[]Tensor{{"a", []int{-1}, F32, ones, nil}}, "negative"},
		{[]Tensor{{"a", []int{1}, F32, ones, nil}, {"a", []int{1}, BF16, ones, nil}}, "the name is taken"},
		{[]Tensor{{metadataKey, []int{1}, F32, ones, nil}}, "the name is taken"},
		{[]Tensor{{"a", []int{1}, F32, failing, nil}}, "disk gone"},
	} {
		err := Write(&bytes.Buffer{}, nil, c.tensors)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestFolder(t *testing.T) {
	for _, c := range []struct {
		maxFile int64
		files   int
	}{{0, 1}, {36, 1}, {35, 2}, {1, 5}} {
		dir := t.TempDir()
		if err := WriteFolder(dir, nil, mixed(), c.maxFile); err != nil {
			t.Fatal(err)
		}
		shards, err := fs.Glob(os.DirFS(dir), "*.safetensors")
		if err != nil || len(shards) != c.files {
			t.Errorf("max %d: files %v, want %d", c.maxFile, shards, c.files)
		}
		_, got := readAll(t, os.DirFS(dir))
		var a, b bytes.Buffer
		if err := errors.Join(Write(&a, nil, got), Write(&b, nil, mixed())); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("max %d: another content after reading", c.maxFile)
		}
	}
}

func TestFolderRefuses(t *testing.T) {
	one := fileOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4)
	index := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for _, c := range []struct {
		name string
		fsys fstest.MapFS
		want string
	}{
		{"nothing", fstest.MapFS{}, "no weights"},
		{"no JSON", fstest.MapFS{IndexName: index("x")}, IndexName},
		{"no map", fstest.MapFS{IndexName: index("{}")}, "weight_map"},
		{"outside", fstest.MapFS{IndexName: index(`{"weight_map":{"a":"../x.safetensors"}}`)},
			"no safetensors file of the folder"},
		{"no shard", fstest.MapFS{IndexName: index(`{"weight_map":{"a":"x.safetensors"}}`)},
			"x.safetensors"},
		{"not there", fstest.MapFS{IndexName: index(`{"weight_map":{"b":"x.safetensors"}}`),
			"x.safetensors": {Data: one}}, `tensor "b" is not in x.safetensors`},
		{"two files", fstest.MapFS{
			IndexName:       index(`{"weight_map":{"a":"x.safetensors","b":"y.safetensors"}}`),
			"x.safetensors": {Data: one}, "y.safetensors": {Data: one}}, "in two files"},
	} {
		_, err := OpenFolder(c.fsys)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// FuzzOpen: whatever is accepted can be read to the last byte, and is read as what it says.
func FuzzOpen(f *testing.F) {
	var seed bytes.Buffer
	if err := Write(&seed, map[string]string{"format": "pt"}, mixed()); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Add(fileOf(`{"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}`, 8))
	f.Add(fileOf(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := openBytes(data)
		if err != nil {
			return
		}
		total := int64(8 + binary.LittleEndian.Uint64(data))
		for _, info := range file.Tensors() {
			raw, err := file.Raw(info.Name)
			if err != nil || int64(len(raw)) != info.Bytes() {
				t.Fatalf("%q: %d bytes, %v", info.Name, len(raw), err)
			}
			total += info.Bytes()
			if !info.DType.converts() {
				continue
			}
			values, _, err := file.Floats(info.Name)
			if err != nil || len(values) != info.Len() {
				t.Fatalf("%q: %d values, %v", info.Name, len(values), err)
			}
		}
		if total != int64(len(data)) {
			t.Fatalf("tensors cover %d bytes of %d", total, len(data))
		}
	})
}
