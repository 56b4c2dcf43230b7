package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// thinRows are the rows of a thin tile of zmm registers: there is room for more, at a greater length.
const thinRows = 8

// thinKernels write products of few rows.
func thinKernels() {
	thin("zmm", zmm, thinRows, true, multiplyFloats)
	thin("ymm", ymm, ymmRows, true, multiplyFloats)
	thin("brain", zmm, thinRows, false,
		func(a, b, sum reg.VecPhysical) { dotPairs(sum, b, a) })
}

// thin writes C[rows, w] (+)= A·Bᵀ for up to most rows and as many columns as a vector has lanes.
// B is read once, where it lies: a square block of it is transposed in registers, so that a lane's
// sum takes its products in the order in which a tile takes them. Meanwhile the lines are fetched
// that lie some bytes ahead of those that are read, one after the other. What is left of B behind
// whole blocks comes transposed. Without halves B has elements of one size only.
func thin(prefix string, v vector, most int, halves bool, step func(a, b, sum reg.VecPhysical)) {
	name := prefix + "Thin"
	w := v.bytes / 4
	TEXT(name, NOSPLIT, "func(blocks int64, a *float32, rowStride int64, b *byte, ldb, half, "+
		"ahead, left int64, rest *float32, c *float32, ldc, accumulate, rows int64)")
	Pragma("noescape")
	Doc(name+" computes C[rows, w] = A·Bᵀ, or adds it to C, for as many columns as a vector has",
		"lanes: w times blocks elements of rows of B ldb bytes apart, then left ones of rest.")
	blocks, rowStride, b, ldb := reg.RCX, reg.RSI, reg.RDI, reg.RBX
	p, next, rows := reg.RDX, reg.R8, reg.R14
	bases := []reg.GPPhysical{reg.RAX, reg.R10, reg.R11, reg.R12, reg.R13}[:(most+2)/3]
	sums := v.regs[len(v.regs)-most:]
	block, spare, x := v.regs[:w], v.regs[w], v.regs[w+1]
	t := &tileWriter{name: name, v: v, most: most, n: 1, rows: rows, first: len(v.regs) - most}
	Load(Param("blocks"), blocks)
	Load(Param("a"), bases[0])
	Load(Param("rowStride"), rowStride)
	Load(Param("b"), b)
	Load(Param("ldb"), ldb)
	Load(Param("ahead"), next)
	Load(Param("rows"), rows)
	ADDQ(b, next)
	SHLQ(Imm(2), rowStride)
	for i := 1; i < len(bases); i++ { // each base is three rows on
		LEAQ(Mem{Base: bases[i-1], Index: rowStride, Scale: 2}, bases[i])
		ADDQ(rowStride, bases[i])
	}
	for _, r := range sums {
		zero(v, r)
	}
	TESTQ(blocks, blocks)
	JZ(LabelRef(name + "_rest"))
	Label(name + "_loop")
	read := func(half bool) {
		_, _, size := suffix(half)
		MOVQ(b, p)
		for i := range w {
			if i*w*size%64 == 0 {
				PREFETCHT1(Mem{Base: next, Disp: i * w * size})
			}
			load(v, Mem{Base: p}, half, block[i])
			if i+1 < w {
				ADDQ(ldb, p)
			}
		}
		ADDQ(I32(int32(w*w*size)), next)
		ADDQ(Imm(uint64(w*size)), b)
	}
	if halves {
		Load(Param("half"), p)
		TESTQ(p, p)
		JZ(LabelRef(name + "_floats"))
		read(true)
		JMP(LabelRef(name + "_read"))
		Label(name + "_floats")
	}
	read(false)
	if halves {
		Label(name + "_read")
	}
	columns := turn(v, block, spare)
	t.each("_next", func(r int) {
		for i, column := range columns {
			m := element(bases[r/3], rowStride, r%3)
			m.Disp = 4 * i
			VBROADCASTSS(m, x)
			step(x, column, t.sum(r, 0))
		}
	})
	Label(name + "_next")
	for _, base := range bases {
		ADDQ(Imm(uint64(v.bytes)), base)
	}
	DECQ(blocks)
	JNZ(LabelRef(name + "_loop"))
	Label(name + "_rest")
	left, rest := blocks, b
	Load(Param("left"), left)
	Load(Param("rest"), rest)
	TESTQ(left, left)
	JZ(LabelRef(name + "_store"))
	Label(name + "_one")
	VMOVUPS(Mem{Base: rest}, block[0])
	t.each("_done", func(r int) {
		VBROADCASTSS(element(bases[r/3], rowStride, r%3), x)
		step(x, block[0], t.sum(r, 0))
	})
	Label(name + "_done")
	for _, base := range bases {
		ADDQ(Imm(4), base)
	}
	ADDQ(Imm(uint64(v.bytes)), rest)
	DECQ(left)
	JNZ(LabelRef(name + "_one"))
	Label(name + "_store")
	c, ldc := reg.R8, reg.R9
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	SHLQ(Imm(2), ldc)
	Load(Param("accumulate"), reg.RAX)
	t.store(c, ldc)
}
