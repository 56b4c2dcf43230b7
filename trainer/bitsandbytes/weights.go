package bitsandbytes

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"longlora/kernels/llmint8"
	"longlora/kernels/nf4"
	"longlora/trainer/safetensors"
)

// Kind is how the linear layers of a folder are quantised.
type Kind string

// The kinds: four bits with scales quantised again, or not, and eight bits.
const (
	NF4       Kind = "nf4"
	NF4Single Kind = "nf4-single"
	Int8      Kind = "int8"
)

// config is the quantization_config of a config.json.
type config struct {
	Method string `json:"quant_method"`
	Four   bool   `json:"load_in_4bit"`
	Eight  bool   `json:"load_in_8bit"`
	Type   string `json:"bnb_4bit_quant_type"`
	Double bool   `json:"bnb_4bit_use_double_quant"`
	Stored string `json:"bnb_4bit_quant_storage"`
}

// Parse returns what a quantization_config says. ok is false if it is another tool's.
func Parse(raw json.RawMessage) (kind Kind, ok bool, err error) {
	var c config
	if err := json.Unmarshal(raw, &c); err != nil || c.Method != "bitsandbytes" {
		return "", false, nil
	}
	switch four := c.Four && c.Type == "nf4" && (c.Stored == "" || c.Stored == "uint8"); {
	case c.Eight:
		return Int8, true, nil
	case four && c.Double:
		return NF4, true, nil
	case four:
		return NF4Single, true, nil
	}
	return "", true, fmt.Errorf("quantization_config of bitsandbytes with load_in_4bit %v, "+
		"bnb_4bit_quant_type %q and bnb_4bit_quant_storage %q: only nf4 in bytes and int8 are read; "+
		"use the unquantized weights", c.Four, c.Type, c.Stored)
}

// The ends of the names of what belongs to a weight.
const (
	absMax      = ".absmax"
	quantMap    = ".quant_map"
	nestedMax   = ".nested_absmax"
	nestedMap   = ".nested_quant_map"
	stateName   = ".quant_state.bitsandbytes__nf4"
	statePrefix = ".quant_state."
	weightName  = ".weight"
	rowScales   = ".SCB"
	rowFormat   = ".weight_format"
)

// Weights are the weights of a folder, quantised ones among them.
type Weights struct {
	*safetensors.Folder
	kind  Kind
	usual safetensors.DType
	names []string
}

// Wrap returns the weights of a folder of that kind. dtype is the storage type that config.json declares,
// which the values of int8 weights are said to have.
func Wrap(f *safetensors.Folder, kind Kind, dtype string) *Weights {
	w := &Weights{Folder: f, kind: kind, usual: declared(dtype)}
	for _, name := range f.Names() {
		if !companion(name) {
			w.names = append(w.names, name)
		}
	}
	return w
}

// companion reports whether a tensor belongs to another.
func companion(name string) bool {
	for _, end := range []string{absMax, quantMap, nestedMax, nestedMap, rowScales, rowFormat} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.Contains(name, statePrefix)
}

// declared returns a storage type by its name in config.json.
func declared(dtype string) safetensors.DType {
	switch dtype {
	case "bfloat16":
		return safetensors.BF16
	case "float16":
		return safetensors.F16
	}
	return safetensors.F32
}

// Names lists the weights in order; the caller must not change the list.
func (w *Weights) Names() []string { return w.names }

// quantised reports whether a weight is.
func (w *Weights) quantised(name string) bool {
	end, base := stateName, name
	if w.kind == Int8 {
		end, base = rowScales, strings.TrimSuffix(name, weightName)
	}
	_, err := w.Folder.Info(base + end)
	return err == nil
}

// Info describes a weight: of a quantised one the shape and the type of the values that it stands for.
func (w *Weights) Info(name string) (safetensors.Info, error) {
	info, err := w.Folder.Info(name)
	if err != nil || !w.quantised(name) {
		return info, err
	}
	if w.kind == Int8 {
		info.DType = w.usual
		return info, nil
	}
	s, err := w.state(name)
	if err != nil {
		return info, err
	}
	info.Shape, info.DType = s.Shape, declared(s.DType)
	return info, nil
}

// Floats returns the values that a weight stands for.
func (w *Weights) Floats(name string) ([]float32, []int, error) {
	packed, err := w.Packed(name)
	if err != nil {
		return nil, nil, err
	}
	switch p := packed.(type) {
	case *nf4.Packed:
		return p.Values(), []int{p.Out, p.In}, nil
	case *llmint8.Packed:
		return p.Values(), []int{p.Out, p.In}, nil
	}
	return w.Folder.Floats(name)
}

