package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
)

// maxHeader is the largest header in bytes, the reference implementation's limit.
const maxHeader = 100_000_000

const metadataKey = "__metadata__"

// Info describes a tensor of a file.
type Info struct {
	Name  string
	DType DType
	// Shape is row-major; empty for a scalar.
	Shape []int
	// begin and end count bytes from the start of the file.
	begin, end int64
}

// Len returns the number of elements.
func (i Info) Len() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// Bytes returns the size of the stored tensor.
func (i Info) Bytes() int64 { return i.end - i.begin }

// header is a file's parsed header. Tensors are in order of name.
type header struct {
	tensors  []Info
	metadata map[string]string
}

// readHeader reads and checks the header of a file of size bytes.
func readHeader(r io.ReaderAt, size int64) (header, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return header{}, fmt.Errorf("%d bytes are no safetensors file; fetch it again", size)
	}
	if _, err := r.ReadAt(length[:], 0); err != nil {
		return header{}, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > size-8 {
		return header{}, fmt.Errorf("header of %d bytes in a file of %d: cut off, or no safetensors "+
			"file; fetch it again", n, size)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil {
		return header{}, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	return h, h.place(8+int64(n), size)
}

// entry is a tensor as the JSON has it.
type entry struct {
	DType   *DType   `json:"dtype"`
	Shape   *[]int64 `json:"shape"`
	Offsets *[]int64 `json:"data_offsets"`
}

// parseHeader reads the JSON, with offsets still relative to the data.
func parseHeader(text []byte) (header, error) {
	if len(text) == 0 || text[0] != '{' {
		return header{}, errors.New("does not begin with {")
	}
	var h header
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return header{}, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return header{}, err
		}
		name := key.(string) // an object's keys are strings
		if seen[name] {
			return header{}, fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if err := h.parseEntry(d, name); err != nil {
			return header{}, fmt.Errorf("%q: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return header{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return header{}, errors.New("something follows the object")
	}
	sort.Slice(h.tensors, func(i, j int) bool { return h.tensors[i].Name < h.tensors[j].Name })
	return h, nil
}

func (h *header) parseEntry(d *json.Decoder, name string) error {
	if name == metadataKey {
		return d.Decode(&h.metadata)
	}
	var e entry
	if err := d.Decode(&e); err != nil {
		return err
	}
	if e.DType == nil || e.Shape == nil || e.Offsets == nil || len(*e.Offsets) != 2 {
		return errors.New("needs dtype, shape and two data_offsets")
	}
	info := Info{Name: name, DType: *e.DType, Shape: []int{}}
	info.begin, info.end = (*e.Offsets)[0], (*e.Offsets)[1]
	want, err := storedBytes(*e.DType, *e.Shape)
	if err != nil {
		return err
	}
	if info.begin < 0 || info.end < info.begin || info.end-info.begin != want {
		return fmt.Errorf("%s %v needs %d bytes, data_offsets are [%d, %d]",
			info.DType, *e.Shape, want, info.begin, info.end)
	}
	for _, extent := range *e.Shape {
		info.Shape = append(info.Shape, int(extent))
	}
	h.tensors = append(h.tensors, info)
	return nil
}

// storedBytes returns the size of a tensor, or an error if it has none or it overflows.
func storedBytes(d DType, shape []int64) (int64, error) {
	width := d.Bits()
	if width == 0 {
		return 0, fmt.Errorf("unknown dtype %q", string(d))
	}
	n := int64(1)
	for _, extent := range shape {
		if extent < 0 {
			return 0, fmt.Errorf("negative extent in shape %v", shape)
		}
		if extent != 0 && n > math.MaxInt64/64/extent {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= extent
	}
	if n*width%8 != 0 {
		return 0, fmt.Errorf("shape %v of %s ends within a byte", shape, d)
	}
	return n * width / 8, nil
}

// place moves offsets to the file's start and checks that the tensors cover [data, size) exactly.
func (h *header) place(data, size int64) error {
	order := make([]*Info, len(h.tensors))
	for i := range h.tensors {
		order[i] = &h.tensors[i]
	}
	sort.Slice(order, func(i, j int) bool {
		if order[i].begin != order[j].begin {
			return order[i].begin < order[j].begin
		}
		return order[i].end < order[j].end // empty tensors first
	})
	next := int64(0)
	for _, t := range order {
		if t.begin != next {
			what := "a hole before"
			if t.begin < next {
				what = "an overlap at"
			}
			return fmt.Errorf("header: %s tensor %q: its data begins at %d, the one before ends at %d",
				what, t.Name, t.begin, next)
		}
		next = t.end
		t.begin, t.end = t.begin+data, t.end+data
	}
	if data+next != size {
		return fmt.Errorf("the header tells of %d bytes, the file has %d: cut off or damaged; "+
			"fetch it again", data+next, size)
	}
	return nil
}
