package cuda

import (
	"fmt"
	"slices"

	"longlora/kernels"
	"longlora/kernels/stack"
)

// block is a piece of the device's memory. Tensors point at it.
type block struct {
	address uint64
	bytes   int64
	host    bool // it is the host's, which kernels reach slowly
}

// reserve takes memory of the device.
func (b *Backend) reserve(bytes int64) (block, error) {
	if b.limit > 0 && bytes > b.limit-b.reserved-Workspace {
		return block{}, fmt.Errorf("cuda: %.2f GiB more than the %.2f GiB in use are above the limit of "+
			"%.2f GiB", gib(bytes), gib(b.reserved+Workspace), gib(b.limit))
	}
	address, err := b.d.Alloc(bytes)
	if err != nil {
		return block{}, fmt.Errorf("cuda: %w", err)
	}
	b.reserved += bytes
	b.peak = max(b.peak, b.reserved)
	return block{address: address, bytes: bytes}, nil
}

// drop gives memory back. It does nothing with a block that has none.
func (b *Backend) drop(m *block) error {
	if m.address == 0 {
		return nil
	}
	old := *m
	*m = block{}
	if old.host {
		return b.d.FreeHost(old.address)
	}
	b.reserved -= old.bytes
	return b.d.Free(old.address)
}

func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// arena is a stack of tensors in a block.
type arena struct {
	*stack.Stack
	b     *Backend
	block *block
}

// NewArena reserves size bytes.
func (b *Backend) NewArena(size int64) (kernels.Arena, error) { return b.newArena(size, b.reserve) }

func (b *Backend) newArena(size int64,
	reserve func(bytes int64) (block, error)) (kernels.Arena, error) {
	s, err := stack.New(size)
	if err != nil {
		return nil, err
	}
	m, err := reserve((size + stack.Alignment - 1) / stack.Alignment * stack.Alignment)
	if err != nil {
		return nil, err
	}
	return &arena{s, b, &m}, nil
}

// Alloc cuts a tensor off the block.
func (a *arena) Alloc(d kernels.DType, shape ...int) kernels.Tensor {
	start := a.Push(kernels.NewTensor(a.block, 0, d, shape...))
	return kernels.NewTensor(a.block, int(start/d.Size()), d, shape...)
}

// Release cuts the stack back to mark.
func (a *arena) Release(mark int64) {
	a.Stack.Release(mark)
	a.b.forget(a.block, mark, a.block.bytes)
}

// Close gives the block back.
func (a *arena) Close() error {
	a.b.forget(a.block, 0, a.block.bytes)
	return a.b.drop(a.block)
}

// address returns where t's first element lies.
func address(t kernels.Tensor) uint64 {
	if t.IsZero() {
		return 0
	}
	m, ok := t.Memory().(*block)
	if !ok {
		panic(fmt.Sprintf("cuda: %v lies in memory of %T, another backend's", t, t.Memory()))
	}
	return m.address + uint64(int64(t.Offset())*t.DType().Size())
}

// grow makes the operators' working memory at least as large as n bytes and returns its address.
// What it held is lost. A reservation that fails is Sync's to return: then the address is 0, and
// the operator is not to start.
func (b *Backend) grow(n int64) uint64 {
	if n <= b.scratch.bytes {
		return b.scratch.address
	}
	err := b.drop(&b.scratch)
	if err == nil {
		b.scratch, err = b.reserve(n)
	}
	if err != nil {
		if b.failed == nil {
			b.failed = fmt.Errorf("working memory of an operator: %w", err)
		}
		return 0
	}
	return b.scratch.address
}

// Reserve takes the working memory that a plan says will be needed, so that no step waits for any.
func (b *Backend) Reserve(w Working) error {
	b.grow(w.Scratch)
	if err := b.reserveTables(w.Table); err != nil {
		return err
	}
	if err := b.d.ReserveLists(w.Uploads, w.Results); err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	return b.Sync()
}

// written is what WriteInts wrote to elements [from, from+len(values)) of a block.
type written struct {
	m      *block
	from   int
	values []int32
}

// maxRemembered is the number of tensors of integers that are remembered: more than a micro-batch has,
// and far fewer than the matrices of four bits of a model.
const maxRemembered = 16

// remember keeps a copy of integers, so that operators need not read them back.
func (b *Backend) remember(t kernels.Tensor, values []int32) {
	m := t.Memory().(*block)
	b.forget(m, 4*int64(t.Offset()), 4*int64(t.Offset()+len(values)))
	if len(b.ints) == maxRemembered {
		b.ints = slices.Delete(b.ints, 0, 1)
	}
	b.ints = append(b.ints, written{m, t.Offset(), append([]int32(nil), values...)})
}

// forget drops what is known of bytes [from, to) of a block.
func (b *Backend) forget(m *block, from, to int64) {
	kept := b.ints[:0]
	for _, w := range b.ints {
		if w.m != m || 4*int64(w.from+len(w.values)) <= from || 4*int64(w.from) >= to {
			kept = append(kept, w)
		}
	}
	clear(b.ints[len(kept):])
	b.ints = kept
}

// recall returns the elements of a contiguous I32 tensor, which WriteInts wrote.
func (b *Backend) recall(operator string, t kernels.Tensor) []int32 {
	n := t.Len()
	for _, w := range b.ints {
		if at := t.Offset() - w.from; w.m == t.Memory() && at >= 0 && at+n <= len(w.values) {
			return w.values[at : at+n]
		}
	}
	panic(fmt.Sprintf("cuda: %s: the integers of %v were not written lately", operator, t))
}
