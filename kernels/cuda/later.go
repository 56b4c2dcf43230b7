package cuda

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/check"
	"longlora/kernels/cuda/driver"
)

var (
	_ kernels.Later = (*Backend)(nil)
	_ kernels.Aside = (*Backend)(nil)
)

// gateBytes is the size of adamw.cu's Gate, with the norm as a float32 behind it.
const (
	gateBytes = 256
	gateNorm  = 16
)

// Group implements kernels.Later.
func (b *Backend) Group(f func() error) error {
	if b.d.Listing() {
		return f()
	}
	b.d.Begin()
	err := f()
	b.d.Submit()
	return err
}

// reading is a tensor that is on its way.
type reading struct {
	b    *Backend
	n    int
	from *driver.Reading
}

// ReadLater implements kernels.Later.
func (b *Backend) ReadLater(src kernels.Tensor) kernels.Reading {
	check.Later("ReadLater", src)
	return b.readLater(address(src), src.Len())
}

func (b *Backend) readLater(from uint64, n int) kernels.Reading {
	if b.failed != nil {
		return &reading{b: b, n: n}
	}
	return &reading{b, n, b.d.ReadLater(from, 4*int64(n))}
}

// Wait implements kernels.Reading.
func (r *reading) Wait(dst []float32) error {
	if len(dst) != r.n {
		panic(fmt.Sprintf("cuda: reading of %d elements into %d", r.n, len(dst)))
	}
	if r.from == nil || r.b.failed != nil {
		if err := r.b.Sync(); err != nil {
			return err
		}
		return fmt.Errorf("cuda: read from %s: the step before it was not finished", r.b.d.Info.Name)
	}
	raw := make([]byte, 4*r.n)
	if err := r.from.Wait(raw); err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	decode(dst, kernels.F32, raw)
	return nil
}

// Watch implements kernels.Later.
func (b *Backend) Watch(t kernels.Tensor) {
	check.Later("Watch", t)
	n := t.Len()
	b.launch("watch", min(blocks(int64(n)), 64), 1, 1, 0, b.gate.address, address(t), n)
}

// Clip implements kernels.Later.
func (b *Backend) Clip(clip float64, ts ...kernels.Tensor) kernels.Reading {
	check.SumSquares(ts)
	norm := b.gate.address + gateNorm
	if sum := b.squares(ts); sum != 0 {
		b.launchThreads("clip", 32, b.gate.address, sum, clip, norm)
	}
	return b.readLater(norm, 1)
}

// OpenGate implements kernels.Later.
func (b *Backend) OpenGate() {
	if b.failed == nil {
		b.d.Clear(b.gate.address, gateBytes)
	}
}

// gateOf is the address of the gate for a step that heeds it.
func (b *Backend) gateOf(s kernels.AdamWStep) uint64 {
	if s.Gate {
		return b.gate.address
	}
	return 0
}

// NewHostArena implements kernels.Aside.
func (b *Backend) NewHostArena(size int64) (kernels.Arena, error) {
	return b.newArena(size, b.reserveHost)
}

// reserveHost takes pinned memory of the host.
func (b *Backend) reserveHost(bytes int64) (block, error) {
	address, err := b.d.AllocHost(bytes)
	if err != nil {
		return block{}, fmt.Errorf("cuda: %w", err)
	}
	return block{address: address, bytes: bytes, host: true}, nil
}

// hosted reports whether a tensor lies in the host's memory.
func hosted(t kernels.Tensor) bool { return t.Memory().(*block).host }

// CopyAside implements kernels.Aside.
func (b *Backend) CopyAside(dst, src kernels.Tensor) kernels.Copying {
	check.Copy(dst, src)
	out := hosted(dst)
	if !dst.Contiguous() || !src.Contiguous() || dst.DType() != src.DType() || out == hosted(src) {
		panic(fmt.Sprintf("cuda: CopyAside of %v to %v", src, dst))
	}
	if b.failed != nil {
		return 0
	}
	n := int64(src.Len()) * src.DType().Size()
	return kernels.Copying(b.d.CopyAside(address(dst), address(src), n, out))
}

// Await implements kernels.Aside.
func (b *Backend) Await(c kernels.Copying) { b.d.Await(int(c)) }
