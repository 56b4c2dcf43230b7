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

// Heights of tiles keep every register busy.
const (
	zmmRows = 14
	ymmRows = 6
)

func gemmKernels() {
	for _, n := range []int{2, 1} {
		tile("zmm", zmm, zmmRows, n, multiplyFloats)
		tile("ymm", ymm, ymmRows, n, multiplyFloats)
		tile("brain", zmm, zmmRows, n, func(a, b, sum reg.VecPhysical) { dotPairs(sum, b, a) })
	}
}

func multiplyFloats(a, b, sum reg.VecPhysical) { VFMADD231PS(a, b, sum) }

// tile writes C[rows, cols] (+)= A·B for up to most rows and up to n vectors of columns. Row k of B
// is ldb floats on. A is read where it lies, by broadcasts: element (r, k) is rowStride·r +
// kStride·k floats on, so that a transposed A costs nothing. Elements of A and B are floats, or
// words of two brain floats: step multiplies and adds them. What a step does for a row that is not
// wanted is jumped over; the branches are foreseen, and there is room for them beside the
// arithmetic.
func tile(prefix string, v vector, most, n int, step func(a, b, sum reg.VecPhysical)) {
	name := fmt.Sprintf("%sx%d", prefix, n*v.bytes/4)
	TEXT(name, NOSPLIT,
		"func(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32, "+
			"ldc, accumulate, rows, cols int64)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes C[rows, cols] = A·B, or adds it to C, for up to %d rows.", name,
		most))
	k, rowStride, kStride := reg.RCX, reg.RSI, reg.RDX
	b, c, ldb, ldc, rows := reg.RDI, reg.R8, reg.RBX, reg.R9, reg.R14
	bases := []reg.GPPhysical{reg.RAX, reg.R10, reg.R11, reg.R12, reg.R13}[:(most+2)/3]
	t := &tileWriter{name: name, v: v, most: most, n: n, rows: rows, first: len(v.regs) - most*n}
	Load(Param("k"), k)
	Load(Param("a"), bases[0])
	Load(Param("rowStride"), rowStride)
	Load(Param("kStride"), kStride)
	Load(Param("b"), b)
	Load(Param("ldb"), ldb)
	Load(Param("rows"), rows)
	for _, s := range []reg.GPPhysical{rowStride, kStride, ldb} {
		SHLQ(Imm(2), s)
	}
	for i := 1; i < len(bases); i++ { // each base is three rows on
		LEAQ(Mem{Base: bases[i-1], Index: rowStride, Scale: 2}, bases[i])
		ADDQ(rowStride, bases[i])
	}
	t.fetch(c, ldc)
	for _, r := range v.regs[t.first:] {
		zero(v, r)
	}
	spare := t.first - n // registers for broadcast elements of A
	Label(name + "_loop")
	for j := range n {
		VMOVUPS(Mem{Base: b, Disp: j * v.bytes}, v.regs[j])
	}
	t.each("_next", func(r int) {
		x := v.regs[n+r%spare]
		VBROADCASTSS(element(bases[r/3], rowStride, r%3), x)
		for j := range n {
			step(x, v.regs[j], t.sum(r, j))
		}
	})
	Label(name + "_next")
	for _, p := range bases {
		ADDQ(kStride, p)
	}
	ADDQ(ldb, b)
	DECQ(k)
	JNZ(LabelRef(name + "_loop"))
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	SHLQ(Imm(2), ldc)
	Load(Param("accumulate"), reg.RAX)
	if v.bytes == 64 {
		t.storeMasked(c, ldc)
	} else {
		t.store(c, ldc)
	}
}

// tileWriter is a tile being written.
type tileWriter struct {
	name    string
	v       vector
	most, n int
	first   int // register of sums
	rows    reg.GPPhysical
}

// fetch asks for the lines of C, which is often not in a cache, while sums are computed.
func (t *tileWriter) fetch(c, ldc reg.GPPhysical) {
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	SHLQ(Imm(2), ldc)
	for r := range t.most {
		for line := 0; line < t.n*t.v.bytes; line += 64 {
			prefetchWrite(c, ldc, r%3, line)
		}
		if r%3 == 2 {
			LEAQ(Mem{Base: c, Index: ldc, Scale: 2}, c)
			ADDQ(ldc, c)
		}
	}
}

// sum is the register of a row's sums.
func (t *tileWriter) sum(r, j int) reg.VecPhysical { return t.v.regs[t.first+r*t.n+j] }

// each writes body for each row, and a jump to where the last wanted row ends.
func (t *tileWriter) each(end string, body func(r int)) {
	for r := range t.most {
		body(r)
		if r+1 < t.most {
			CMPQ(t.rows, Imm(uint64(r+1)))
			JEQ(LabelRef(t.name + end))
		}
	}
}

// storeMasked writes the wanted columns. Where nothing is added, what is read is masked to zero.
func (t *tileWriter) storeMasked(c, ldc reg.GPPhysical) {
	mask, accumulate := reg.RCX, reg.RAX
	Load(Param("cols"), reg.RDX)
	MOVQ(I32(-1), mask)
	BZHIQ(reg.RDX, mask, mask)
	NEGQ(accumulate) // 1 to all ones
	ANDQ(mask, accumulate)
	store, add := []reg.Register{reg.K1, reg.K2}, []reg.Register{reg.K3, reg.K4}
	for j := range t.n {
		if j > 0 {
			SHRQ(Imm(16), mask)
			SHRQ(Imm(16), accumulate)
		}
		KMOVW(mask.As32(), store[j])
		KMOVW(accumulate.As32(), add[j])
	}
	t.each("_end", func(r int) {
		for j := range t.n {
			m := Mem{Base: c, Disp: j * t.v.bytes}
			VMOVUPS_Z(m, add[j], t.v.regs[j])
			VADDPS(t.v.regs[j], t.sum(r, j), t.sum(r, j))
			VMOVUPS(t.sum(r, j), store[j], m)
		}
		ADDQ(ldc, c)
	})
	Label(t.name + "_end")
	VZEROUPPER()
	RET()
}

// store writes whole vectors.
func (t *tileWriter) store(c, ldc reg.GPPhysical) {
	TESTQ(reg.RAX, reg.RAX)
	JZ(LabelRef(t.name + "_overwrite"))
	for _, end := range []string{"_added", "_end"} {
		t.each(end, func(r int) {
			for j := range t.n {
				m := Mem{Base: c, Disp: j * t.v.bytes}
				if end == "_added" {
					VADDPS(m, t.sum(r, j), t.sum(r, j))
				}
				VMOVUPS(t.sum(r, j), m)
			}
			ADDQ(ldc, c)
		})
		Label(t.name + end)
		VZEROUPPER()
		RET()
		if end == "_added" {
			Label(t.name + "_overwrite")
		}
	}
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
