package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// expConstants are those of Cephes' expf (Moshier 1989): log2(e), ln 2 in two parts, and the
// polynomial for exp(r) = 1 + r + r²·P(r) on |r| <= ln 2 / 2. The bounds keep 2^n a normal number
// or make it 0.
var expConstants = []float32{
	1.44269504088896341, -0.693359375, 2.12194440e-4,
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
	5.0000001201e-1, 1, -87.33654, 88.37626,
}

const (
	log2e = iota
	ln2High
	ln2Low
	poly  // six coefficients
	one   = poly + 6
	least = one + 1
	most  = one + 2
)

func rowKernels() {
	constants := GLOBL("expConstants", RODATA|NOPTR)
	for i, c := range expConstants {
		DATA(4*i, F32(c))
	}
	bias := GLOBL("expBias", RODATA|NOPTR)
	DATA(0, U32(127))
	for _, t := range []struct {
		suffix string
		v      vector
	}{{"AVX512", zmm}, {"AVX2", ymm}} {
		expSum("expSum"+t.suffix, t.v, constants, bias)
		maxRow("max"+t.suffix, t.v)
		dot("dot"+t.suffix, t.v)
		axpy("axpy"+t.suffix, t.v)
	}
}

// expSum writes dst = exp(src·scale - shift) and returns the sum. n is a multiple of the width.
func expSum(name string, v vector, constants, bias Mem) {
	TEXT(name, NOSPLIT, "func(dst, src *float32, n int64, scale, shift float32) float32")
	Pragma("noescape")
	Doc(name + " computes dst = exp(src·scale - shift) and returns its sum.")
	dst, src, n := reg.RDI, reg.RSI, reg.RCX
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	Load(Param("n"), n)
	x, t, p, k, sum := v.regs[0], v.regs[1], v.regs[2], v.regs[3], v.regs[4]
	scale, shift, low := v.regs[5], v.regs[6], v.regs[7]
	scaleAddr, _ := Param("scale").Resolve()
	shiftAddr, _ := Param("shift").Resolve()
	VBROADCASTSS(scaleAddr.Addr, scale)
	VBROADCASTSS(shiftAddr.Addr, shift)
	VBROADCASTSS(constants.Offset(4*least), low)
	zero(v, sum)
	// Constants sit in registers as far as there are any: 8 are left of 16.
	held := map[int]reg.VecPhysical{}
	for i, c := range []int{log2e, ln2High, ln2Low, poly, poly + 1, poly + 2, poly + 3, one} {
		held[c] = v.regs[8+i]
		VBROADCASTSS(constants.Offset(4*c), held[c])
	}
	c := func(i int) reg.VecPhysical {
		if r, ok := held[i]; ok {
			return r
		}
		VBROADCASTSS(constants.Offset(4*i), k)
		return k
	}
	Label(name + "_loop")
	VMOVUPS(Mem{Base: src}, x)
	VFMSUB213PS(shift, scale, x)
	tooSmall := belowMask(v, low, x) // exp becomes 0 there
	VMAXPS(x, low, x)                // in this order a NaN passes
	VMINPS(x, c(most), x)
	VMULPS(c(log2e), x, t)
	round(v, t)
	VFMADD231PS(c(ln2High), t, x)
	VFMADD231PS(c(ln2Low), t, x)
	VMOVAPS(c(poly), p)
	for i := poly + 1; i < poly+6; i++ {
		VFMADD213PS(c(i), x, p)
	}
	VFMADD213PS(c(one), x, p)
	VFMADD213PS(c(one), x, p)
	VCVTPS2DQ(t, t)
	VPBROADCASTD(bias, k)
	VPADDD(k, t, t)
	VPSLLD(Imm(23), t, t)
	VMULPS(t, p, p)
	tooSmall(p)
	VADDPS(p, sum, sum)
	VMOVUPS(p, Mem{Base: dst})
	ADDQ(Imm(uint64(v.bytes)), src)
	ADDQ(Imm(uint64(v.bytes)), dst)
	SUBQ(Imm(uint64(v.bytes/4)), n)
	JNZ(LabelRef(name + "_loop"))
	reduce(v, sum, x, func(a, b, c Op) { VADDPS(a, b, c) })
	Store(sum.AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// belowMask remembers which lanes of x are below low and returns what clears them in a result.
// NaN lanes stay NaN.
func belowMask(v vector, low, x reg.VecPhysical) func(reg.VecPhysical) {
	if v.bytes == 64 {
		VCMPPS(Imm(17), low, x, reg.K1) // x < low, ordered
		KNOTW(reg.K1, reg.K1)
		return func(r reg.VecPhysical) { VMOVAPS_Z(r, reg.K1, r) }
	}
	// AVX2 has no register left to hold the mask.
	m := v.regs[1]
	VCMPPS(Imm(17), low, x, m)
	spill := AllocLocal(32)
	VMOVUPS(m, spill)
	return func(r reg.VecPhysical) {
		VMOVUPS(spill, m)
		VANDNPS(r, m, r)
	}
}

func round(v vector, t reg.VecPhysical) {
	if v.bytes == 64 {
		VRNDSCALEPS(Imm(8), t, t)
	} else {
		VROUNDPS(Imm(8), t, t)
	}
}

// reduce folds all lanes of r into its first, in a fixed order.
func reduce(v vector, r, t reg.VecPhysical, op func(a, b, c Op)) {
	if v.bytes == 64 {
		VEXTRACTF64X4(Imm(1), r, t.AsY())
		op(t.AsY(), r.AsY(), r.AsY())
	}
	VEXTRACTF128(Imm(1), r.AsY(), t.AsX())
	op(t.AsX(), r.AsX(), r.AsX())
	VPERMILPS(Imm(0x4e), r.AsX(), t.AsX())
	op(t.AsX(), r.AsX(), r.AsX())
	VPERMILPS(Imm(0xb1), r.AsX(), t.AsX())
	op(t.AsX(), r.AsX(), r.AsX())
}

// maxRow returns the greatest element. n is a multiple of the width.
func maxRow(name string, v vector) {
	TEXT(name, NOSPLIT, "func(src *float32, n int64) float32")
	Pragma("noescape")
	Doc(name + " returns the greatest of n floats.")
	src, n := reg.RSI, reg.RCX
	Load(Param("src"), src)
	Load(Param("n"), n)
	VMOVUPS(Mem{Base: src}, v.regs[0])
	Label(name + "_loop")
	VMAXPS(Mem{Base: src}, v.regs[0], v.regs[0])
	ADDQ(Imm(uint64(v.bytes)), src)
	SUBQ(Imm(uint64(v.bytes/4)), n)
	JNZ(LabelRef(name + "_loop"))
	reduce(v, v.regs[0], v.regs[1], func(a, b, c Op) { VMAXPS(a, b, c) })
	Store(v.regs[0].AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// dot returns Σ x·y. n is a multiple of twice the width: two sums hide the latency.
func dot(name string, v vector) {
	TEXT(name, NOSPLIT, "func(x, y *float32, n int64) float32")
	Pragma("noescape")
	Doc(name + " returns the inner product of n floats.")
	x, y, n := reg.RSI, reg.RDI, reg.RCX
	Load(Param("x"), x)
	Load(Param("y"), y)
	Load(Param("n"), n)
	zero(v, v.regs[0])
	zero(v, v.regs[1])
	Label(name + "_loop")
	for i := range 2 {
		VMOVUPS(Mem{Base: x, Disp: i * v.bytes}, v.regs[2+i])
		VFMADD231PS(Mem{Base: y, Disp: i * v.bytes}, v.regs[2+i], v.regs[i])
	}
	ADDQ(I32(int32(2*v.bytes)), x)
	ADDQ(I32(int32(2*v.bytes)), y)
	SUBQ(Imm(uint64(2*v.bytes/4)), n)
	JNZ(LabelRef(name + "_loop"))
	VADDPS(v.regs[1], v.regs[0], v.regs[0])
	reduce(v, v.regs[0], v.regs[1], func(a, b, c Op) { VADDPS(a, b, c) })
	Store(v.regs[0].AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// axpy writes y += a·x. n is a multiple of the width.
func axpy(name string, v vector) {
	TEXT(name, NOSPLIT, "func(y, x *float32, n int64, a float32)")
	Pragma("noescape")
	Doc(name + " computes y += a·x.")
	x, y, n := reg.RSI, reg.RDI, reg.RCX
	Load(Param("y"), y)
	Load(Param("x"), x)
	Load(Param("n"), n)
	a, _ := Param("a").Resolve()
	VBROADCASTSS(a.Addr, v.regs[1])
	Label(name + "_loop")
	VMOVUPS(Mem{Base: y}, v.regs[0])
	VFMADD231PS(Mem{Base: x}, v.regs[1], v.regs[0])
	VMOVUPS(v.regs[0], Mem{Base: y})
	ADDQ(Imm(uint64(v.bytes)), x)
	ADDQ(Imm(uint64(v.bytes)), y)
	SUBQ(Imm(uint64(v.bytes/4)), n)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}
