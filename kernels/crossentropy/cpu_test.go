package crossentropy

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// problem is rows of which every third has no target.
type problem struct {
	losses, dh, dw, h, targets, weights kernels.Tensor
	ids                                 []int32
	l                                   kernels.Linear
	d                                   int
}

const scale = 0.25

func newProblem(t *testing.T, rows, vocabulary, d int, brain bool) *problem {
	mem := kerneltest.New(t, 4*(rows+2*vocabulary+8)*(d+16), 1)
	p := &problem{d: d, losses: mem.Empty(rows), dh: mem.Empty(rows, d),
		dw: mem.Normal(vocabulary, d), h: mem.Gapped(rows, d), weights: mem.Normal(rows)}
	w := mem.Normal(vocabulary, d)
	if brain {
		w = mem.Brain(vocabulary, d)
	}
	p.l = kernels.Linear{W: kernels.Dense{Tensor: w}}
	for i := range rows {
		id := int32(mem.Rand().Intn(vocabulary))
		if i%3 == 1 {
			id = -1
		}
		p.ids = append(p.ids, id)
	}
	p.targets = mem.Ints(p.ids)
	return p
}

func (p *problem) run(m *machine.Machine) {
	CPU(m, p.losses, p.dh, p.dw, p.h, p.l, p.targets, p.weights, scale)
}

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, vocabulary := range []int{1, 2, 31, 67, 401} {
			for _, rows := range []int{1, 3, 67} {
				for _, d := range []int{1, 16, 67} {
					t.Run(fmt.Sprint(vocabulary, rows, d), func(t *testing.T) {
						newProblem(t, rows, vocabulary, d, d == 16).check(t, m)
						p := newProblem(t, rows, vocabulary, d, d == 16)
						p.l.Cap = 2
						p.check(t, m)
					})
				}
			}
		}
	})
}

func (p *problem) check(t *testing.T, m *machine.Machine) {
	t.Helper()
	w := kerneltest.Float64s(p.l.W.(kernels.Dense).Tensor)
	losses, dh := make([]float64, len(p.ids)), make([]float64, len(p.ids)*p.d)
	dw := kerneltest.Float64s(p.dw)
	Reference(losses, dh, dw, kerneltest.Float64s(p.h), w, p.ids, kerneltest.Float64s(p.weights),
		scale, float64(p.l.Cap), p.d)
	p.run(m)
	// A logit errs by d+1 roundings of its mass, which is about d·2/π; exp turns that absolute
	// error into a relative one of the probabilities, and a loss errs by as much absolutely.
	logit := float64(p.d+1) * float64(p.d) * 0x1p-24
	kerneltest.Close(t, "losses", p.losses, losses, 2*logit+0x1p-20, 1)
	kerneltest.Close(t, "dh", p.dh, dh, 2*logit+0x1p-19, 1)
	kerneltest.Close(t, "dw", p.dw, dw, 2*logit+float64(len(p.ids))*0x1p-22, 1)
	got := kerneltest.Float32s(p.losses)
	p.dh, p.dw, p.weights = kernels.Tensor{}, kernels.Tensor{}, kernels.Tensor{}
	p.run(m)
	if at := kerneltest.Differ(kerneltest.Float32s(p.losses), got); at >= 0 {
		t.Errorf("loss %d differs without gradients", at)
	}
}

// TestCPUChunks has more rows than fit one chunk of logits.
func TestCPUChunks(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		p := newProblem(t, 2*maxRows, 3, 2, false)
		p.check(t, m)
	})
}

// TestCPURisingLogits has logits that exceed all earlier ones by far, block after block, so that
// what was subtracted from them changes on the way.
func TestCPURisingLogits(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		p := newProblem(t, 17, 4*maxBlock+3, 3, false)
		w := machine.F32(p.l.W.(kernels.Dense).Tensor)
		for i := range w {
			w[i] *= float32(1 + 12*(i/(3*maxBlock)))
		}
		p.check(t, m)
		p = newProblem(t, 17, 4*maxBlock+3, 3, false)
		copy(machine.F32(p.l.W.(kernels.Dense).Tensor), w)
		p.l.Cap = 60
		p.check(t, m)
	})
}

// TestCPULargeVocabulary has an odd vocabulary of LLaMA's size with one token added.
func TestCPULargeVocabulary(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		newProblem(t, 5, 32001, 4, false).check(t, m)
	})
}

func TestCPUSameBits(t *testing.T) {
	kerneltest.SameBits(t, func(m *machine.Machine) []float32 {
		p := newProblem(t, 100, 501, 33, true)
		p.run(m)
		return append(append(kerneltest.Float32s(p.losses), kerneltest.Float32s(p.dh)...),
			kerneltest.Float32s(p.dw)...)
	})
}

// TestCPUHugeLogits has logits whose exponentials overflow.
func TestCPUHugeLogits(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		p := newProblem(t, 1, 2, 1, false)
		copy(machine.F32(p.l.W.(kernels.Dense).Tensor), []float32{3000, 1000})
		machine.F32(p.h)[0] = 1
		machine.I32(p.targets)[0] = 1
		p.run(m)
		if got := machine.F32(p.losses)[0]; got != 2000 {
			t.Errorf("loss is %g, want 2000", got)
		}
		machine.I32(p.targets)[0] = 0
		p.run(m)
		if got := machine.F32(p.losses)[0]; got != 0 || math.IsNaN(float64(machine.F32(p.dh)[0])) {
			t.Errorf("loss is %g, want 0", got)
		}
	})
}

func TestCPURefuses(t *testing.T) {
	m := machine.New(1, 0)
	defer m.Close()
	p := newProblem(t, 2, 3, 4, false)
	machine.I32(p.targets)[1] = 3
	kerneltest.Panics(t, "target", func() { p.run(m) })
}
