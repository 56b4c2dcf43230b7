package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packKernels write panels of B.
func packKernels() {
	for _, t := range []struct {
		prefix string
		v      vector
	}{{"zmm", zmm}, {"ymm", ymm}} {
		for _, half := range []bool{false, true} {
			transpose(t.prefix, t.v, half)
			copyRows(t.prefix, t.v, half)
		}
	}
}

// load reads a vector of floats, or of brain floats, which are their upper halves.
func load(v vector, m Mem, half bool, to reg.VecPhysical) {
	if !half {
		VMOVUPS(m, to)
		return
	}
	VPMOVZXWD(m, to)
	VPSLLD(Imm(16), to, to)
}

// suffix and element are those of a function that reads floats or brain floats.
func suffix(half bool) (suffix, element string, size int) {
	if half {
		return "BF16", "uint16", 2
	}
	return "", "float32", 4
}

// transpose writes square blocks, as many as n, one below the other: column j of a block comes from
// w contiguous elements at src[j*srcStride].
func transpose(prefix string, v vector, half bool) {
	end, element, size := suffix(half)
	name := prefix + "Transpose" + end
	w := v.bytes / 4
	TEXT(name, NOSPLIT,
		"func(dst *float32, dstStride int64, src *"+element+", srcStride, n int64)")
	Pragma("noescape")
	Doc(name + " transposes n square blocks of one vector's width, one below the other.")
	dst, dstStride, src, srcStride, n, p := reg.RDI, reg.RSI, reg.RDX, reg.RCX, reg.R8, reg.R9
	Load(Param("dst"), dst)
	Load(Param("dstStride"), dstStride)
	Load(Param("src"), src)
	Load(Param("srcStride"), srcStride)
	Load(Param("n"), n)
	SHLQ(Imm(2), dstStride)
	IMUL3Q(Imm(uint64(size)), srcStride, srcStride)
	r := v.regs[:w]
	Label(name + "_loop")
	MOVQ(src, p)
	for i := range w {
		load(v, Mem{Base: p}, half, r[i])
		if i+1 < w {
			ADDQ(srcStride, p)
		}
	}
	for _, out := range turn(v, r, v.regs[w]) {
		VMOVUPS(out, Mem{Base: dst})
		ADDQ(dstStride, dst)
	}
	ADDQ(Imm(uint64(w*size)), src)
	DECQ(n)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}

// turn transposes a square block of as many vectors as a vector has lanes, with the help of one more
// register, and returns the registers of the columns in order.
func turn(v vector, rows []reg.VecPhysical, spare reg.VecPhysical) []reg.VecPhysical {
	r := append([]reg.VecPhysical(nil), rows...)
	// pair replaces two registers by two mixtures of them: where the spare one and theirs lie
	// changes.
	pair := func(i, j int, low, high func(a, b, to Op)) {
		low(r[j], r[i], spare)
		high(r[j], r[i], r[j])
		r[i], spare = spare, r[i]
	}
	unpack := func(i, j int) {
		pair(i, j, func(a, b, to Op) { VUNPCKLPS(a, b, to) }, func(a, b, to Op) { VUNPCKHPS(a, b, to) })
	}
	unpackPairs := func(i, j int) {
		pair(i, j, func(a, b, to Op) { VUNPCKLPD(a, b, to) }, func(a, b, to Op) { VUNPCKHPD(a, b, to) })
	}
	for i := 0; i < len(r); i += 4 { // lane l of four registers is column 4l+0, 1, 2, 3
		unpack(i, i+1)
		unpack(i+2, i+3)
		unpackPairs(i, i+2)
		unpackPairs(i+1, i+3)
		r[i+1], r[i+2] = r[i+2], r[i+1]
	}
	if v.bytes == 32 {
		for j := range 4 {
			pair(j, 4+j, func(a, b, to Op) { VPERM2F128(Imm(0x20), a, b, to) },
				func(a, b, to Op) { VPERM2F128(Imm(0x31), a, b, to) })
		}
		return r
	}
	lanes := func(i, j int) { // even lanes to i, odd ones to j
		pair(i, j, func(a, b, to Op) { VSHUFF32X4(Imm(0x88), a, b, to) },
			func(a, b, to Op) { VSHUFF32X4(Imm(0xdd), a, b, to) })
	}
	for j := range 4 {
		lanes(j, 4+j)
		lanes(8+j, 12+j)
		lanes(j, 8+j)
		lanes(4+j, 12+j)
	}
	return r
}

// copyRows writes n rows of one vector each.
func copyRows(prefix string, v vector, half bool) {
	end, element, size := suffix(half)
	name := prefix + "Copy" + end
	TEXT(name, NOSPLIT,
		"func(dst *float32, dstStride int64, src *"+element+", srcStride, n int64)")
	Pragma("noescape")
	Doc(name + " copies n rows of one vector's width.")
	dst, dstStride, src, srcStride, n := reg.RDI, reg.RSI, reg.RDX, reg.RCX, reg.R8
	Load(Param("dst"), dst)
	Load(Param("dstStride"), dstStride)
	Load(Param("src"), src)
	Load(Param("srcStride"), srcStride)
	Load(Param("n"), n)
	SHLQ(Imm(2), dstStride)
	IMUL3Q(Imm(uint64(size)), srcStride, srcStride)
	Label(name + "_loop")
	load(v, Mem{Base: src}, half, v.regs[0])
	VMOVUPS(v.regs[0], Mem{Base: dst})
	ADDQ(srcStride, src)
	ADDQ(dstStride, dst)
	DECQ(n)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}