// Packed returns a quantised weight, an *nf4.Packed or an *llmint8.Packed; nil: it is not quantised.
func (w *Weights) Packed(name string) (any, error) {
	if !w.quantised(name) {
		return nil, nil
	}
	var packed any
	var err error
	if w.kind == Int8 {
		packed, err = w.int8(name)
	} else {
		packed, err = w.nf4(name)
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return packed, nil
}

// state is the JSON of a weight of four bits.
type state struct {
	Type      string  `json:"quant_type"`
	Block     int     `json:"blocksize"`
	DType     string  `json:"dtype"`
	Shape     []int   `json:"shape"`
	NestBlock int     `json:"nested_blocksize"`
	Offset    float32 `json:"nested_offset"`
}

// maxState bounds a state, in bytes.
const maxState = 1 << 16

func (w *Weights) state(name string) (*state, error) {
	text, err := w.bytes(name+stateName, "U8", maxState)
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("its state: %w", err)
	}
	if s.Type != "nf4" || s.Block != nf4.Block || len(s.Shape) != 2 || s.Shape[0] <= 0 || s.Shape[1] <= 0 {
		return nil, fmt.Errorf("quantised as %s in blocks of %d with shape %v; only matrices of nf4 in "+
			"blocks of %d are read", s.Type, s.Block, s.Shape, nf4.Block)
	}
	return s, nil
}

// bytes returns the raw bytes of a tensor of a type, at most that many.
func (w *Weights) bytes(name string, d safetensors.DType, most int64) ([]byte, error) {
	info, err := w.Folder.Info(name)
	if err != nil {
		return nil, err
	}
	if info.DType != d || info.Bytes() > most {
		return nil, fmt.Errorf("%s is %s of %d bytes, want %s of at most %d", name, info.DType, info.Bytes(),
			d, most)
	}
	return w.Raw(name)
}

// exactly is bytes of so many bytes.
func (w *Weights) exactly(name string, d safetensors.DType, n int) ([]byte, error) {
	data, err := w.bytes(name, d, int64(n))
	if err == nil && len(data) != n {
		err = fmt.Errorf("%s has %d bytes, want %d", name, len(data), n)
	}
	return data, err
}

// floats returns n finite floats.
func (w *Weights) floats(name string, n int) ([]float32, error) {
	values, _, err := w.Folder.Floats(name)
	if err != nil {
		return nil, err
	}
	if len(values) != n {
		return nil, fmt.Errorf("%s has %d values, want %d", name, len(values), n)
	}
	return values, safetensors.CheckFinite(name, values)
}

func (w *Weights) nf4(name string) (*nf4.Packed, error) {
	s, err := w.state(name)
	if err != nil {
		return nil, err
	}
	p := &nf4.Packed{Out: s.Shape[0], In: s.Shape[1]}
	n := p.Out * p.In
	blocks := ceil(n, nf4.Block)
	table, err := w.floats(name+quantMap, 16)
	if err != nil {
		return nil, err
	}
	if want := nf4.Table(); !slices.Equal(table, want[:]) {
		return nil, errors.New("its quant_map is not that of nf4")
	}
	if p.Codes, err = w.exactly(name, "U8", ceil(n, 2)); err != nil {
		return nil, err
	}
	if w.kind == NF4Single {
		p.Second, err = w.floats(name+absMax, blocks)
		return p, err
	}
	return p, w.nested(name, s, p, blocks)
}

// nested reads scales that were quantised again.
func (w *Weights) nested(name string, s *state, p *nf4.Packed, blocks int) (err error) {
	if s.NestBlock != nf4.ScaleBlock {
		return fmt.Errorf("its scales are quantised in blocks of %d; only %d are read", s.NestBlock,
			nf4.ScaleBlock)
	}
	if p.Scales, err = w.exactly(name+absMax, "U8", blocks); err != nil {
		return err
	}
	if p.Second, err = w.floats(name+nestedMax, ceil(blocks, nf4.ScaleBlock)); err != nil {
		return err
	}
	values, err := w.floats(name+nestedMap, 256)
	if err != nil {
		return err
	}
	p.Map, p.Mean = (*[256]float32)(values), s.Offset
	return safetensors.CheckFinite(name, []float32{s.Offset})
}

func (w *Weights) int8(name string) (*llmint8.Packed, error) {
	info, err := w.Folder.Info(name)
	if err != nil {
		return nil, err
	}
	if len(info.Shape) != 2 {
		return nil, fmt.Errorf("it has shape %v, want a matrix", info.Shape)
	}
	p := &llmint8.Packed{Out: info.Shape[0], In: info.Shape[1]}
	codes, err := w.exactly(name, "I8", p.Out*p.In)
	if err != nil {
		return nil, err
	}
	p.Codes = make([]int8, len(codes))
	for i, c := range codes {
		p.Codes[i] = int8(c)
	}
	module := strings.TrimSuffix(name, weightName)
	if err := w.checkFormat(module + rowFormat); err != nil {
		return nil, err
	}
	p.Scales, err = w.floats(module+rowScales, p.Out)
	return p, err
}

// checkFormat refuses codes in another order than by rows, which older folders do not say.
func (w *Weights) checkFormat(name string) error {
	if _, err := w.Folder.Info(name); errors.Is(err, safetensors.ErrMissing) {
		return nil
	}
	format, err := w.exactly(name, "U8", 1)
	if err == nil && format[0] != 0 {
		err = fmt.Errorf("its weight_format is %d; only 0, by rows, is read", format[0])
	}
	return err
}

func ceil(n, part int) int { return (n + part - 1) / part }
