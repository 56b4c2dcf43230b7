package model

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/llmint8"
	"longlora/kernels/nf4"
)

// Packing is a code of few bits for frozen matrices.
type Packing uint8

// The packings: none; four bits with scales that are quantised again, as QLoRA defines it (package
// nf4); the same with scales as they are; eight bits (package llmint8).
const (
	Unpacked Packing = iota
	NF4
	NF4Single
	Int8
)

// String is the packing's name in options and errors.
func (p Packing) String() string {
	return [...]string{"none", "nf4", "nf4 without a second quantisation", "int8"}[p]
}

// Storages are the names of how frozen matrices are stored.
func Storages() []string { return []string{"f32", "bf16", "nf4", "int8"} }

// Storage returns what Options.Frozen and Options.Packed are by such a name. What is not packed beside
// packed matrices, embedding and head, are brain floats.
func Storage(name string) (kernels.DType, Packing) {
	switch name {
	case "bf16":
		return kernels.BF16, Unpacked
	case "nf4":
		return kernels.BF16, NF4
	case "int8":
		return kernels.BF16, Int8
	}
	return kernels.F32, Unpacked
}

// form is how a packing's matrices are held.
type form struct {
	bytes func(out, in int, align int64) int64
	alloc func(a kernels.Arena, out, in int) kernels.Weight
	write func(b kernels.Backend, w kernels.Weight, values []float32)
}

// forms is the table, by Packing.
var forms = [...]form{
	NF4: {
		nf4.Bytes,
		func(a kernels.Arena, out, in int) kernels.Weight { return nf4.Alloc(a, out, in) },
		func(b kernels.Backend, w kernels.Weight, v []float32) {
			w.(*nf4.Weight).Write(b, nf4.Pack(v, w.Out(), w.In()))
		},
	},
	NF4Single: {
		nf4.BytesSingle,
		func(a kernels.Arena, out, in int) kernels.Weight { return nf4.AllocSingle(a, out, in) },
		func(b kernels.Backend, w kernels.Weight, v []float32) {
			w.(*nf4.Weight).Write(b, nf4.PackSingle(v, w.Out(), w.In()))
		},
	},
	Int8: {
		llmint8.Bytes,
		func(a kernels.Arena, out, in int) kernels.Weight { return llmint8.Alloc(a, out, in) },
		func(b kernels.Backend, w kernels.Weight, v []float32) {
			w.(*llmint8.Weight).Write(b, llmint8.Pack(v, w.Out(), w.In()))
		},
	},
}

func (p Packing) form() form { return forms[p] }

// PackedSource returns a matrix as a folder stores it, nil if it stores values: an *nf4.Packed or an
// *llmint8.Packed.
type PackedSource func(name string, shape []int) (any, error)

// LoadPacked is Load from a source of values, but with the codes of packed matrices from another where
// that has them.
func (m *Model) LoadPacked(params Params, from Source, packed PackedSource) error {
	for _, p := range params {
		if p.Packed != nil && packed != nil {
			done, err := m.setPacked(p, packed)
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		if err := m.Load(Params{p}, from); err != nil {
			return err
		}
	}
	return m.b.Sync()
}

// setPacked gives a matrix the codes that a source has; false: it has none.
func (m *Model) setPacked(p *Param, from PackedSource) (bool, error) {
	stored, err := from(p.Name, p.Shape())
	if err != nil || stored == nil {
		return false, err
	}
	m.fresh = false
	switch x := stored.(type) {
	case *nf4.Packed:
		if w, ok := p.Packed.(*nf4.Weight); ok && w.Double() == x.Double() {
			w.Write(m.b, x)
			return true, nil
		}
	case *llmint8.Packed:
		if w, ok := p.Packed.(*llmint8.Weight); ok {
			w.Write(m.b, x)
			return true, nil
		}
	}
	return false, fmt.Errorf("tensor %s is stored in another code than %v", p.Name, p.packing)
}
