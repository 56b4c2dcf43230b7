package nf4

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"longlora/kernels"
	"longlora/kernels/machine"
)

const (
	// Block is the number of elements that share a scale.
	Block = 64
	// ScaleBlock is the number of scales that share one.
	ScaleBlock = 256
	// least keeps the inverse of a scale finite, as bitsandbytes does.
	least = 1e-38
)

// Table returns the values of the 16 codes.
func Table() [16]float32 {
	return [16]float32{
		-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
		-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
		0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
		0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
	}
}

// Scales returns the values of the 256 codes of scales, in ascending order: for each exponent e of 0 to
// 6, the 2^e midpoints of 2^e+1 numbers evenly from 0.1 to 1, times 10^(e-6), of both signs; and 0, 1.
func Scales() [256]float32 {
	var all []float64
	for e := range 7 {
		n := 1 << e
		for i := range n {
			at := func(i int) float64 { return 0.1 + 0.9*float64(i)/float64(n) }
			v := math.Pow(10, float64(e-6)) * (at(i) + at(i+1)) / 2
			all = append(all, v, -v)
		}
	}
	all = append(all, 0, 1)
	slices.Sort(all)
	var out [256]float32
	for i, v := range all {
		out[i] = float32(v)
	}
	return out
}

// Packed is a matrix [Out, In] in host memory. Rows need not fill blocks.
type Packed struct {
	Out, In int
	// Codes has a code for each element, two a byte.
	Codes []byte
	// Scales has a code for each block, and Second a scale for each ScaleBlock of them; Mean is theirs.
	// Without Scales, Second has the scale of each block itself.
	Scales []byte
	Second []float32
	Mean   float32
	// Map has the values of the codes of scales; nil: those of Scales. bitsandbytes stores its own, of
	// which some differ from Scales in the last place.
	Map *[256]float32
}

// values returns those of the codes of scales.
func (p *Packed) values() [256]float32 {
	if p.Map != nil {
		return *p.Map
	}
	return Scales()
}

// Double reports whether the scales are quantised again.
func (p *Packed) Double() bool { return p.Scales != nil }

// scale returns that of a block.
func (p *Packed) scale(values *[256]float32, block int) float32 {
	if !p.Double() {
		return p.Second[block]
	}
	return float32(values[p.Scales[block]]*p.Second[block/ScaleBlock]) + p.Mean
}

// Pack quantises w, row-major [out, in], with scales that are quantised again. Values must be finite.
func Pack(w []float32, out, in int) *Packed {
	p, greatest := pack(w, out, in)
	p.packScales(greatest)
	return p
}

// PackSingle is Pack without a second quantisation.
func PackSingle(w []float32, out, in int) *Packed {
	p, greatest := pack(w, out, in)
	p.Second = greatest
	return p
}

// pack makes the codes, and returns the greatest magnitude of each block.
func pack(w []float32, out, in int) (p *Packed, greatest []float32) {
	if len(w) != out*in {
		panic(fmt.Sprintf("nf4: %d values for a matrix of %d by %d", len(w), out, in))
	}
	p = &Packed{Out: out, In: in, Codes: make([]byte, ceil(len(w), 2))}
	greatest = make([]float32, ceil(len(w), Block))
	for i, v := range w {
		greatest[i/Block] = max(greatest[i/Block], float32(math.Abs(float64(v))))
	}
	p.packCodes(w, greatest)
	return p, greatest
}

// packCodes does pieces of whole blocks side by side.
func (p *Packed) packCodes(w, greatest []float32) {
	const piece = Block << 12
	table := Table()
	bounds := boundsOf(table[:])
	var all sync.WaitGroup
	for from := 0; from < len(w); from += piece {
		all.Go(func() {
			for i := from; i < min(from+piece, len(w)); i++ {
				code := 7 // 0
				if a := greatest[i/Block]; a > 0 {
					code = nearest(bounds, w[i]*(1/max(a, least)))
				}
				p.Codes[i/2] |= byte(code << (4 * (1 - i%2)))
			}
		})
	}
	all.Wait()
}

func (p *Packed) packScales(greatest []float32) {
	var sum float64
	for _, a := range greatest {
		sum += float64(a)
	}
	p.Mean = float32(sum / float64(max(len(greatest), 1)))
	p.Scales, p.Second = make([]byte, len(greatest)), make([]float32, ceil(len(greatest), ScaleBlock))
	for i, a := range greatest {
		p.Second[i/ScaleBlock] = max(p.Second[i/ScaleBlock], float32(math.Abs(float64(a-p.Mean))))
	}
	values := Scales()
	bounds := boundsOf(values[:])
	for i, a := range greatest {
		x := float32(0)
		if b := p.Second[i/ScaleBlock]; b > 0 {
			x = (a - p.Mean) * (1 / max(b, least))
		}
		p.Scales[i] = byte(nearest(bounds, x))
	}
}

