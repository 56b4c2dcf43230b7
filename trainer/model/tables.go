package model

import "longlora/kernels"

// tables returns how many rotary tables there are.
func (c Config) tables() int64 {
	if c.Arch.LocalTables {
		return 4
	}
	return 2
}

// TableBytes returns the memory of the tables: cosines and sines of context positions, and what else
// a model has beside its parameters.
func (c Config) TableBytes(context int) int64 {
	n := c.tables() * alignedBytes(context*c.RotaryDim()/2, kernels.F32)
	if c.Arch.Norm == RMSNormPlus {
		n += alignedBytes(max(c.Hidden, c.HeadDim), kernels.F32)
	}
	return n
}

// allocateTables reserves the rotary tables, and the ones that norms' weights are added to.
func (m *Model) allocateTables() error {
	c, n := m.config, m.options.Context
	arena, err := m.arena(c.TableBytes(n))
	if err != nil {
		return err
	}
	cut := func() kernels.Tensor { return arena.Alloc(kernels.F32, n, c.RotaryDim()/2) }
	m.cos, m.sin = cut(), cut()
	if c.Arch.LocalTables {
		m.localCos, m.localSin = cut(), cut()
	}
	if c.Arch.Norm == RMSNormPlus {
		m.ones = arena.Alloc(kernels.F32, max(c.Hidden, c.HeadDim))
	}
	return nil
}

// writeTables fills them.
func (m *Model) writeTables() {
	cos, sin := m.options.Rotary(m.options.Context)
	m.b.Write(m.cos, cos)
	m.b.Write(m.sin, sin)
	if m.config.Arch.LocalTables {
		cos, sin = m.options.LocalRotary(m.options.Context)
		m.b.Write(m.localCos, cos)
		m.b.Write(m.localSin, sin)
	}
	if !m.ones.IsZero() {
		ones := make([]float32, m.ones.Len())
		for i := range ones {
			ones[i] = 1
		}
		m.b.Write(m.ones, ones)
	}
}

// newNorm finds a norm's parameters.
func newNorm(byName map[string]*Param, module string) norm {
	return norm{byName[module+".weight"], byName[module+".bias"]}
}
