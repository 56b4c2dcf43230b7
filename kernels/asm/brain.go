package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// brainKernels write operands of the tiles of AVX512-BF16: words of two brain floats, neighbours
// along the contraction, the earlier one in the lower half.
func brainKernels() {
	shrinkRows()
	shrinkPairs()
	joinPairs()
}

// shrinkRows rounds neighbours along rows.
func shrinkRows() {
	const name = "shrinkRows"
	TEXT(name, NOSPLIT, "func(dst *uint32, dstStride int64, src *float32, srcStride, rows, n int64, "+
		"scale float32)")
	Pragma("noescape")
	Doc(name+" writes rows of n floats times scale as words of two brain floats, the last one half",
		"zero if n is odd.")
	dst, src, n, rows := reg.RDI, reg.RSI, reg.RDX, reg.R8
	toRow, fromRow, dstStride, srcStride := reg.R9, reg.R10, reg.R11, reg.R12
	low, high, scale := zmm.regs[0], zmm.regs[1], zmm.regs[2]
	Load(Param("dst"), toRow)
	Load(Param("dstStride"), dstStride)
	Load(Param("src"), fromRow)
	Load(Param("srcStride"), srcStride)
	Load(Param("rows"), rows)
	Load(Param("n"), n)
	broadcastParam("scale", scale)
	SHLQ(Imm(2), dstStride)
	SHLQ(Imm(2), srcStride)
	MOVQ(n, reg.RBX)
	ANDQ(Imm(31), reg.RBX)
	ones(reg.RAX, reg.RBX)
	KMOVW(reg.EAX, reg.K1)
	SHRQ(Imm(16), reg.RAX)
	KMOVW(reg.EAX, reg.K2)
	INCQ(reg.RBX)
	SHRQ(Imm(1), reg.RBX) // words of the tail
	ones(reg.RAX, reg.RBX)
	KMOVW(reg.EAX, reg.K3)
	Label(name + "_row")
	MOVQ(toRow, dst)
	MOVQ(fromRow, src)
	MOVQ(n, reg.RCX)
	SUBQ(Imm(32), reg.RCX)
	JLT(LabelRef(name + "_tail"))
	Label(name + "_loop")
	VMULPS(Mem{Base: src}, scale, low)
	VMULPS(Mem{Base: src, Disp: 64}, scale, high)
	shrinkPair(low, high, low)
	VMOVDQU32(low, Mem{Base: dst})
	ADDQ(Imm(128), src)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(32), reg.RCX)
	JGE(LabelRef(name + "_loop"))
	Label(name + "_tail")
	TESTQ(reg.RBX, reg.RBX)
	JZ(LabelRef(name + "_next"))
	VMULPS_Z(Mem{Base: src}, scale, reg.K1, low)
	VMULPS_Z(Mem{Base: src, Disp: 64}, scale, reg.K2, high)
	shrinkPair(low, high, low)
	VMOVDQU32(low, reg.K3, Mem{Base: dst})
	Label(name + "_next")
	ADDQ(dstStride, toRow)
	ADDQ(srcStride, fromRow)
	DECQ(rows)
	JNZ(LabelRef(name + "_row"))
	VZEROUPPER()
	RET()
}

// ones sets the lowest n bits of mask, n below 64. RCX is lost.
func ones(mask, n reg.GPPhysical) {
	MOVQ(n, reg.RCX)
	MOVQ(U32(1), mask)
	SHLQ(reg.CL, mask)
	DECQ(mask)
}

func broadcastParam(name string, to reg.VecPhysical) {
	a, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(a.Addr, to)
}

// pairs begins a function that joins rows two by two.
func pairs(name, element, more string) {
	TEXT(name, NOSPLIT, "func(dst *uint32, dstStride int64, src *"+element+
		", srcStride, n, mask int64"+more+")")
	Pragma("noescape")
	Load(Param("dst"), reg.RDI)
	Load(Param("dstStride"), reg.RSI)
	Load(Param("src"), reg.RDX)
	Load(Param("srcStride"), reg.R8)
	Load(Param("n"), reg.R9)
	Load(Param("mask"), reg.RAX)
	KMOVW(reg.EAX, reg.K1)
	SHLQ(Imm(2), reg.RSI)
}

func pairsLoop(name string, word reg.VecPhysical, body func()) {
	Label(name + "_loop")
	body()
	VMOVDQU32(word, Mem{Base: reg.RDI})
	LEAQ(Mem{Base: reg.RDX, Index: reg.R8, Scale: 2}, reg.RDX)
	ADDQ(reg.RSI, reg.RDI)
	DECQ(reg.R9)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}

func shrinkPairs() {
	const name = "shrinkPairs"
	order := GLOBL("pairOrder", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)|uint32(16+i)<<16))
	}
	pairs(name, "float32", ", scale float32")
	Doc(name+" writes n rows of 16 words from 2n rows of floats times scale; columns outside mask",
		"are zero.")
	SHLQ(Imm(2), reg.R8)
	low, high, scale, index := zmm.regs[0], zmm.regs[1], zmm.regs[2], zmm.regs[3]
	broadcastParam("scale", scale)
	VMOVDQU32(order, index)
	pairsLoop(name, low, func() {
		VMULPS_Z(Mem{Base: reg.RDX}, scale, reg.K1, low)
		VMULPS_Z(Mem{Base: reg.RDX, Index: reg.R8, Scale: 1}, scale, reg.K1, high)
		shrinkPair(low, high, low)
		VPERMW(low, index, low)
	})
}

func joinPairs() {
	const name = "joinPairs"
	pairs(name, "uint16", "")
	Doc(name + " is shrinkPairs of rows that are brain floats.")
	SHLQ(Imm(1), reg.R8)
	low, high := zmm.regs[0], zmm.regs[1]
	pairsLoop(name, low, func() {
		VPMOVZXWD_Z(Mem{Base: reg.RDX}, reg.K1, low)
		VPMOVZXWD_Z(Mem{Base: reg.RDX, Index: reg.R8, Scale: 1}, reg.K1, high)
		VPSLLD(Imm(16), high, high)
		VPORD(high, low, low)
	})
}
