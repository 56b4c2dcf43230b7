//go:build gpu

package driver

/*
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Workspace is the memory that products may use beside their operands, in bytes: what NVIDIA
// advises for Hopper.
const Workspace = 32 << 20

// blas is cublasLt with the plans of the products that were made so far.
type blas struct {
	handle    unsafe.Pointer
	workspace cu.DevicePtr
	plans     map[C.blas_shape]unsafe.Pointer
}

func (b *blas) open() (err error) {
	if why := C.blas_open(&b.handle); why != nil {
		return errors.New(C.GoString(why))
	}
	b.plans = map[C.blas_shape]unsafe.Pointer{}
	b.workspace, err = cu.MemAlloc(Workspace)
	return err
}

func (b *blas) close() error {
	for _, p := range b.plans {
		C.blas_drop(p)
	}
	C.blas_close(b.handle)
	return cu.MemFree(b.workspace)
}

// The types of cublasLt's matrices.
const (
	typeF32  = 0
	typeBF16 = 14
)

func typeOf(m Matrix) C.int {
	if m.BF16 {
		return typeBF16
	}
	return typeF32
}

// Multiply starts a product. Rows are cublasLt's columns, so that it computes the transpose: Cᵀ =
// op(B)ᵀ op(A)ᵀ.
func (d *Device) Multiply(p Product) {
	m, k := p.A.Rows, p.A.Columns
	if p.TurnA {
		m, k = k, m
	}
	n, inner := p.B.Columns, p.B.Rows
	if p.TurnB {
		n, inner = inner, n
	}
	if k != inner || p.C.Rows != m || p.C.Columns != n || p.A.BF16 != p.B.BF16 {
		panic(fmt.Sprintf("driver: product of %+v", p))
	}
	if m == 0 || n == 0 {
		return
	}
	shape := C.blas_shape{
		turn_a: turn(p.TurnB), turn_b: turn(p.TurnA), type_ab: typeOf(p.A), type_c: typeOf(p.C),
		m: C.uint64_t(n), n: C.uint64_t(m), k: C.uint64_t(k),
		a_stride: C.int64_t(p.B.Stride), b_stride: C.int64_t(p.A.Stride),
		c_stride: C.int64_t(p.C.Stride), workspace: Workspace,
		a_align: alignment(p.B), b_align: alignment(p.A), c_align: alignment(p.C),
	}
	d.do(command{product: &product{shape, p}})
}

// alignment is the greatest power of two, up to 256, that a matrix's address is a multiple of.
func alignment(m Matrix) C.uint32_t {
	return C.uint32_t(min(m.Address&-m.Address, 256))
}

func turn(t bool) C.int {
	if t {
		return 1
	}
	return 0
}

func (d *Device) multiply(shape C.blas_shape, p Product) error {
	b := &d.blas
	plan, ok := b.plans[shape]
	if !ok {
		if status := C.blas_plan(b.handle, &shape, &plan); status != 0 {
			return fmt.Errorf("plan %d by %d by %d: cublasLt's status %d", shape.n, shape.m, shape.k,
				status)
		}
		b.plans[shape] = plan
	}
	status := C.blas_run(b.handle, plan, C.float(p.Alpha), C.CUdeviceptr(p.B.Address),
		C.CUdeviceptr(p.A.Address), C.float(p.Beta), C.CUdeviceptr(p.C.Address),
		C.CUdeviceptr(b.workspace), Workspace, d.handle())
	if status != 0 {
		return fmt.Errorf("%d by %d by %d: cublasLt's status %d", shape.n, shape.m, shape.k, status)
	}
	return nil
}