// boundsOf returns the middles between an ascending list's neighbours, as bitsandbytes has them.
func boundsOf(values []float32) []float32 {
	bounds := make([]float32, len(values)-1)
	for i := range bounds {
		bounds[i] = (values[i] + values[i+1]) / 2
	}
	return bounds
}

// nearest returns the index of the value nearest to x, the lower one of two as near.
func nearest(bounds []float32, x float32) int {
	i, _ := slices.BinarySearch(bounds, x)
	return i
}

func ceil(n, part int) int { return (n + part - 1) / part }

// Values returns the matrix, row-major.
func (p *Packed) Values() []float32 {
	table, scales := Table(), p.values()
	w := make([]float32, p.Out*p.In)
	for i := range w {
		w[i] = table[p.Codes[i/2]>>(4*(1-i%2))&15] * p.scale(&scales, i/Block)
	}
	return w
}

// Weight is a Packed in a backend's memory.
type Weight struct {
	out, in int
	// Codes and Scales are I32: four bytes a word. Second is F32: the scales' scales, then their mean.
	// Values is F32: Table, then Scales. Without a second quantisation Scales is absent.
	Codes, Scales, Second, Values kernels.Tensor

	rows *rows // on the CPU
}

var _ kernels.Weight = (*Weight)(nil)

// Out returns the number of output features.
func (w *Weight) Out() int { return w.out }

// In returns the number of input features.
func (w *Weight) In() int { return w.in }

// Bytes returns the memory of a matrix of out by in, each tensor rounded up to a multiple of align.
func Bytes(out, in int, align int64) int64 {
	blocks := ceil(out*in, Block)
	return machine.BytesOfTensors(align, machine.Words(ceil(out*in, 2)), machine.Words(blocks),
		ceil(blocks, ScaleBlock)+1, 16+256)
}

// BytesSingle is Bytes without a second quantisation.
func BytesSingle(out, in int, align int64) int64 {
	return machine.BytesOfTensors(align, machine.Words(ceil(out*in, 2)), ceil(out*in, Block), 16+256)
}

// Alloc cuts a weight without values off an arena.
func Alloc(a kernels.Arena, out, in int) *Weight {
	n := out * in
	blocks := ceil(n, Block)
	return &Weight{
		out: out, in: in,
		Codes:  a.Alloc(kernels.I32, machine.Words(ceil(n, 2))),
		Scales: a.Alloc(kernels.I32, machine.Words(blocks)),
		Second: a.Alloc(kernels.F32, ceil(blocks, ScaleBlock)+1),
		Values: a.Alloc(kernels.F32, 16+256),
	}
}

// AllocSingle is Alloc without a second quantisation, which a GPU does not know.
func AllocSingle(a kernels.Arena, out, in int) *Weight {
	n := out * in
	return &Weight{
		out: out, in: in,
		Codes:  a.Alloc(kernels.I32, machine.Words(ceil(n, 2))),
		Second: a.Alloc(kernels.F32, ceil(n, Block)),
		Values: a.Alloc(kernels.F32, 16+256),
	}
}

// Double reports whether the scales are quantised again.
func (w *Weight) Double() bool { return !w.Scales.IsZero() }

// Write gives the weight its values.
func (w *Weight) Write(b kernels.Backend, p *Packed) {
	if p.Out != w.out || p.In != w.in {
		panic(fmt.Sprintf("nf4: a matrix of %d by %d for one of %d by %d", p.Out, p.In, w.out, w.in))
	}
	if p.Double() != w.Double() {
		panic("nf4: scales that are quantised again for a weight whose scales are not, or the reverse")
	}
	w.rows = nil
	b.WriteInts(w.Codes, machine.WordsOf(p.Codes))
	if w.Double() {
		b.WriteInts(w.Scales, machine.WordsOf(p.Scales))
		b.Write(w.Second, append(slices.Clone(p.Second), p.Mean))
	} else {
		b.Write(w.Second, p.Second)
	}
	table, scales := Table(), p.values()
	b.Write(w.Values, append(table[:], scales[:]...))
}

// Read returns what the weight holds, by a backend's ways of reading.
func (w *Weight) Read(ints func(kernels.Tensor) []int32,
	floats func(kernels.Tensor) []float32) *Packed {
	n := w.out * w.in
	p := &Packed{Out: w.out, In: w.in, Codes: machine.BytesOf(ints(w.Codes))[:ceil(n, 2)],
		Second: floats(w.Second)}
	if w.Double() {
		p.Map = new([256]float32)
		copy(p.Map[:], floats(w.Values)[16:])
		p.Scales = machine.BytesOf(ints(w.Scales))[:ceil(n, Block)]
		last := len(p.Second) - 1
		p.Second, p.Mean = p.Second[:last], p.Second[last]
	}
	return p
}
