package nf4

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"longlora/kernels"
)

const (
	// Block is the number of elements that share a scale.
	Block = 64
	// ScaleBlock is the number of scales that share one.
	ScaleBlock = 256
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
	Scales []byte
	Second []float32
	Mean   float32
}

// Pack quantises w, row-major [out, in]. Values must be finite.
func Pack(w []float32, out, in int) *Packed {
	if len(w) != out*in {
		panic(fmt.Sprintf("nf4: %d values for a matrix of %d by %d", len(w), out, in))
	}
	blocks := ceil(len(w), Block)
	p := &Packed{Out: out, In: in, Codes: make([]byte, ceil(len(w), 2))}
	greatest := make([]float32, blocks)
	for i, v := range w {
		greatest[i/Block] = max(greatest[i/Block], float32(math.Abs(float64(v))))
	}
	p.packScales(greatest)
	p.packCodes(w, greatest)
	return p
}

// packCodes does pieces of whole blocks side by side.
func (p *Packed) packCodes(w, greatest []float32) {
	const piece = Block << 12
	table := Table()
	var all sync.WaitGroup
	for from := 0; from < len(w); from += piece {
		all.Go(func() {
			for i := from; i < min(from+piece, len(w)); i++ {
				code := 7 // 0
				if a := greatest[i/Block]; a > 0 {
					code = nearest(table[:], w[i]/a)
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
	for i, a := range greatest {
		x := float32(0)
		if b := p.Second[i/ScaleBlock]; b > 0 {
			x = (a - p.Mean) / b
		}
		p.Scales[i] = byte(nearest(values[:], x))
	}
}

// nearest returns the index of the value in an ascending list that is nearest to x, the lower one of
// two as near.
func nearest(values []float32, x float32) int {
	i, found := slices.BinarySearch(values, x)
	if found || i == 0 {
		return i
	}
	if i == len(values) || x-values[i-1] <= values[i]-x {
		return i - 1
	}
	return i
}

func ceil(n, part int) int { return (n + part - 1) / part }

// Values returns the matrix, row-major.
func (p *Packed) Values() []float32 {
	table, scales := Table(), Scales()
	w := make([]float32, p.Out*p.In)
	for i := range w {
		block := i / Block
		a := scales[p.Scales[block]]*p.Second[block/ScaleBlock] + p.Mean
		w[i] = table[p.Codes[i/2]>>(4*(1-i%2))&15] * a
	}
	return w
}

// Weight is a Packed in a backend's memory.
type Weight struct {
	out, in int
	// Codes and Scales are I32: four bytes a word. Second is F32: the scales' scales, then their mean.
	// Values is F32: Table, then Scales.
	Codes, Scales, Second, Values kernels.Tensor
}

var _ kernels.Weight = (*Weight)(nil)

// Out returns the number of output features.
func (w *Weight) Out() int { return w.out }

// In returns the number of input features.
func (w *Weight) In() int { return w.in }

// words is the number of I32s that hold n bytes.
func words(n int) int { return ceil(n, 4) }

// Bytes returns the memory of a matrix of out by in, each tensor rounded up to a multiple of align.
func Bytes(out, in int, align int64) int64 {
	blocks := ceil(out*in, Block)
	var sum int64
	for _, n := range []int{words(ceil(out*in, 2)), words(blocks), ceil(blocks, ScaleBlock) + 1, 16 + 256} {
		sum += (4*int64(n) + align - 1) / align * align
	}
	return sum
}

// Alloc cuts a weight without values off an arena.
func Alloc(a kernels.Arena, out, in int) *Weight {
	n := out * in
	blocks := ceil(n, Block)
	return &Weight{
		out: out, in: in,
		Codes:  a.Alloc(kernels.I32, words(ceil(n, 2))),
		Scales: a.Alloc(kernels.I32, words(blocks)),
		Second: a.Alloc(kernels.F32, ceil(blocks, ScaleBlock)+1),
		Values: a.Alloc(kernels.F32, 16+256),
	}
}

// Write gives the weight its values.
func (w *Weight) Write(b kernels.Backend, p *Packed) {
	if p.Out != w.out || p.In != w.in {
		panic(fmt.Sprintf("nf4: a matrix of %d by %d for one of %d by %d", p.Out, p.In, w.out, w.in))
	}
	b.WriteInts(w.Codes, integers(p.Codes))
	b.WriteInts(w.Scales, integers(p.Scales))
	b.Write(w.Second, append(slices.Clone(p.Second), p.Mean))
	table, scales := Table(), Scales()
	b.Write(w.Values, append(table[:], scales[:]...))
}

// integers are bytes as words, the first in the lowest place.
func integers(b []byte) []int32 {
	padded := append(slices.Clone(b), make([]byte, 4*words(len(b))-len(b))...)
	out := make([]int32, words(len(b)))
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(padded[4*i:]))
	}
	return out
}
