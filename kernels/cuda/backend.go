package cuda

import (
	"errors"
	"fmt"

	"longlora/kernels"
	"longlora/kernels/cuda/driver"
)

// Options choose a device and what may be taken of it. The zero Options is all of device 0.
type Options struct {
	// Device is the number of the device.
	Device int
	// Memory is the most memory that may be reserved, in bytes; 0: what there is.
	Memory int64
}

// Backend implements kernels.Backend.
type Backend struct {
	d        *driver.Device
	arch     string
	limit    int64 // of memory, in bytes
	reserved int64
	peak     int64
	scratch  block
	gate     block
	ints     []written // what I32 tensors hold
	tables   []tables  // of the segments that were used last
	failed   error     // of a reservation within an operator; Sync returns it
}

var _ kernels.Backend = (*Backend)(nil)

// Open takes a device and compiles the kernels for it.
func Open(o Options) (*Backend, error) {
	d, err := driver.Open(o.Device)
	if err != nil {
		return nil, err
	}
	b := &Backend{d: d, arch: architecture(d.Info), limit: o.Memory}
	modules, err := ptx(b.arch)
	if err == nil {
		for _, m := range modules {
			if err = d.Load(m); err != nil {
				break
			}
		}
	}
	if err == nil {
		b.gate, err = b.reserve(gateBytes)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cuda: %s: %w", d.Info.Name, err), d.Close())
	}
	b.OpenGate()
	return b, nil
}

// architecture returns what the kernels are compiled for: Hopper has its own.
func architecture(i driver.Info) string {
	if i.Major == 9 && i.Minor == 0 {
		return "sm_90a"
	}
	return "sm_80"
}

// Name returns "cuda/" and the architecture that the kernels are compiled for.
func (b *Backend) Name() string { return "cuda/" + b.arch }

// Info describes the device.
func (b *Backend) Info() driver.Info { return b.d.Info }

// Peak returns the most memory that was reserved at a time, in bytes: arenas, working memory of the
// operators, what steps' data passes through, and that of cublasLt. The driver's own is not in it.
func (b *Backend) Peak() int64 { return b.peak + b.d.ListBytes() + Workspace }

// Used returns the memory of the card that is not free, whoever has it, in bytes: 0 if it does not say.
func (b *Backend) Used() int64 { return b.d.Used() }

// Graphs returns how many pieces of work became graphs, and how often one was replayed.
func (b *Backend) Graphs() (captured, replayed int64) { return b.d.Graphs() }

// NoGraphs starts each kernel by itself from now on.
func (b *Backend) NoGraphs() { b.d.NoGraphs() }

// Workspace is the memory that cublasLt's products may use, in bytes.
const Workspace = 32 << 20

// Sync waits for all operators and returns the first error since the last Sync.
func (b *Backend) Sync() error {
	err := b.d.Sync()
	if err == nil {
		err = b.failed
	}
	b.failed = nil
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	return nil
}

// Close gives the device back. Arenas are closed before.
func (b *Backend) Close() error {
	err := errors.Join(b.drop(&b.scratch), b.drop(&b.gate))
	for i := range b.tables {
		err = errors.Join(err, b.drop(&b.tables[i].block))
	}
	return errors.Join(err, b.d.Close())
}
