//go:build gpu

package driver

/*
#include <cuda.h>
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// CopyKernel copies 32-bit words: its arguments are where to, where from, and how many. Every module
// set that is loaded has it: uploads and readings of lists go through it.
const CopyKernel = "copy_words"

// copyThreads are those of a block of CopyKernel.
const copyThreads = 256

// list is what is started between Begin and Submit. It goes to the device as one piece, and the host
// waits for nothing: what is uploaded is copied to the device beside the list before; what is read
// arrives when the list has ended; a list that comes again is replayed as a graph.
type list struct {
	commands []command
	uploads  []byte
	results  int64
	reading  []*Reading
	copies   int
}

// stage is where a list's uploads pass through: pinned memory of the host and memory of the device.
// Two take turns, so that one is filled while the list before reads the other.
type stage struct {
	host         pinned
	device       uint64
	bytes        int64
	copied, used C.CUevent // the copy has arrived; the list has ended
}

// Begin makes what follows a list, up to Submit. Nothing is started meanwhile but what waits: Alloc,
// and Download and Sync, which hand over what there is of the list first.
func (d *Device) Begin() { d.list = &list{} }

// Listing reports whether a list is being made.
func (d *Device) Listing() bool { return d.list != nil }

// Submit hands the list over.
func (d *Device) Submit() {
	l := d.list
	d.list = nil
	if l != nil && len(l.commands) > 0 {
		d.start("step", func() error { return d.run(l) })
	}
	for _, address := range d.retired {
		_ = d.Free(address) // what is wrong with it, the next call says
	}
	d.retired = nil
}

// flush hands over what there is of a list, and goes on with another.
func (d *Device) flush() {
	if d.list != nil {
		d.Submit()
		d.Begin()
	}
}

// upload puts a copy to the device into the list.
func (l *list) upload(to uint64, src []byte) command {
	at := len(l.uploads)
	l.uploads = append(l.uploads, src...)
	for len(l.uploads)%256 != 0 {
		l.uploads = append(l.uploads, 0)
	}
	c := copyWords(to, uint64(at), int64(len(src)))
	c.moved, c.base = 1, uploads
	return command{launch: c}
}

func copyWords(to, from uint64, bytes int64) *launch {
	words := (bytes + 3) / 4
	return packed(Launch{Kernel: CopyKernel, Threads: copyThreads,
		Grid: [3]int{int(min((words+copyThreads-1)/copyThreads, 1<<16)), 1, 1},
		Args: []any{to, from, int(words)}})
}

// Reading is memory of the device that is on its way to the host.
type Reading struct {
	d      *Device
	at     int64 // in the list's results
	bytes  int64
	buffer *readback
	failed error
}

// ReadLater puts a copy of n bytes, a multiple of four, into the list; without one it is a list of its
// own.
func (d *Device) ReadLater(from uint64, n int64) *Reading {
	if d.list == nil {
		d.Begin()
		defer d.Submit()
	}
	l := d.list
	r := &Reading{d: d, at: l.results, bytes: n}
	c := copyWords(uint64(l.results), from, n)
	c.moved, c.base = 0, results
	l.results += (n + 255) / 256 * 256
	l.reading = append(l.reading, r)
	l.commands = append(l.commands, command{launch: c})
	return r
}

// Wait waits for the list that r belongs to, and no longer, and copies to dst. It returns the first
// error since the last Sync or Wait; then dst is as it was.
func (r *Reading) Wait(dst []byte) error {
	d := r.d
	d.flush()
	return d.wait(func() error {
		err := d.err
		d.err = nil
		if r.buffer == nil {
			if err == nil {
				err = fmt.Errorf("read from %s: the step before it was not finished", d.Info.Name)
			}
			return err
		}
		failed := result(C.cuEventSynchronize(r.buffer.arrived))
		if err == nil && failed != nil {
			err = fmt.Errorf("wait for %s: %w", d.Info.Name, failed)
		}
		if err == nil {
			copy(dst, r.buffer.host.slice()[r.at:r.at+r.bytes])
		}
		d.release(r.buffer)
		r.buffer = nil
		return err
	})
}

// run does a list, on the thread.
func (d *Device) run(l *list) error {
	s := &d.stages[d.turn%len(d.stages)]
	if err := d.stageUploads(s, l.uploads); err != nil {
		return err
	}
	if err := d.growResults(l.results); err != nil {
		return err
	}
	to := [results + 1]uint64{uploads: s.device, results: d.results.address}
	for i := range l.commands {
		if c := l.commands[i].launch; c != nil {
			c.move(to)
		}
	}
	if err := d.play(l); err != nil {
		return err
	}
	if len(l.uploads) > 0 {
		d.turn++
		if err := result(C.cuEventRecord(s.used, d.handle())); err != nil {
			return err
		}
	}
	return d.readBack(l)
}

// stageUploads copies to the device on a stream of its own, beside the list before.
func (d *Device) stageUploads(s *stage, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if err := d.growStage(s, int64(len(data))); err != nil {
		return err
	}
	// The host may write once the copy of two lists before has been made: it has long been.
	if err := result(C.cuEventSynchronize(s.copied)); err != nil {
		return err
	}
	copy(s.host.slice(), data)
	for _, f := range []func() C.CUresult{
		func() C.CUresult { return C.cuStreamWaitEvent(d.load, s.used, 0) },
		func() C.CUresult {
			return C.cuMemcpyHtoDAsync_v2(C.CUdeviceptr(s.device), s.host.pointer,
				C.size_t(len(data)), d.load)
		},
		func() C.CUresult { return C.cuEventRecord(s.copied, d.load) },
		func() C.CUresult { return C.cuStreamWaitEvent(d.handle(), s.copied, 0) },
	} {
		if err := result(f()); err != nil {
			return fmt.Errorf("copy a batch to the device: %w", err)
		}
	}
	return nil
}

// readBack starts the copy of a list's results to the host.
func (d *Device) readBack(l *list) error {
	if l.results == 0 {
		return nil
	}
	b, err := d.acquire(l.results)
	if err != nil {
		return err
	}
	b.readers = len(l.reading)
	for _, r := range l.reading {
		r.buffer = b
	}
	err = result(C.cuMemcpyDtoHAsync_v2(unsafe.Pointer(b.host.pointer),
		C.CUdeviceptr(d.results.address), C.size_t(l.results), d.handle()))
	if err == nil {
		err = result(C.cuEventRecord(b.arrived, d.handle()))
	}
	if err != nil {
		return fmt.Errorf("copy from the device: %w", err)
	}
	return nil
}

// CopyAside puts a copy between the device and pinned memory into the list, beside the operators, and
// returns its number there, from 1. It waits for what is before it.
func (d *Device) CopyAside(to, from uint64, n int64, out bool) int {
	if d.list == nil {
		d.Begin()
		defer d.Submit() // which waits for it
	}
	d.list.copies++
	d.list.commands = append(d.list.commands, command{copy: &aside{to, from, n, out}})
	return d.list.copies
}

// Await lets what follows in the list wait for a copy.
func (d *Device) Await(copy int) {
	if d.list != nil && copy > 0 {
		d.list.commands = append(d.list.commands, command{await: copy})
	}
}

// each issues a list's commands, and joins the copies beside them at the end. after, if not nil, is
// called after each.
func (d *Device) each(l *list, after func(i int) error) error {
	j := joiner{d: d, done: make([]C.CUevent, 0, l.copies)}
	for i := range l.commands {
		c := &l.commands[i]
		var err error
		switch {
		case c.copy != nil:
			err = j.copy(c.copy)
		case c.await > 0:
			err = result(C.cuStreamWaitEvent(d.handle(), j.done[c.await-1], 0))
		default:
			err = d.issue(c)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name(), err)
		}
		if after != nil {
			if err := after(i); err != nil {
				return err
			}
		}
	}
	return j.join()
}

// joiner keeps the events of a list's copies.
type joiner struct {
	d     *Device
	taken int
	done  []C.CUevent // of each copy
	last  [2]C.CUevent
}

// event returns an event that this list has not used.
func (j *joiner) event() (C.CUevent, error) {
	d := j.d
	if j.taken == len(d.events) {
		e, err := newEvent()
		if err != nil {
			return nil, err
		}
		d.events = append(d.events, e)
	}
	j.taken++
	return d.events[j.taken-1], nil
}

func (j *joiner) copy(c *aside) error {
	d, side := j.d, j.d.in
	if c.out {
		side = d.out
	}
	before, err := j.event()
	if err != nil {
		return err
	}
	done, err := j.event()
	if err != nil {
		return err
	}
	if err := result(C.cuEventRecord(before, d.handle())); err != nil {
		return err
	}
	if err := result(C.cuStreamWaitEvent(side, before, 0)); err != nil {
		return err
	}
	if c.out {
		err = result(C.cuMemcpyDtoHAsync_v2(hostPointer(c.to), C.CUdeviceptr(c.from),
			C.size_t(c.bytes), side))
		j.last[1] = done
	} else {
		err = result(C.cuMemcpyHtoDAsync_v2(C.CUdeviceptr(c.to), hostPointer(c.from),
			C.size_t(c.bytes), side))
		j.last[0] = done
	}
	if err != nil {
		return err
	}
	j.done = append(j.done, done)
	return result(C.cuEventRecord(done, side))
}

// join lets the stream wait for all copies.
func (j *joiner) join() error {
	for _, e := range j.last {
		if e == nil {
			continue
		}
		if err := result(C.cuStreamWaitEvent(j.d.handle(), e, 0)); err != nil {
			return err
		}
	}
	return nil
}

func newEvent() (e C.CUevent, err error) {
	return e, result(C.cuEventCreate(&e, C.CU_EVENT_DISABLE_TIMING))
}

// hostPointer is the address of pinned memory as a pointer: the driver's memory, not Go's.
func hostPointer(address uint64) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}
