package model

import (
	"slices"

	"longlora/kernels"
)

// Pending is a gradient that was handed to the backend; its loss is on its way.
type Pending struct {
	sum     float64
	b       kernels.Later   // nil: sum is there
	losses  kernels.Reading // of the scored rows; nil: there are none
	weights []float32       // of those
	rows    int             // that are read
}

// GradientLater is Gradient that waits for nothing, on a backend that is a kernels.Later. On others it
// is Gradient.
func (m *Model) GradientLater(b *Batch, scale float32) (Pending, error) {
	if err := m.readyFor(b); err != nil {
		return Pending{}, err
	}
	if later, ok := m.b.(kernels.Later); ok {
		return m.hand(later, b, scale)
	}
	sum, err := m.gradientNow(b, scale)
	return Pending{sum: sum}, err
}

// hand hands a gradient over as one group of operators.
func (m *Model) hand(later kernels.Later, b *Batch, scale float32) (Pending, error) {
	p := &Pending{b: later}
	m.work.pending = p
	err := later.Group(func() error { return m.gradient(b, scale, nil) })
	m.work.pending = nil
	return *p, err
}

// begin begins to read the losses of the scored rows, and sees to it that nothing is updated by ones
// that are no numbers.
func (p *Pending) begin(s *scored, losses kernels.Tensor) {
	p.b.Watch(losses)
	p.losses, p.rows = p.b.ReadLater(losses), losses.Len()
	p.weights = slices.Clone(s.weights[:s.n])
}

// Loss waits and returns what Gradient does, and its error.
func (p *Pending) Loss() (float64, error) {
	switch {
	case p.b == nil:
		return p.sum, nil
	case p.losses == nil:
		return 0, p.b.Sync()
	}
	losses := make([]float32, p.rows)
	if err := p.losses.Wait(losses); err != nil {
		return 0, err
	}
	var sum float64
	for i, w := range p.weights {
		sum += float64(w) * float64(losses[i])
	}
	return sum, nil
}

// planned runs a gradient on a planning backend as a real one does.
func (m *Model) planned(b *Batch) error {
	if later, ok := m.b.(kernels.Later); ok {
		_, err := m.hand(later, b, 1)
		return err
	}
	return m.gradient(b, 1, nil)
}
