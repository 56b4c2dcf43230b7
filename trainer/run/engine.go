package run

import (
	"errors"

	"longlora/trainer/device"
	"longlora/trainer/graph"
	"longlora/trainer/model"
)

// The values of Config.Engine.
const (
	EngineNative   = "native"
	EngineGorgonia = "gorgonia"
)

// engine computes the gradients of a model.
type engine struct {
	gradient func(b *model.Batch, scale float32) (float64, error)
	// later is gradient that waits for nothing; nil: there is none.
	later func(b *model.Batch, scale float32) (model.Pending, error)
	// reserve makes room for micro-batches of up to so many tokens.
	reserve func(tokens int) error
	close   func() error
}

// openEngine returns the engine that c names, for a model.
func (c *Config) openEngine(m *model.Model) (engine, error) {
	if c.Engine == EngineGorgonia {
		e, err := graph.New(m)
		if err != nil {
			return engine{}, err
		}
		return engine{e.Gradient, nil, e.Reserve, e.Close}, nil
	}
	return engine{m.Gradient, m.GradientLater, m.ReserveGradient, func() error { return nil }}, nil
}

// stepBytes counts a step's working memory, and how much of that its forward pass keeps.
func (c *Config) stepBytes(m *model.Model) (all, kept int64, err error) {
	if c.Engine == EngineGorgonia {
		all, err = graph.Bytes(m, c.microTokens())
		return all, all, err
	}
	return m.GradientBytes(c.microTokens())
}

// validateEngine refuses devices that there are not, and what an engine has not.
func (c *Config) validateEngine() error {
	_, wrong := c.gpuMemory()
	if err := errors.Join(device.Check(c.Device), wrong); err != nil {
		return err
	}
	if c.Engine == EngineGorgonia && c.NEFTune != 0 {
		return errors.New("engine gorgonia adds no noise: neftune must be 0, or the engine native")
	}
	if c.Engine == EngineGorgonia && c.Recompute != RecomputeNone && c.Recompute != RecomputeAuto {
		return errors.New("engine gorgonia computes nothing again: recompute must be none or auto")
	}
	return nil
}
