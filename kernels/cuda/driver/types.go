package driver

import (
	"fmt"
	"unsafe"
)

// Info describes a device.
type Info struct {
	Index int
	Name  string
	// Major and Minor are the compute capability.
	Major, Minor int
	// Memory is all of its memory, Free what nobody uses now, in bytes.
	Memory, Free int64
	// Multiprocessors is the number of its processors.
	Multiprocessors int
}

// Suits reports whether the device multiplies brain floats.
func (i Info) Suits() bool { return i.Major >= 8 }

func (i Info) String() string {
	s := fmt.Sprintf("cuda:%d %s, compute capability %d.%d, %.1f GiB of memory, %.1f GiB free",
		i.Index, i.Name, i.Major, i.Minor, gib(i.Memory), gib(i.Free))
	if !i.Suits() {
		s += "; too old to train on: 8.0 is needed"
	}
	return s
}

func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// Launch is a kernel's launch. Arguments are uint64 (addresses), int (64 bits), int32, float32, float64,
// or []byte: a struct by value.
type Launch struct {
	Kernel string
	Grid   [3]int
	// Threads of a block, and its shared memory in bytes.
	Threads, Shared int
	Args            []any
}

// Matrix is an operand of a product: Rows by Columns elements in rows that begin Stride elements
// apart. BF16 says that they are brain floats, else float32.
type Matrix struct {
	Address               uint64
	Rows, Columns, Stride int
	BF16                  bool
}

// Product is C = Alpha·op(A)·op(B) + Beta·C, where op transposes if it is told to. A and B have one
// type; sums are float32.
type Product struct {
	A, B, C      Matrix
	TurnA, TurnB bool
	Alpha, Beta  float32
}

// Bytes are n bytes of pinned memory at an address of AllocHost's.
func Bytes(address uint64, n int64) []byte {
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), n)
}
