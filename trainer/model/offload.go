package model

import (
	"fmt"
	"math"

	"longlora/kernels"
)

// offload keeps the activations of some layers in the host's memory; on the device are those of two of
// them at a time, in two slots that they take turns in. While a layer runs forward, its input goes to
// the host, and what its attention gives during the next layer; while a layer is derived, the input of
// the one before it comes back. A copy has the time of a whole layer. The last two stay in their slots.
type offload struct {
	b      kernels.Aside // nil: nothing is offloaded
	arena  kernels.Arena // of the host
	slots  [2]slot
	layers []offloaded // one a layer
}

// slot is memory of the device for a layer's activations.
type slot struct {
	activations stored
	tenant      int // the layer whose activations are there
	// input and output are copies of the slot to the host, or of the host to it.
	input, output kernels.Copying
}

// offloaded is where a layer's activations lie; without a slot it is not offloaded.
type offloaded struct {
	slot *slot
	host stored
}

// stored are a layer's input [T, D] and what its attention gives [T, H·Dh], with room behind the rows,
// and [H, T], which may be absent.
type stored struct{ x, o, lse kernels.Tensor }

// offloads reports whether any layer's activations go to the host.
func (o Options) offloads() bool {
	for _, a := range o.Again {
		if a.offloads() {
			return true
		}
	}
	return false
}

// cutOffload makes room for the slots, and on the host.
func (m *Model) cutOffload(tokens int) {
	f := &m.work.offload
	if f.b == nil {
		return
	}
	if f.layers == nil {
		f.layers = make([]offloaded, len(m.layers))
	}
	output, n, leave := false, 0, m.options.leaving(len(m.layers))
	for l := range m.layers {
		f.layers[l] = offloaded{}
		again := m.options.again(l)
		if !again.offloads() {
			continue
		}
		f.layers[l].slot = &f.slots[n%len(f.slots)]
		if n < leave {
			f.layers[l].host = m.cutStored(f.arena, tokens, again.Output)
		}
		output, n = output || again.Output, n+1
	}
	for i := range f.slots {
		f.slots[i] = slot{activations: m.cutStored(m.work.arena, tokens, output), tenant: -1}
	}
}

// leaving is the number of layers whose activations leave the device.
func (o Options) leaving(layers int) (n int) {
	for l := range layers {
		if o.again(l).offloads() {
			n++
		}
	}
	return max(n-len(offload{}.slots), 0)
}

func (m *Model) cutStored(a kernels.Arena, tokens int, output bool) (s stored) {
	c, d := m.config, m.options.activations()
	s.x = a.Alloc(d, tokens, c.Hidden)
	if output {
		s.o = a.Alloc(d, tokens, c.Heads*c.HeadDim+m.options.Spare)
		s.lse = a.Alloc(kernels.F32, c.Heads, tokens)
	}
	return s
}

// hostBytes returns what cutOffload takes of the host's memory.
func (m *Model) hostBytes(tokens int) (n int64) {
	c, d, leave := m.config, m.options.activations(), m.options.leaving(m.config.Layers)
	for l := 0; l < c.Layers && leave > 0; l++ {
		again := m.options.again(l)
		if !again.offloads() {
			continue
		}
		leave--
		n += alignedBytes(tokens*c.Hidden, d)
		if again.Output {
			n += alignedBytes(tokens*(c.Heads*c.HeadDim+m.options.Spare), d)
			n += alignedBytes(c.Heads*tokens, kernels.F32)
		}
	}
	return n
}

// input is where a layer's input lies: its slot, or new memory.
func (m *Model) input(layer, tokens int) kernels.Tensor {
	f := &m.work.offload
	if f.b != nil && layer < len(f.layers) && f.layers[layer].slot != nil {
		return f.layers[layer].slot.activations.x
	}
	return m.act(tokens, m.config.Hidden)
}

// begin gives a layer room for what its attention gives, width wide, sends its input to the host, and
// waits for what the layer writes over.
func (f *offload) begin(layer, width int, a *activations, again Again) {
	host, s := f.layers[layer].host, f.layers[layer].slot
	for i := range f.slots {
		f.await(&f.slots[i].input)
	}
	f.await(&s.output)
	s.tenant = layer
	if !host.x.IsZero() {
		s.input = f.b.CopyAside(host.x, s.activations.x)
	}
	if again.Output {
		a.o, a.lse = s.activations.o.Slice(1, 0, width), s.activations.lse
	}
}

func (f *offload) await(c *kernels.Copying) {
	f.b.Await(*c)
	*c = 0
}

// end sends what the layer's attention gave to the host.
func (f *offload) end(layer int) {
	host, s := f.layers[layer].host, f.layers[layer].slot
	if !host.o.IsZero() {
		f.b.CopyAside(host.lse, s.activations.lse)
		s.output = f.b.CopyAside(host.o, s.activations.o)
	}
}

// fetch begins to bring a layer's activations back, unless they are there.
func (f *offload) fetch(layer int) {
	if f.b == nil || layer < 0 || f.layers[layer].slot == nil {
		return
	}
	host, s := f.layers[layer].host, f.layers[layer].slot
	if s.tenant == layer {
		return
	}
	s.tenant = layer
	f.await(&s.input)
	f.await(&s.output)
	if !host.o.IsZero() {
		f.b.CopyAside(s.activations.lse, host.lse)
		f.b.CopyAside(s.activations.o, host.o)
	}
	s.input = f.b.CopyAside(s.activations.x, host.x)
}

// arrive waits for what fetch began.
func (f *offload) arrive(layer int) {
	if f.b != nil && f.layers[layer].slot != nil {
		f.await(&f.layers[layer].slot.input)
	}
}

// reserveOffload takes the host's memory for micro-batches of up to so many tokens.
func (m *Model) reserveOffload(tokens int) (err error) {
	f := &m.work.offload
	if !m.options.offloads() {
		return nil
	}
	b, ok := m.b.(kernels.Aside)
	if !ok {
		return fmt.Errorf("model: layers are offloaded to the host on a GPU only, not on %s", m.b.Name())
	}
	need := int64(math.MaxInt64)
	if tokens > 0 {
		need = m.hostBytes(tokens)
	}
	if err := f.close(); err != nil {
		return err
	}
	if f.arena, err = b.NewHostArena(need); err != nil {
		return fmt.Errorf("model: room on the host for activations: %w", err)
	}
	f.b = b
	return nil
}

func (f *offload) close() error {
	a := f.arena
	*f = offload{}
	if a == nil {
		return nil
	}
	return a.Close()
}
