package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vector is one width of register file.
type vector struct {
	regs  []reg.VecPhysical
	bytes int
}

var zmm = vector{[]reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}, 64}

var ymm = vector{[]reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}, 32}

// Heights of tiles: the tallest keeps every register busy, the others make up any remainder.
var (
	zmmRows   = []int{14, 8, 4, 2, 1}
	ymmRows   = []int{6, 4, 2, 1}
	brainRows = []int{14, 4, 1}
)

func gemmKernels() {
	for _, n := range []int{2, 1} {
		for _, rows := range zmmRows {
			tile("zmm", zmm, rows, n, multiplyFloats)
		}
		for _, rows := range ymmRows {
			tile("ymm", ymm, rows, n, multiplyFloats)
		}
		for _, rows := range brainRows {
			tile("brain", zmm, rows, n, func(a, b, sum reg.VecPhysical) { dotPairs(sum, b, a) })
		}
	}
}

func multiplyFloats(a, b, sum reg.VecPhysical) { VFMADD231PS(a, b, sum) }

// tile writes C[rows, cols] (+)= A·B for cols = n vectors. Row k of B is ldb floats on. A is read
// where it lies, by broadcasts: element (r, k) is rowStride·r + kStride·k floats on, so that a
// transposed A costs nothing. Elements of A and B are floats, or words of two brain floats: step
// multiplies and adds them.
func tile(prefix string, v vector, rows, n int, step func(a, b, sum reg.VecPhysical)) {
	cols := n * v.bytes / 4
	name := fmt.Sprintf("%s%dx%d", prefix, rows, cols)
	TEXT(name, NOSPLIT,
		"func(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32, "+
			"ldc, accumulate int64)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes C[%d, %d] = A·B, or adds it to C.", name, rows, cols))
	k, rowStride, kStride := reg.RCX, reg.RSI, reg.RDX
	b, c, ldb, ldc := reg.RDI, reg.R8, reg.RBX, reg.R9
	bases := []reg.GPPhysical{reg.RAX, reg.R10, reg.R11, reg.R12, reg.R13}[:(rows+2)/3]
	Load(Param("k"), k)
	Load(Param("a"), bases[0])
	Load(Param("rowStride"), rowStride)
	Load(Param("kStride"), kStride)
	Load(Param("b"), b)
	Load(Param("ldb"), ldb)
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	for _, s := range []reg.GPPhysical{rowStride, kStride, ldb, ldc} {
		SHLQ(Imm(2), s)
	}
	for i := 1; i < len(bases); i++ { // each base is three rows on
		LEAQ(Mem{Base: bases[i-1], Index: rowStride, Scale: 2}, bases[i])
		ADDQ(rowStride, bases[i])
	}
	first := len(v.regs) - rows*n
	acc := func(r, j int) reg.VecPhysical { return v.regs[first+r*n+j] }
	for r := range rows {
		for j := range n {
			zero(v, acc(r, j))
		}
	}
	spare := first - n // registers for broadcast elements of A
	TESTQ(k, k)
	JZ(LabelRef(name + "_store"))
	Label(name + "_loop")
	for j := range n {
		VMOVUPS(Mem{Base: b, Disp: j * v.bytes}, v.regs[j])
	}
	for r := range rows {
		t := v.regs[n+r%spare]
		VBROADCASTSS(element(bases[r/3], rowStride, r%3), t)
		for j := range n {
			step(t, v.regs[j], acc(r, j))
		}
	}
	for _, p := range bases {
		ADDQ(kStride, p)
	}
	ADDQ(ldb, b)
	DECQ(k)
	JNZ(LabelRef(name + "_loop"))
	Label(name + "_store")
	Load(Param("accumulate"), reg.RAX)
	TESTQ(reg.RAX, reg.RAX)
	JZ(LabelRef(name + "_overwrite"))
	for r := range rows {
		for j := range n {
			m := Mem{Base: c, Disp: j * v.bytes}
			VADDPS(m, acc(r, j), acc(r, j))
			VMOVUPS(acc(r, j), m)
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
	Label(name + "_overwrite")
	for r := range rows {
		for j := range n {
			VMOVUPS(acc(r, j), Mem{Base: c, Disp: j * v.bytes})
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}

// element is row 0, 1 or 2 from a base.
func element(base, stride reg.GPPhysical, row int) Mem {
	m := Mem{Base: base}
	if row > 0 {
		m.Index, m.Scale = stride, uint8(row)
	}
	return m
}

func zero(v vector, r reg.VecPhysical) {
	if v.bytes == 64 {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}
