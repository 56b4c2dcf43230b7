package model

import "longlora/kernels"

// logitRows is the number of rows of logits that are computed at a time.
const logitRows = 64

// padRows is what the number of scored rows is rounded up to for a backend that replays steps that
// are alike: packed sequences differ in it by the number of their documents.
const padRows = 256

// scored are the rows of a batch that have a target: the first n; the others are the last of them
// again, without a target.
type scored struct {
	rows, targets []int32
	weights       []float32
	n             int
}

// read collects the rows of b in s's memory.
func (s *scored) read(b *Batch) {
	s.rows, s.targets, s.weights = s.rows[:0], s.targets[:0], s.weights[:0]
	for t, target := range b.Targets {
		if target >= 0 {
			s.rows = append(s.rows, int32(t))
			s.targets = append(s.targets, target)
			s.weights = append(s.weights, b.Weights[t])
		}
	}
	s.n = len(s.rows)
}

// pad rounds the number of rows up to a multiple of padRows, but to most at most.
func (s *scored) pad(most int) {
	for s.n > 0 && len(s.rows) < most && len(s.rows)%padRows != 0 {
		s.rows = append(s.rows, s.rows[s.n-1])
		s.targets, s.weights = append(s.targets, -1), append(s.weights, 0)
	}
}

// head is the loss over the scored rows: they are gathered first, so that final norm and head see
// no others.
type head struct {
	rows, targets, weights kernels.Tensor // [N]
	x, h, losses           kernels.Tensor // [N, D], [N, D], [N]
	stats                  stats
}

// newHead gathers the scored rows of x [T, D] and normalises them. It reports whether there are
// any.
func (m *Model) newHead(b *Batch, x kernels.Tensor) (h head, any bool) {
	s := &m.work.scored
	s.read(b)
	if m.work.pending != nil {
		s.pad(len(b.IDs))
	}
	n := len(s.rows)
	if n == 0 {
		return h, false
	}
	h = head{
		rows: m.ints(n), targets: m.ints(n), weights: m.f32(n),
		x: m.act(n, m.config.Hidden), h: m.act(n, m.config.Hidden), losses: m.f32(n),
		stats: m.stats(n),
	}
	m.b.WriteInts(h.rows, s.rows)
	m.b.WriteInts(h.targets, s.targets)
	m.b.Write(h.weights, s.weights)
	m.b.Embedding(h.x, x, h.rows) // a gather of rows
	m.normalize(h.h, h.stats, h.x, m.norm)
	return h, true
}

// headGradient adds the loss's gradient by x [T, D] to dx.
func (m *Model) headGradient(b *Batch, x, dx kernels.Tensor, scale float32,
	losses []float32) error {
	mark := m.work.arena.Mark()
	defer m.work.arena.Release(mark)
	h, any := m.newHead(b, x)
	if !any {
		return nil
	}
	n := h.x.Dim(0)
	dh := m.act(n, m.config.Hidden)
	m.lossGradient(&h, dh, scale, b.Seed)
	m.readLosses(h.losses, losses)
	if m.work.pending != nil {
		m.work.pending.begin(&m.work.scored, h.losses)
	}
	gathered := m.cleared(n, m.config.Hidden)
	m.normalizeGrad(gathered, dh, h.x, h.stats, m.norm)
	m.b.EmbeddingGrad(dx, gathered, h.rows) // a scatter of rows
	return nil
}

func (m *Model) headLosses(b *Batch, x kernels.Tensor, losses []float32) error {
	h, any := m.newHead(b, x)
	if !any {
		return m.b.Sync()
	}
	m.lossGradient(&h, kernels.Tensor{}, 1, 0)
	m.readLosses(h.losses, losses)
	return m.b.Sync()
}

// readLosses scatters the losses of the scored rows to their tokens.
func (m *Model) readLosses(scored kernels.Tensor, losses []float32) {
	if losses == nil {
		return
	}
	compact := grow(&m.work.compact, len(m.work.scored.rows))
	m.b.Read(compact, scored)
	for i, t := range m.work.scored.rows {
		losses[t] = compact[i]
	}
}

// headLogits hands over the logits of all rows of x.
func (m *Model) headLogits(x kernels.Tensor, row func(int, []float32) error) error {
	n := x.Dim(0)
	h := m.act(n, m.config.Hidden)
	m.normalize(h, m.stats(n), x, m.norm)
	y := m.f32(min(n, logitRows), m.config.Vocab)
	head, low := m.headLinear.operand(0, 0), inner{m.low(&m.headLinear, min(n, logitRows))}
	values := grow(&m.work.logits, y.Len())
	for from := 0; from < n; from += logitRows {
		rows := min(logitRows, n-from)
		part := y.Slice(0, 0, rows)
		m.b.Linear(part, h.Slice(0, from, from+rows), head, low.rows(rows), false)
		if limit := m.config.Arch.LogitCap; limit > 0 {
			m.b.SoftCap(part, limit)
		}
		m.b.Read(values[:part.Len()], part)
		if err := m.b.Sync(); err != nil {
			return err
		}
		for r := range rows {
			if err := row(from+r, values[r*m.config.Vocab:(r+1)*m.config.Vocab]); err != nil {
				return err
			}
		}
	}
	return nil
}
