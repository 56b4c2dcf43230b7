package linear

import (
	"fmt"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/llmint8"
	"longlora/kernels/machine"
	"longlora/kernels/nf4"
)

// codings make a weight in some code of values, and return what it approximates them by.
var codings = []struct {
	name string
	make func(b writer, a kernels.Arena, w []float32, out, in int) (kernels.Weight, []float32)
}{
	{"nf4", func(b writer, a kernels.Arena, w []float32, out, in int) (kernels.Weight, []float32) {
		p, packed := nf4.Pack(w, out, in), nf4.Alloc(a, out, in)
		packed.Write(b, p)
		return packed, p.Values()
	}},
	{"nf4 single", func(b writer, a kernels.Arena, w []float32, out, in int) (kernels.Weight, []float32) {
		p, packed := nf4.PackSingle(w, out, in), nf4.AllocSingle(a, out, in)
		packed.Write(b, p)
		return packed, p.Values()
	}},
	{"int8", func(b writer, a kernels.Arena, w []float32, out, in int) (kernels.Weight, []float32) {
		p, packed := llmint8.Pack(w, out, in), llmint8.Alloc(a, out, in)
		packed.Write(b, p)
		return packed, p.Values()
	}},
}

// writer is the part of a backend that weights are written by.
type writer struct{ kernels.Backend }

func (writer) Write(dst kernels.Tensor, src []float32)   { copy(machine.F32(dst), src) }
func (writer) WriteInts(dst kernels.Tensor, src []int32) { copy(machine.I32(dst), src) }

// TestCoded: products with coded weights have the bits of those with what they stand for, in all
// directions, for one row and many, with LoRA and DoRA, whatever the rows' place in blocks.
func TestCoded(t *testing.T) {
	each := func(t *testing.T, m *machine.Machine) {
		for _, c := range codings {
			for _, rows := range []int{1, 17} {
				for _, in := range []int{9, 65, 515} {
					t.Run(fmt.Sprintf("%s/%dx%d", c.name, rows, in), func(t *testing.T) {
						p := newDoRA(t, rows, in, 67, 2, 0)
						a, err := machine.NewArena(1 << 20)
						if err != nil {
							t.Fatal(err)
						}
						defer a.Close()
						dense := p.l.W.(kernels.Dense)
						coded, values := c.make(writer{}, a, kerneltest.Float32s(dense.Tensor), 67, in)
						copy(machine.F32(dense.Tensor), values)
						want := p.all(m, dense)
						if at := kerneltest.Differ(p.all(m, coded), want); at >= 0 {
							t.Errorf("element %d differs", at)
						}
					})
				}
			}
		}
	}
	kerneltest.EachTier(t, each)
	kerneltest.EachBrain(t, each)
}

// all returns everything that a layer with weights w computes, plain, with LoRA and with DoRA.
func (p *problem) all(m *machine.Machine, w kernels.Weight) (out []float32) {
	none, l := kernels.Tensor{}, p.l
	l.W = w
	lora, plain := l, kernels.Linear{W: w}
	lora.Magnitude, lora.Norm = none, none
	for _, l := range []kernels.Linear{plain, lora, l} {
		y, dx := kerneltest.New(p.t, 1<<12, 3).Zeros(p.y.Shape()...), p.dx
		NormsCPU(m, p.l.Norm, l)
		CPU(m, y, p.x, l, p.u, false)
		copy(machine.F32(dx), make([]float32, dx.Len()))
		CPUGrad(m, dx, kernels.LinearGrad{}, p.dy, p.x, l, p.u)
		for _, t := range []kernels.Tensor{p.l.Norm, y, dx} {
			out = append(out, kerneltest.Float32s(t)...)
		}
	}
	return out
}
