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
	r, t := v.regs[:w], v.regs[w:2*w]
	Label(name + "_loop")
	MOVQ(src, p)
	for i := range w {
		load(v, Mem{Base: p}, half, r[i])
		if i+1 < w {
			ADDQ(srcStride, p)
		}
	}
	for i := 0; i < w; i += 2 { // pairs of rows
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	for i := 0; i < w; i += 4 { // four rows: lane l of r[i+j] is column 4l+j
		VUNPCKLPD(t[i+2], t[i], r[i])
		VUNPCKHPD(t[i+2], t[i], r[i+1])
		VUNPCKLPD(t[i+3], t[i+1], r[i+2])
		VUNPCKHPD(t[i+3], t[i+1], r[i+3])
	}
	for _, out := range gatherLanes(v, r, t) {
		VMOVUPS(out, Mem{Base: dst})
		ADDQ(dstStride, dst)
	}
	ADDQ(Imm(uint64(w*size)), src)
	DECQ(n)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}

// gatherLanes joins the lanes of each column: it returns the registers of all columns in order.
func gatherLanes(v vector, r, t []reg.VecPhysical) []reg.VecPhysical {
	out := make([]reg.VecPhysical, len(r))
	for j := range 4 {
		if v.bytes == 32 {
			VPERM2F128(Imm(0x20), r[4+j], r[j], t[j])
			VPERM2F128(Imm(0x31), r[4+j], r[j], t[4+j])
			out[j], out[4+j] = t[j], t[4+j]
			continue
		}
		even, odd, evenHigh, oddHigh := t[4*j], t[4*j+1], t[4*j+2], t[4*j+3]
		VSHUFF32X4(Imm(0x88), r[4+j], r[j], even)
		VSHUFF32X4(Imm(0xdd), r[4+j], r[j], odd)
		VSHUFF32X4(Imm(0x88), r[12+j], r[8+j], evenHigh)
		VSHUFF32X4(Imm(0xdd), r[12+j], r[8+j], oddHigh)
		VSHUFF32X4(Imm(0x88), evenHigh, even, r[j])
		VSHUFF32X4(Imm(0x88), oddHigh, odd, r[4+j])
		VSHUFF32X4(Imm(0xdd), evenHigh, even, r[8+j])
		VSHUFF32X4(Imm(0xdd), oddHigh, odd, r[12+j])
		out[j], out[4+j], out[8+j], out[12+j] = r[j], r[4+j], r[8+j], r[12+j]
	}
	return out
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
