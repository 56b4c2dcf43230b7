//go:build gpu

package driver

/*
#include <cuda.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// pinned is memory of the host that the device copies from and to by itself.
type pinned struct {
	pointer unsafe.Pointer
	bytes   int64
}

func (p pinned) slice() []byte { return unsafe.Slice((*byte)(p.pointer), p.bytes) }

// pin reserves pinned memory, which kernels may read and write too.
func pin(bytes int64) (p pinned, err error) {
	var at unsafe.Pointer
	err = result(C.cuMemHostAlloc(&at, C.size_t(max(bytes, 1)),
		C.CU_MEMHOSTALLOC_PORTABLE|C.CU_MEMHOSTALLOC_DEVICEMAP))
	if err != nil {
		return pinned{}, fmt.Errorf("reserve %.3f GiB of pinned host memory: %w; the host has no more "+
			"that may be locked: raise its limit (ulimit -l), or offload less", gib(bytes), err)
	}
	return pinned{at, max(bytes, 1)}, nil
}

func (p *pinned) free() error {
	if p.pointer == nil {
		return nil
	}
	at := p.pointer
	*p = pinned{}
	return result(C.cuMemFreeHost(at))
}

// AllocHost reserves bytes of pinned memory. Kernels reach it by the same address, slowly.
func (d *Device) AllocHost(bytes int64) (address uint64, err error) {
	err = d.wait(func() error {
		p, err := pin(bytes)
		address = uint64(uintptr(p.pointer))
		return err
	})
	return address, err
}

// FreeHost gives pinned memory back, after all that was started.
func (d *Device) FreeHost(address uint64) error {
	return d.wait(func() error {
		p := pinned{pointer: hostPointer(address)}
		return errors.Join(d.stream.Synchronize(), p.free())
	})
}

// readback is pinned memory that a list's results come back to.
type readback struct {
	host    pinned
	arrived C.CUevent
	readers int
}

// acquire returns a readback of at least so many bytes that nobody waits for. A new one is as large as
// any list was said to need.
func (d *Device) acquire(bytes int64) (*readback, error) {
	for i, b := range d.spare {
		if b.host.bytes >= bytes {
			d.spare = append(d.spare[:i], d.spare[i+1:]...)
			return b, nil
		}
	}
	e, err := newEvent()
	if err != nil {
		return nil, err
	}
	host, err := pin(max(bytes, d.results.bytes))
	if err != nil {
		return nil, errors.Join(err, result(C.cuEventDestroy_v2(e)))
	}
	b := &readback{host: host, arrived: e}
	d.readbacks = append(d.readbacks, b)
	return b, nil
}

// release gives a readback back when its last reader has read.
func (d *Device) release(b *readback) {
	if b.readers--; b.readers == 0 {
		d.spare = append(d.spare, b)
	}
}

// growStage makes a stage at least as large as bytes.
func (d *Device) growStage(s *stage, bytes int64) error {
	if s.bytes >= bytes {
		return nil
	}
	if err := d.freeStage(s); err != nil {
		return err
	}
	host, err := pin(bytes)
	if err != nil {
		return err
	}
	s.host = host
	if s.device, err = d.take(bytes); err != nil {
		return err
	}
	s.bytes = bytes
	return nil
}

// freeStage waits for what uses a stage.
func (d *Device) freeStage(s *stage) error {
	if s.bytes == 0 {
		return s.host.free()
	}
	err := errors.Join(d.stream.Synchronize(), d.give(&s.device, s.bytes), s.host.free())
	s.bytes = 0
	return err
}

// growResults makes room on the device for a list's results.
func (d *Device) growResults(bytes int64) (err error) {
	if d.results.bytes >= bytes {
		return nil
	}
	if err := d.give(&d.results.address, d.results.bytes); err != nil {
		return err
	}
	d.results.bytes = 0
	if d.results.address, err = d.take(bytes); err == nil {
		d.results.bytes = bytes
	}
	return err
}

// take reserves memory of the device for lists.
func (d *Device) take(bytes int64) (uint64, error) {
	address, err := d.reserve(bytes)
	if err == nil {
		d.listBytes.Add(bytes)
	}
	return address, err
}

func (d *Device) give(address *uint64, bytes int64) error {
	if *address == 0 {
		return nil
	}
	at := *address
	*address = 0
	d.listBytes.Add(-bytes)
	return result(C.cuMemFree_v2(C.CUdeviceptr(at)))
}

// ReserveLists makes room for lists that upload and read so many bytes, so that none of them waits
// for memory but the first few, whose results come back to pinned memory that is not there yet.
func (d *Device) ReserveLists(uploads, results int64) error {
	return d.wait(func() error {
		for i := range d.stages {
			if err := d.growStage(&d.stages[i], uploads); err != nil {
				return err
			}
		}
		return d.growResults(results)
	})
}

// ListBytes returns the memory of the device that lists take.
func (d *Device) ListBytes() int64 { return d.listBytes.Load() }

// openLists makes what lists need.
func (d *Device) openLists() (err error) {
	for _, s := range []*C.CUstream{&d.load, &d.in, &d.out} {
		var made C.CUstream
		if err := result(C.cuStreamCreate(&made, C.CU_STREAM_NON_BLOCKING)); err != nil {
			return err
		}
		*s = made
	}
	for i := range d.stages {
		if d.stages[i].copied, err = newEvent(); err != nil {
			return err
		}
		if d.stages[i].used, err = newEvent(); err != nil {
			return err
		}
	}
	return nil
}

// closeLists gives back what lists have taken.
func (d *Device) closeLists() error {
	err := errors.Join(d.dropGraphs(), d.give(&d.results.address, d.results.bytes))
	drop := func(e C.CUevent) {
		if e != nil {
			err = errors.Join(err, result(C.cuEventDestroy_v2(e)))
		}
	}
	for i := range d.stages {
		err = errors.Join(err, d.freeStage(&d.stages[i]))
		drop(d.stages[i].copied)
		drop(d.stages[i].used)
	}
	for _, b := range d.readbacks {
		err = errors.Join(err, b.host.free())
		drop(b.arrived)
	}
	for _, e := range d.events {
		drop(e)
	}
	for _, s := range []C.CUstream{d.load, d.in, d.out} {
		if s != nil {
			err = errors.Join(err, result(C.cuStreamDestroy_v2(s)))
		}
	}
	return err
}
