package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
)

// Tensor is a tensor to be written.
type Tensor struct {
	Name  string
	Shape []int
	// DType is F32, BF16 or F16 (rounded to nearest, ties to even), or any with Raw.
	DType DType
	// Load returns the values, row-major. It is called once, when the tensor's turn comes, so
	// that a model need not be in memory as a whole.
	Load func() ([]float32, error)
	// Raw returns the stored bytes instead, of any storage type; nil: Load gives the values.
	Raw func() ([]byte, error)
}

// Values returns a Load for values that are in memory.
func Values(values []float32) func() ([]float32, error) {
	return func() ([]float32, error) { return values, nil }
}

// bytes returns the stored size, or an error for what cannot be stored.
func (t Tensor) bytes() (int64, error) {
	if !t.DType.converts() && t.Raw == nil {
		return 0, fmt.Errorf("tensor %q: cannot write %q, only F32, BF16 and F16", t.Name,
			string(t.DType))
	}
	shape := make([]int64, len(t.Shape))
	for i, extent := range t.Shape {
		shape[i] = int64(extent)
	}
	n, err := storedBytes(t.DType, shape)
	if err != nil {
		return 0, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return n, nil
}

// Write writes a file. Equal arguments give equal bytes: tensors lie by falling element size (so
// that each is aligned to its own), then by name, and the header is padded to a multiple of 8.
// Other libraries want metadata with "format": "pt".
func Write(w io.Writer, metadata map[string]string, tensors []Tensor) error {
	ordered := inOrder(tensors)
	head, err := encodeHeader(metadata, ordered)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, t := range ordered {
		if err := writeValues(w, t); err != nil {
			return err
		}
	}
	return nil
}

func inOrder(tensors []Tensor) []Tensor {
	ordered := slices.Clone(tensors)
	sort.SliceStable(ordered, func(i, j int) bool {
		x, y := ordered[i], ordered[j]
		if x.DType.Bits() != y.DType.Bits() {
			return x.DType.Bits() > y.DType.Bits()
		}
		return x.Name < y.Name
	})
	return ordered
}

// encodeHeader returns the length and the padded JSON.
func encodeHeader(metadata map[string]string, tensors []Tensor) ([]byte, error) {
	type placed struct {
		DType   DType    `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	entries := map[string]any{}
	if len(metadata) > 0 {
		entries[metadataKey] = metadata
	}
	next := int64(0)
	for _, t := range tensors {
		n, err := t.bytes()
		if err != nil {
			return nil, err
		}
		if t.Name == metadataKey || entries[t.Name] != nil {
			return nil, fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		entries[t.Name] = placed{t.DType, append([]int{}, t.Shape...), [2]int64{next, next + n}}
		next += n
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(entries); err != nil { // maps are encoded in order of their keys
		return nil, err
	}
	body := bytes.TrimRight(text.Bytes(), "\n")
	for len(body)%8 != 0 {
		body = append(body, ' ')
	}
	if len(body) > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes is over the limit of %d", len(body), maxHeader)
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(body))), body...), nil
}

func writeRaw(w io.Writer, t Tensor) error {
	raw, err := t.Raw()
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if want, err := t.bytes(); err != nil || int64(len(raw)) != want {
		return fmt.Errorf("tensor %q: %d bytes, its shape %v of %s has %d", t.Name, len(raw), t.Shape,
			t.DType, want)
	}
	_, err = w.Write(raw)
	return err
}

func writeValues(w io.Writer, t Tensor) error {
	if t.Raw != nil {
		return writeRaw(w, t)
	}
	values, err := t.Load()
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	want := Info{Shape: t.Shape}.Len()
	if len(values) != want {
		return fmt.Errorf("tensor %q: %d values for shape %v", t.Name, len(values), t.Shape)
	}
	var buffer []byte
	for part := range slices.Chunk(values, chunk) {
		buffer = Encode(buffer[:0], part, t.DType)
		if _, err := w.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

// MaxFileBytes is where WriteFolder begins another file, unless told otherwise.
const MaxFileBytes = 5_000_000_000

// WriteFolder writes tensors into dir as SingleName, or, if their data is more than maxFile bytes
// (0: MaxFileBytes), as numbered files of at most that size each (or one tensor) and IndexName. The
// directory should be one that atomicfile.CreateDir made.
func WriteFolder(dir string, metadata map[string]string, tensors []Tensor, maxFile int64) error {
	if maxFile == 0 {
		maxFile = MaxFileBytes
	}
	groups, total, err := group(tensors, maxFile)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if len(groups) <= 1 {
		return writeFile(filepath.Join(dir, SingleName), metadata, tensors)
	}
	weights := map[string]string{}
	for i, g := range groups {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(groups))
		for _, t := range g {
			weights[t.Name] = name
		}
		if err := writeFile(filepath.Join(dir, name), metadata, g); err != nil {
			return err
		}
	}
	return writeIndex(filepath.Join(dir, IndexName), weights, total)
}

// group cuts tensors, in their order, into runs of at most maxFile bytes.
func group(tensors []Tensor, maxFile int64) (groups [][]Tensor, total int64, err error) {
	seen := map[string]bool{}
	var size int64
	for _, t := range tensors {
		n, err := t.bytes()
		if err != nil {
			return nil, 0, err
		}
		if seen[t.Name] {
			return nil, 0, fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		seen[t.Name] = true
		if len(groups) == 0 || size+n > maxFile {
			groups, size = append(groups, nil), 0
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], t)
		size, total = size+n, total+n
	}
	return groups, total, nil
}

func writeFile(path string, metadata map[string]string, tensors []Tensor) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(Write(f, metadata, tensors), f.Close())
}

func writeIndex(path string, weights map[string]string, total int64) error {
	index := map[string]any{
		"metadata":   map[string]int64{"total_size": total},
		"weight_map": weights,
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o666)
}
