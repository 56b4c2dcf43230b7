package model

import (
	"strings"

	"longlora/kernels"
)

// Again says what of a layer's forward pass is not kept for its gradient but computed again. It
// changes no bit of the result.
type Again struct {
	// Attention is the layer's first half, its products and the attention itself; MLP is the second.
	Attention, MLP bool
	// Output keeps what the attention itself gives where Attention computes all around it again.
	Output bool
	// Rows is what takes no product in the halves that are kept: normalised rows, SwiGLU's output.
	Rows bool
	// Offload moves what is kept of a layer whose halves are both computed again to the host's memory:
	// its input, and with Output what the attention gives. It takes a backend that is a kernels.Aside.
	Offload bool
}

// String says what is computed again, as "MLP and rows computed again".
func (a Again) String() string {
	var all []string
	for _, part := range []struct {
		name string
		is   bool
	}{
		{"attention", a.Attention && !a.Output}, {"attention's products", a.Attention && a.Output},
		{"MLP", a.MLP}, {"rows", a.Rows},
	} {
		if part.is {
			all = append(all, part.name)
		}
	}
	if len(all) == 0 {
		return "everything kept"
	}
	s := strings.Join(all, " and ") + " computed again"
	if a.offloads() {
		s += ", the rest on the host"
	}
	return s
}

// offloads reports whether the layer's activations go to the host.
func (a Again) offloads() bool { return a.Offload && a.Attention && a.MLP }

// again returns what is not kept of a layer.
func (o Options) again(layer int) Again {
	if len(o.Again) == 0 {
		return Again{}
	}
	return o.Again[min(layer, len(o.Again)-1)]
}

// keepLayer runs a layer from x to out and leaves what is kept of it on the arena.
func (m *Model) keepLayer(p *pass, y *layer, a *activations, again Again) {
	*a = activations{x: a.x, out: a.out, below: a.below}
	switch {
	case again.offloads():
		m.work.offload.begin(y.index, m.config.Heads*m.config.HeadDim, a, again)
	case again.Attention && again.Output:
		m.cutOutput(p, a)
	case !again.Attention:
		m.cut(p, y, a)
		if !again.Rows {
			a.h1 = m.act(p.tokens, m.config.Hidden)
		}
	}
	if !again.MLP {
		m.cutMLP(y, &a.mlp, p.tokens, !again.Rows)
	}
	mark := m.work.arena.Mark()
	run := *a // what is missing lasts for the forward pass
	m.complete(p, y, &run)
	m.attend(p, y, &run, false)
	m.mlp(p, y, &run)
	m.work.arena.Release(mark)
	if again.offloads() {
		m.work.offload.end(y.index)
	}
}

// complete makes room for what of a layer's first half was not kept, the normalised rows excepted.
func (m *Model) complete(p *pass, y *layer, a *activations) {
	if a.x1.IsZero() {
		m.cut(p, y, a)
	}
}

// deriveLayer turns dx, the gradient of a layer's output, into that of its input, and adds to the
// gradients of its parameters.
func (m *Model) deriveLayer(p *pass, y *layer, a *activations, dx kernels.Tensor) {
	mark := m.work.arena.Mark()
	if a.x1.IsZero() {
		output := !a.o.IsZero()
		m.complete(p, y, a)
		m.attend(p, y, a, output)
	}
	dy := dx
	if m.config.Arch.Parallel {
		dy = m.act(p.tokens, m.config.Hidden)
		m.b.Copy(dy, dx)
	}
	m.mlpBackward(p, y, a, dy, dx)
	m.attendBackward(p, y, a, dy, dx)
	m.work.arena.Release(mark)
}
