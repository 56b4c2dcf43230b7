package torchfile

import (
	"errors"
	"fmt"
	"math"

	"longlora/trainer/safetensors"
)

// storage is an entry of the archive as a pickle names it.
type storage struct {
	key   string
	dtype safetensors.DType
	n     int64 // elements
}

// tensor is a view of a storage. Offset and strides count elements.
type tensor struct {
	storage        storage
	offset         int64
	shape, strides []int64
}

// persistent pushes the storage that a persistent id stands for: ("storage", type, key, location,
// elements).
func (m *machine) persistent() error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	t, ok := id.(tuple)
	if !ok || len(t) != 5 || t[0] != "storage" {
		return errors.New("a persistent id that names no storage")
	}
	kind, ok := t[1].(global)
	key, isText := t[2].(string)
	n, isNumber := t[4].(int64)
	dtype, isStorage := storages[kind]
	if !ok || !isText || !isNumber || !isStorage || n < 0 {
		return fmt.Errorf("a storage that is described by %v", t)
	}
	return m.push(storage{key, dtype, n})
}

// reduce pushes the result of a call of one of the known imports.
func (m *machine) reduce() error {
	arguments, err := m.pop()
	if err != nil {
		return err
	}
	callee, err := m.pop()
	if err != nil {
		return err
	}
	g, ok := callee.(global)
	args, isTuple := arguments.(tuple)
	if !ok || !isTuple {
		return fmt.Errorf("a call of a %T with a %T", callee, arguments)
	}
	switch {
	case g == orderedDict && len(args) == 0:
		return m.push(newDict())
	case g == rebuildTensor && len(args) >= 6:
		t, err := newTensor(args)
		if err != nil {
			return err
		}
		return m.push(t)
	case g == rebuildParameter && len(args) >= 1:
		if t, ok := args[0].(tensor); ok {
			return m.push(t)
		}
	}
	return fmt.Errorf("a call of %v with %d arguments that is not understood", g, len(args))
}

// build takes the state of an object: the attributes of a dictionary (torch's _metadata), which
// are dropped.
func (m *machine) build() error {
	if _, err := m.pop(); err != nil {
		return err
	}
	top, err := m.pop()
	if err != nil {
		return err
	}
	if _, ok := top.(*dict); !ok {
		return fmt.Errorf("cannot set the state of a %T", top)
	}
	return m.push(top)
}

// newTensor reads the arguments of _rebuild_tensor_v2: storage, offset, shape, strides, whether a
// gradient is wanted, hooks.
func newTensor(args tuple) (tensor, error) {
	s, ok := args[0].(storage)
	offset, isNumber := args[1].(int64)
	shape, err := whole(args[2])
	strides, err2 := whole(args[3])
	if !ok || !isNumber || err != nil || err2 != nil || len(shape) != len(strides) {
		return tensor{}, errors.New("a tensor that is described otherwise than torch does")
	}
	t := tensor{s, offset, shape, strides}
	return t, t.check()
}

func whole(v any) ([]int64, error) {
	items, ok := v.(tuple)
	if !ok || len(items) > 8 {
		return nil, errors.New("no list of numbers")
	}
	var all []int64
	for _, item := range items {
		n, ok := item.(int64)
		if !ok {
			return nil, errors.New("no number")
		}
		all = append(all, n)
	}
	return all, nil
}

// check refuses tensors that reach beyond their storage or have more elements than it.
func (t tensor) check() error {
	n, last := int64(1), t.offset
	for i, extent := range t.shape {
		stride := t.strides[i]
		if extent < 0 || stride < 0 || extent > 0 && n > math.MaxInt64/extent ||
			extent > 1 && stride > (math.MaxInt64-max(last, 0))/(extent-1) {
			return fmt.Errorf("a tensor of shape %v and strides %v is impossible", t.shape, t.strides)
		}
		n *= extent
		last += stride * max(extent-1, 0)
	}
	if t.offset < 0 || n > t.storage.n || n > 0 && last >= t.storage.n {
		return fmt.Errorf("a tensor of shape %v and strides %v from element %d on does not fit into its "+
			"storage of %d", t.shape, t.strides, t.offset, t.storage.n)
	}
	return nil
}

// dense reports whether the elements lie row-major without gaps.
func (t tensor) dense() bool {
	next := int64(1)
	for i := len(t.shape) - 1; i >= 0; i-- {
		if t.shape[i] != 1 && t.strides[i] != next {
			return false
		}
		next *= t.shape[i]
	}
	return true
}

// gather picks the elements of t, row-major, out of its storage's values from its offset on.
func (t tensor) gather(stored []float32) []float32 {
	n := 1
	for _, extent := range t.shape {
		n *= int(extent)
	}
	out := make([]float32, 0, n)
	index := make([]int64, len(t.shape))
	for range n {
		at := int64(0)
		for i, x := range index {
			at += x * t.strides[i]
		}
		out = append(out, stored[at])
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < t.shape[i] {
				break
			}
			index[i] = 0
		}
	}
	return out
}
