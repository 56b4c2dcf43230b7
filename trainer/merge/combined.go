package merge

import (
	"fmt"
	"math"
	"strings"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
)

// Combined is a base with an adapter over it, tensor by tensor. It may be used concurrently.
type Combined struct {
	// Config is the base's with the rotary embedding of the adapter's training.
	Config hf.Config
	Notes  hf.Notes

	base    *hf.Folder
	adapter *peft.Adapter
	shapes  map[string]model.Adapter // by module
}

// Combine lays a, which Fit has checked, over base; a may be nil. context extends the rotary
// embedding by kind, as Options says.
func Combine(base *hf.Folder, a *peft.Adapter, context int, kind rope.Kind) (*Combined, error) {
	c := &Combined{Config: base.Config, Notes: base.Notes, base: base, adapter: a}
	current := base.Context()
	if a != nil {
		c.Notes = a.Notes
		if a.Config != nil {
			c.Config.RoPE, current = a.Config.RoPE, a.Config.RoPE.Max
		}
		if a.Notes.Context > 0 {
			current = a.Notes.Context
		}
		if c.Notes.Base == "" {
			c.Notes.Base = base.Name
		}
		var err error
		if c.shapes, err = base.Config.Model.Adapters(&a.LoRA); err != nil {
			return nil, err
		}
	}
	if context > 0 {
		var err error
		c.Config.RoPE, err = rope.Extend(c.Config.RoPE, kind, current, context)
		if err != nil {
			return nil, err
		}
		current = context
	}
	c.Notes.Context = current
	return c, nil
}

// Adapts reports whether the adapter has LoRA matrices for the parameter name.
func (c *Combined) Adapts(name string) bool {
	_, ok := c.shapes[strings.TrimSuffix(name, ".weight")]
	return ok
}

// Replaces reports whether the adapter holds the parameter name in full.
func (c *Combined) Replaces(name string) bool { return c.adapter != nil && c.adapter.Has(name) }

// Patched is the source of the base with what the adapter holds in full in its place, without LoRA.
func (c *Combined) Patched(name string, shape []int) ([]float32, error) {
	if c.adapter == nil {
		return c.base.Tensor(name, shape)
	}
	return c.adapter.Over(c.base.Tensor)(name, shape)
}

// Merged is the source of Patched with LoRA added.
func (c *Combined) Merged(name string, shape []int) ([]float32, error) {
	w, err := c.Patched(name, shape)
	if err != nil || !c.Adapts(name) {
		return w, err
	}
	if len(shape) != 2 {
		return nil, fmt.Errorf("tensor %q has LoRA and shape %v", name, shape)
	}
	module := strings.TrimSuffix(name, ".weight")
	left, right := module+model.LoRAB, module+model.LoRAA
	if name == c.Config.Model.EmbedName() {
		return w, c.addEmbedding(w, module, shape)
	}
	rank := c.shapes[module].Rank
	a, err := c.adapter.Tensor(right, []int{rank, shape[1]})
	if err != nil {
		return nil, err
	}
	b, err := c.adapter.Tensor(left, []int{shape[0], rank})
	if err != nil {
		return nil, err
	}
	magnitude, err := c.magnitude(module, shape[0])
	if err != nil {
		return nil, err
	}
	addProduct(w, b, a, rank, c.shapes[module].Scale, magnitude)
	return w, nil
}

// magnitude returns DoRA's of a module, nil if the adapter is not DoRA's.
func (c *Combined) magnitude(module string, out int) ([]float32, error) {
	if !c.adapter.LoRA.DoRA {
		return nil, nil
	}
	return c.adapter.Tensor(module+model.LoRAMagnitude, []int{out})
}

// addEmbedding adds the embedding's adapter, whose matrices are the other way round.
func (c *Combined) addEmbedding(w []float32, module string, shape []int) error {
	rank := c.shapes[module].Rank
	a, err := c.adapter.Tensor(module+model.EmbedA, []int{shape[0], rank})
	if err != nil {
		return err
	}
	b, err := c.adapter.Tensor(module+model.EmbedB, []int{shape[1], rank})
	if err != nil {
		return err
	}
	addProduct(w, a, peft.Transpose(b, shape[1], rank), rank, c.shapes[module].Scale, nil)
	return nil
}

// addProduct computes w += s·b·a, w [out, in], b [out, rank], a [rank, in], and then, with DoRA's
// magnitudes, scales each row to have its magnitude as norm. Sums are in float64 and rounded once.
func addProduct(w, b, a []float32, rank int, s float64, magnitude []float32) {
	in := len(a) / rank
	row := make([]float64, in)
	for o := range len(b) / rank {
		own := w[o*in : (o+1)*in]
		for i, v := range own {
			row[i] = float64(v)
		}
		for r := range rank {
			x := s * float64(b[o*rank+r])
			for i, y := range a[r*in : (r+1)*in] {
				row[i] += x * float64(y)
			}
		}
		gain := 1.0
		if magnitude != nil {
			var squares float64
			for _, v := range row {
				squares += v * v
			}
			gain = float64(magnitude[o]) / math.Sqrt(squares)
		}
		for i, v := range row {
			own[i] = float32(gain * v)
		}
	}
}
