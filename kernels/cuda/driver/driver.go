//go:build gpu

package driver

/*
#cgo LDFLAGS: -ldl
#include <cuda.h>
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"gorgonia.org/cu"
)

// Devices returns the devices of this machine. It is an error that there is none: why.
func Devices() ([]Info, error) {
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("count devices: %w", err)
	}
	if n == 0 {
		if why := C.GoString(C.shim_reason()); why != "" {
			return nil, errors.New(why)
		}
		return nil, errors.New("the NVIDIA driver knows no device")
	}
	all := make([]Info, n)
	for i := range all {
		if all[i], err = describe(i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// describe takes a device's context for as long as it takes to ask what memory is free.
func describe(index int) (Info, error) {
	d := newDevice()
	err := d.wait(func() error {
		if err := d.retain(index); err != nil {
			return fmt.Errorf("ask cuda:%d: %w", index, err)
		}
		return d.device.ReleasePrimaryCtx()
	})
	return d.Info, errors.Join(err, d.end())
}

// Device is a GPU with its primary context, one thread of the system, and one stream. Methods may
// be called by one goroutine at a time. What they start runs in order; what goes wrong is returned
// by Sync, and nothing is started after it until then.
type Device struct {
	Info Info

	device    cu.Device
	context   cu.CUContext
	stream    cu.Stream
	blas      blas
	functions map[string]function
	modules   []cu.Module

	calls chan func()
	ended chan struct{}
	err   error // of the calls since the last Sync; only the thread touches it

	list      *list    // that is being made; nil: none
	retired   []uint64 // memory to be freed when it has been handed over
	listBytes atomic.Int64

	captures, replays atomic.Int64 // lists that became graphs, and the times that one was replayed

	// What lists need (list.go, graph.go); only the thread touches it.
	load, in, out C.CUstream // of batches, and of copies aside in either direction
	stages        [2]stage
	turn          int // of the stages
	results       region
	readbacks     []*readback
	spare         []*readback // that nobody waits for
	events        []C.CUevent
	graphs        map[key]*graph
	seen          map[key]bool
	clock         int // of the graphs' use
	noGraphs      bool
}

// function is a kernel with the shared memory that it has been allowed.
type function struct {
	cu.Function
	shared int
}

// defaultShared is the shared memory that a block has without being allowed more, in bytes.
const defaultShared = 48 << 10

// pending is the number of calls that may wait for the thread.
const pending = 1024

// Open takes the primary context of a device. Cards without brain floats in their matrix units,
// before compute capability 8.0, are refused.
func Open(index int) (*Device, error) {
	d := newDevice()
	if err := d.wait(func() error { return d.open(index) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open cuda:%d: %w", index, err), d.end())
	}
	return d, nil
}

func newDevice() *Device {
	d := &Device{functions: map[string]function{}, calls: make(chan func(), pending),
		ended: make(chan struct{}), graphs: map[key]*graph{}, seen: map[key]bool{}}
	go d.serve()
	return d
}

// serve is the thread of a device: it does the calls in order.
func (d *Device) serve() {
	runtime.LockOSThread()
	defer close(d.ended)
	for f := range d.calls {
		f()
	}
}

// start hands a call to the thread. Nothing is done after an error.
func (d *Device) start(what string, f func() error) {
	d.calls <- func() {
		if d.err != nil {
			return
		}
		if err := f(); err != nil {
			d.err = fmt.Errorf("%s: %w", what, err)
		}
	}
}

// wait does a call after all others and returns its error.
func (d *Device) wait(f func() error) (err error) {
	d.settle(func() { err = f() })
	return err
}

// settle does what cannot fail after all other calls, and waits for it.
func (d *Device) settle(f func()) {
	done := make(chan struct{})
	d.calls <- func() {
		f()
		close(done)
	}
	<-done
}

func (d *Device) open(index int) (err error) {
	if err := d.retain(index); err != nil {
		return err
	}
	if err = d.enter(); err != nil {
		return errors.Join(err, d.device.ReleasePrimaryCtx())
	}
	return nil
}

// retain describes the device and takes its context.
func (d *Device) retain(index int) (err error) {
	if d.device, err = cu.GetDevice(index); err != nil {
		return err
	}
	if err := d.ask(index); err != nil {
		return err
	}
	if d.context, err = d.device.RetainPrimaryCtx(); err != nil {
		return err
	}
	if err = cu.SetCurrentContext(d.context); err == nil {
		d.Info.Free, _, err = cu.MemInfo()
	}
	if err != nil {
		return errors.Join(err, d.device.ReleasePrimaryCtx())
	}
	return nil
}

// enter makes what is needed in the context.
func (d *Device) enter() (err error) {
	if !d.Info.Suits() {
		return fmt.Errorf("%s has compute capability %d.%d: training needs 8.0 (Ampere) or later, "+
			"which multiplies brain floats", d.Info.Name, d.Info.Major, d.Info.Minor)
	}
	if d.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return err
	}
	if err = d.blas.open(); err != nil {
		return errors.Join(err, d.stream.Destroy())
	}
	if err = d.openLists(); err != nil {
		return errors.Join(err, d.closeLists(), d.blas.close(), d.stream.Destroy())
	}
	return nil
}

// NoGraphs does without graphs: each command of a list is started by itself.
func (d *Device) NoGraphs() { d.settle(func() { d.noGraphs = true }) }

func (d *Device) ask(index int) (err error) {
	i := &d.Info
	i.Index = index
	if i.Name, err = d.device.Name(); err != nil {
		return err
	}
	if i.Memory, err = d.device.TotalMem(); err != nil {
		return err
	}
	for _, a := range []struct {
		attribute cu.DeviceAttribute
		value     *int
	}{
		{cu.ComputeCapabilityMajor, &i.Major}, {cu.ComputeCapabilityMinor, &i.Minor},
		{cu.MultiprocessorCount, &i.Multiprocessors},
	} {
		if *a.value, err = d.device.Attribute(a.attribute); err != nil {
			return err
		}
	}
	return nil
}

// Load compiles PTX and makes its kernels known.
func (d *Device) Load(ptx string) error {
	return d.wait(func() error {
		m, err := cu.LoadData(ptx)
		if err != nil {
			return fmt.Errorf("compile kernels: %w; a newer driver may be needed", err)
		}
		d.modules = append(d.modules, m)
		return nil
	})
}

// find returns a kernel, which any module may have, with as much shared memory as it needs.
func (d *Device) find(name string, shared int) (f function, err error) {
	f, ok := d.functions[name]
	if !ok {
		f.shared = defaultShared
		err = errors.New("no module is loaded")
		for _, m := range d.modules {
			if f.Function, err = m.Function(name); err == nil {
				break
			}
		}
		if err != nil {
			return f, err
		}
	}
	if shared > f.shared {
		if err := result(C.driver_allow_shared(f.handle(), C.int(shared))); err != nil {
			return f, fmt.Errorf("allow %d bytes of shared memory: %w", shared, err)
		}
		f.shared = shared
	}
	d.functions[name] = f
	return f, nil
}

// handle returns the driver's own handle, the only field that cu's has.
func (f *function) handle() C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f.Function)) }

func (d *Device) handle() C.CUstream { return C.CUstream(unsafe.Pointer(d.stream.C())) }

// Alloc reserves bytes of the device's memory.
func (d *Device) Alloc(bytes int64) (address uint64, err error) {
	err = d.wait(func() error {
		address, err = d.reserve(bytes)
		return err
	})
	return address, err
}

func (d *Device) reserve(bytes int64) (uint64, error) {
	p, err := cu.MemAlloc(max(bytes, 1))
	if err != nil {
		free, all, _ := cu.MemInfo()
		return 0, fmt.Errorf("reserve %.2f GiB on %s: %w; %.2f of %.2f GiB are free, the rest is in "+
			"use by this or another process", gib(bytes), d.Info.Name, err, gib(free), gib(all))
	}
	return uint64(p), nil
}

// Used returns the memory of the device that is not free, in bytes: 0 if the driver does not say.
func (d *Device) Used() (used int64) {
	d.settle(func() {
		if free, all, err := cu.MemInfo(); err == nil {
			used = all - free
		}
	})
	return used
}

// Free gives memory back, after all that was started, or with a list that is being made.
func (d *Device) Free(address uint64) error {
	if d.list != nil {
		d.retired = append(d.retired, address)
		return nil
	}
	return d.wait(func() error { return cu.MemFree(cu.DevicePtr(address)) })
}

// small is the size of what Upload copies aside, in bytes.
const small = 1 << 20

// Upload copies src to the device. The caller may change src at once: much of it is waited for, little
// is copied aside. In a list nothing is waited for, if src and to are whole words.
func (d *Device) Upload(to uint64, src []byte) {
	if len(src) == 0 {
		return
	}
	if d.list != nil && len(src)%4 == 0 && to%4 == 0 {
		d.list.commands = append(d.list.commands, d.list.upload(to, src))
		return
	}
	d.flush()
	large := len(src) > small
	if !large {
		src = append([]byte(nil), src...)
	}
	d.start("copy to the device", func() error {
		p := unsafe.Pointer(&src[0])
		err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), p, int64(len(src)), d.stream)
		if err != nil || !large {
			return err
		}
		return d.stream.Synchronize()
	})
	if large {
		d.settle(func() {})
	}
}

// Download waits for all that was started and copies to dst. After an error dst is as it was.
func (d *Device) Download(dst []byte, from uint64) {
	if len(dst) == 0 {
		return
	}
	d.flush()
	d.start("copy from the device", func() error {
		p := unsafe.Pointer(&dst[0])
		if err := cu.MemcpyDtoHAsync(p, cu.DevicePtr(from), int64(len(dst)), d.stream); err != nil {
			return err
		}
		return d.stream.Synchronize()
	})
	d.settle(func() {})
}

// Sync waits for all that was started and returns the first error since the last Sync. A device
// that a kernel's failure has lost stays lost.
func (d *Device) Sync() error {
	d.flush()
	return d.wait(func() error {
		err := d.err
		d.err = nil
		if failed := d.stream.Synchronize(); err == nil && failed != nil {
			err = fmt.Errorf("wait for %s: %w", d.Info.Name, failed)
		}
		return err
	})
}

// Close gives the context back, and with it modules and streams. Memory must have been freed.
func (d *Device) Close() error {
	err := d.wait(func() error {
		err := errors.Join(d.stream.Synchronize(), d.closeLists(), d.blas.close(), d.stream.Destroy())
		for _, m := range d.modules {
			err = errors.Join(err, m.Unload())
		}
		return errors.Join(err, d.device.ReleasePrimaryCtx())
	})
	return errors.Join(err, d.end())
}

// end ends the thread.
func (d *Device) end() error {
	close(d.calls)
	<-d.ended
	return nil
}

// result turns the driver's number into an error.
func result(code C.CUresult) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return fmt.Errorf("%s (driver error %d)", C.GoString(C.driver_error(code)), int(code))
}
