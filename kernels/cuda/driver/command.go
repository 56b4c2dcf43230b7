//go:build gpu

package driver

/*
#include <cuda.h>
#include "driver.h"
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// command is one thing that the device is told to do. Exactly one of its members is set.
type command struct {
	launch  *launch
	product *product
	clear   *region
	copy    *aside
	await   int // number of a copy, from 1
}

// launch is a kernel's launch with its arguments packed.
type launch struct {
	kernel          string
	grid            [3]int
	threads, shared int
	values          []byte
	offsets         []C.uint
	// moved is the argument that is an offset into the list's uploads or results until the list is
	// run; base says which.
	moved int
	base  base
}

// base is what an argument is an offset into.
type base uint8

const (
	nothing base = iota
	uploads
	results
)

type product struct {
	shape C.blas_shape
	p     Product
}

type region struct {
	address uint64
	bytes   int64
}

// aside is a copy between the device and pinned memory of the host, beside the operators.
type aside struct {
	to, from uint64
	bytes    int64
	out      bool // to the host
}

// name says what a command does, for errors.
func (c *command) name() string {
	switch {
	case c.launch != nil:
		return c.launch.kernel
	case c.product != nil:
		return "matrix product"
	case c.clear != nil:
		return "clear memory"
	case c.copy != nil && c.copy.out:
		return "copy to the host's memory"
	case c.copy != nil:
		return "copy from the host's memory"
	}
	return "wait for a copy"
}

// do hands a command to the thread, or to the list that is being made.
func (d *Device) do(c command) {
	if d.list != nil {
		d.list.commands = append(d.list.commands, c)
		return
	}
	d.start(c.name(), func() error { return d.issue(&c) })
}

// issue starts a command on the stream. Copies belong to lists (joiner).
func (d *Device) issue(c *command) error {
	switch {
	case c.launch != nil:
		return d.issueLaunch(c.launch)
	case c.product != nil:
		return d.multiply(c.product.shape, c.product.p)
	case c.clear != nil:
		return result(C.cuMemsetD8Async(C.CUdeviceptr(c.clear.address), 0,
			C.size_t(c.clear.bytes), d.handle()))
	}
	panic(fmt.Sprintf("driver: command %+v", c))
}

func (d *Device) issueLaunch(l *launch) error {
	f, err := d.find(l.kernel, l.shared)
	if err != nil {
		return err
	}
	return result(C.driver_launch(f.handle(), C.uint(l.grid[0]), C.uint(l.grid[1]),
		C.uint(l.grid[2]), C.uint(l.threads), C.uint(l.shared), d.handle(),
		unsafe.Pointer(unsafe.SliceData(l.values)), unsafe.SliceData(l.offsets),
		C.int(len(l.offsets))))
}

// packed lays a launch's arguments out one after another, each at a multiple of eight bytes.
func packed(l Launch) *launch {
	c := &launch{kernel: l.Kernel, grid: l.Grid, threads: l.Threads, shared: l.Shared}
	for _, a := range l.Args {
		c.offsets = append(c.offsets, C.uint(len(c.values)))
		c.values = appendArgument(c.values, a)
		for len(c.values)%8 != 0 {
			c.values = append(c.values, 0)
		}
	}
	return c
}

// move turns the argument that is an offset into an address.
func (l *launch) move(to [results + 1]uint64) {
	if l.base == nothing {
		return
	}
	at := l.values[l.offsets[l.moved]:]
	binary.LittleEndian.PutUint64(at, to[l.base]+binary.LittleEndian.Uint64(at))
	l.base = nothing
}

// Launch starts a kernel.
func (d *Device) Launch(l Launch) { d.do(command{launch: packed(l)}) }

// Clear zeroes n bytes.
func (d *Device) Clear(address uint64, n int64) {
	if n > 0 {
		d.do(command{clear: &region{address, n}})
	}
}
