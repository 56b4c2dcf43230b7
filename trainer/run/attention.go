package run

import (
	"errors"
	"fmt"

	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/trainer/attention"
	"longlora/trainer/data"
	"longlora/trainer/model"
)

// validateAttention reports what names no attention.
func (c *Config) validateAttention() error {
	var all []error
	if c.Attention != AttentionAuto {
		if _, err := pattern.Lookup(c.Attention); err != nil {
			all = append(all, fmt.Errorf("attention is %q, want %s or a pattern: %w", c.Attention,
				AttentionAuto, err))
		}
		if len(c.AttnSchedule) > 0 {
			all = append(all, fmt.Errorf("attention is %s, but attn_schedule names patterns too: "+
				"leave one out", c.Attention))
		}
	}
	if _, err := attention.ParseSchedule(c.AttnSchedule); err != nil {
		all = append(all, fmt.Errorf("attn_schedule: %w", err))
	}
	if _, err := attention.ParseLayers(c.AttnLayers); err != nil {
		all = append(all, fmt.Errorf("attn_layers: %w", err))
	}
	return errors.Join(all...)
}

// setAttention fills in what the run attends by. The steps are known.
func (r *Run) setAttention() error {
	c := &r.Config
	schedule, err := attention.ParseSchedule(c.AttnSchedule)
	if err != nil {
		return fmt.Errorf("attn_schedule: %w", err)
	}
	layers, err := attention.ParseLayers(c.AttnLayers)
	if err != nil {
		return fmt.Errorf("attn_layers: %w", err)
	}
	if len(schedule) == 0 {
		if c.Attention == AttentionAuto {
			c.Attention = AttentionS2
			if c.Init != "" {
				c.Attention = AttentionFull
			}
		}
		schedule = []attention.Part{{Choice: attention.Choice{Pattern: c.Attention}, Share: 1}}
	}
	switch {
	case !attention.Grouped(schedule, layers):
		c.Group = 0
	case c.Group == 0:
		c.Group = max(c.Context/4, 1)
	}
	r.attends, err = attention.New(schedule, layers, attention.Shape{
		Steps: max(c.Steps, 1), Layers: r.model.Model.Layers, Group: c.Group,
	})
	if err != nil {
		return fmt.Errorf("attention: %w", err)
	}
	return nil
}

// layouts returns the attention of each phase of the training.
func (r *Run) layouts() []data.Layout {
	c, layers := r.model.Model, r.model.Model.Layers
	all := make([]data.Layout, len(r.attends.Phases))
	for i, phase := range r.attends.Phases {
		all[i] = data.Layout{Across: r.Config.AcrossDocuments}
		if len(all) > 1 {
			all[i].Name = phase.String()
		}
		if len(r.attends.Layers) > 0 {
			all[i].Layers = func(lens []int32) []kernels.Segments {
				return r.attends.Each(i, layers, lens, c.Heads)
			}
			continue
		}
		all[i].Segments = func(lens []int32) kernels.Segments { return phase.Segments(lens, c.Heads) }
	}
	return all
}

// fullLayout is the attention of evaluation.
func (r *Run) fullLayout() data.Layout {
	full := attention.Choice{Pattern: AttentionFull}
	return data.Layout{
		Across: r.Config.AcrossDocuments,
		Segments: func(lens []int32) kernels.Segments {
			return full.Segments(lens, r.model.Model.Heads)
		},
	}
}

// describeAttention says what the run attends by, and what that costs beside full attention.
func (r *Run) describeAttention() string {
	c := r.model.Model
	share := r.attends.TotalCost(c.Layers, r.Config.Context, c.Heads)
	return fmt.Sprintf("%s: %.1f %% of full attention's operations", r.attends.String(), 100*share)
}

// operations counts those of a gradient by token, in documents as long as the context, and how many of
// them are attention's: the mean over the steps. What is computed again does not count.
func (r *Run) operations() (all, attends float64, err error) {
	b, o := plan.New(), r.planOptions()
	o.Again, o.HostMoments = nil, false
	o.Planner = func() kernels.Backend { return plan.New() }
	m, err := model.New(b, r.model.Model, o)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, m.Close(), b.Close()) }()
	steps := r.attends.Phases[len(r.attends.Phases)-1].To
	for i, phase := range r.attends.Phases {
		batch := r.like(i)
		if err := m.ReserveGradient(len(batch.IDs)); err != nil {
			return 0, 0, err
		}
		for t := range batch.Targets {
			batch.Targets[t] = 0
		}
		b.Reset()
		if _, err := m.Gradient(batch, 1); err != nil {
			return 0, 0, err
		}
		share := float64(phase.To-phase.From+1) / float64(steps) / float64(len(batch.IDs))
		for _, w := range b.Work() {
			all += w.FLOPs * share
			if w.Operator == "Attention" || w.Operator == "AttentionGrad" {
				attends += w.FLOPs * share
			}
		}
	}
	return all, attends, nil
}

// describeOperations says them.
func (r *Run) describeOperations() (string, error) {
	all, attends, err := r.operations()
	return fmt.Sprintf("%.2f MFLOP a token, of which attention %.2f", all/1e6, attends/1e6), err
}
