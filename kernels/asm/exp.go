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

// exponential holds the constants in memory.
type exponential struct{ floats, bias Mem }

func newExponential() exponential {
	e := exponential{floats: GLOBL("expConstants", RODATA|NOPTR)}
	for i, c := range expConstants {
		DATA(4*i, F32(c))
	}
	e.bias = GLOBL("expBias", RODATA|NOPTR)
	DATA(0, U32(127))
	return e
}

// lanes are the registers of exp in a row function. Constants sit in registers as far as there are
// any.
type lanes struct {
	exponential
	v       vector
	t, p, k reg.VecPhysical
	held    map[int]reg.VecPhysical
}

// begin takes registers: all but spare of those that are left hold constants.
func (e exponential) begin(r *row, spare int) *lanes {
	l := &lanes{exponential: e, v: r.v, t: r.take(), p: r.take(), k: r.take(),
		held: map[int]reg.VecPhysical{}}
	// In order of use, those first that a fused multiply-add cannot read from memory.
	for _, c := range []int{least, log2e, ln2High, ln2Low, poly, one, poly + 1, poly + 2, poly + 3,
		poly + 4, poly + 5, most} {
		if r.used+spare >= len(r.v.regs) {
			break
		}
		l.held[c] = r.take()
		VBROADCASTSS(e.floats.Offset(4*c), l.held[c])
	}
	return l
}

// constant returns a register that holds constant i, until the next call.
func (l *lanes) constant(i int) reg.VecPhysical {
	if r, ok := l.held[i]; ok {
		return r
	}
	VBROADCASTSS(l.floats.Offset(4*i), l.k)
	return l.k
}

// exp computes exp(x) into l.p for x within [least, most]; x is lost.
func (l *lanes) exp(x reg.VecPhysical) {
	VMULPS(l.constant(log2e), x, l.t)
	round(l.v, l.t)
	VFMADD231PS(l.constant(ln2High), l.t, x)
	VFMADD231PS(l.constant(ln2Low), l.t, x)
	VMOVAPS(l.constant(poly), l.p)
	for i := poly + 1; i < poly+6; i++ {
		VFMADD213PS(l.constant(i), x, l.p)
	}
	VFMADD213PS(l.constant(one), x, l.p)
	VFMADD213PS(l.constant(one), x, l.p)
	if l.v.bytes == 64 {
		VSCALEFPS(l.t, l.p, l.p)
		return
	}
	VCVTPS2DQ(l.t, l.t)
	VPBROADCASTD(l.bias, l.k)
	VPADDD(l.k, l.t, l.t)
	VPSLLD(Imm(23), l.t, l.t)
	VMULPS(l.t, l.p, l.p)
}

// clamp brings x into [least, most]; NaN passes.
func (l *lanes) clamp(x reg.VecPhysical) {
	VMAXPS(x, l.constant(least), x) // in this order a NaN passes
	VMINPS(x, l.constant(most), x)
}

func round(v vector, t reg.VecPhysical) {
	if v.bytes == 64 {
		VRNDSCALEPS(Imm(8), t, t)
	} else {
		VROUNDPS(Imm(8), t, t)
	}
}

// sum writes dst = exp(src·scale - shift) and returns the sum.
func (e exponential) sum(name string, v vector) {
	r := newRow(name, "func(dst, src *float32, n int64, scale, shift float32) float32",
		"computes dst = exp(src·scale - shift) and returns its sum.", v, []string{"dst", "src"},
		[]string{"scale", "shift"})
	sum, x := r.take(), r.take()
	zero(v, sum)
	l := e.begin(r, 0)
	r.loop(1, func() {
		VMOVUPS(r.at("src", 0), x)
		VFMSUB213PS(r.lanes["shift"], r.lanes["scale"], x)
		if v.bytes == 64 {
			// Whatever these lanes become, they are cleared. NaN is neither below nor cleared.
			VCMPPS(Imm(5), l.constant(least), x, reg.K1) // not x < least
			l.exp(x)
			VMOVAPS_Z(l.p, reg.K1, l.p)
		} else {
			spill := spillBelow(l, x)
			l.clamp(x)
			l.exp(x)
			VMOVUPS(spill, l.t)
			VANDNPS(l.p, l.t, l.p)
		}
		VADDPS(l.p, sum, sum)
		VMOVUPS(l.p, r.at("dst", 0))
	})
	end(v, sum, x, add)
}

// spillBelow stores the mask of lanes of x below the least exponent, for which AVX2 has no register
// left, but not of NaN lanes.
func spillBelow(l *lanes, x reg.VecPhysical) Mem {
	VCMPPS(Imm(17), l.constant(least), x, l.t) // x < least
	spill := AllocLocal(32)
	VMOVUPS(l.t, spill)
	return spill
}

// sigmoid computes 1/(1+exp(-x)) into l.p; x stays, spare is lost.
func (l *lanes) sigmoid(x, spare reg.VecPhysical) {
	zero(l.v, spare)
	VSUBPS(x, spare, spare)
	l.clamp(spare)
	l.exp(spare)
	VADDPS(l.constant(one), l.p, l.t)
	VDIVPS(l.t, l.constant(one), l.p)
}

func (e exponential) swiglu(name string, v vector) {
	r := newRow(name, "func(dst, gate, up *float32, n int64)", "computes dst = silu(gate)·up.",
		v, []string{"dst", "gate", "up"}, nil)
	g, x := r.take(), r.take()
	l := e.begin(r, 0)
	r.loop(1, func() {
		VMOVUPS(r.at("gate", 0), g)
		l.sigmoid(g, x)
		VMULPS(g, l.p, l.p)
		VMULPS(r.at("up", 0), l.p, l.p)
		VMOVUPS(l.p, r.at("dst", 0))
	})
	end(v, nil, nil, nil)
}

// swigluGrad: with s the sigmoid, dup = dy·gate·s and dgate = dy·up·(s + gate·s·(1-s)).
func (e exponential) swigluGrad(name string, v vector) {
	r := newRow(name, "func(dgate, dup, dy, gate, up *float32, n int64)",
		"computes the gradients of swiglu. dgate may be gate, dup may be up.", v,
		[]string{"dgate", "dup", "dy", "gate", "up"}, nil)
	g, x := r.take(), r.take()
	l := e.begin(r, 0)
	r.loop(1, func() {
		VMOVUPS(r.at("gate", 0), g)
		l.sigmoid(g, x)
		VMULPS(l.p, g, g)
		VSUBPS(l.p, l.constant(one), x)
		VFMADD231PS(x, g, l.p)
		VMOVUPS(r.at("dy", 0), x)
		VMULPS(r.at("up", 0), l.p, l.p)
		VMULPS(x, l.p, l.p)
		VMULPS(x, g, g)
		VMOVUPS(l.p, r.at("dgate", 0))
		VMOVUPS(g, r.at("dup", 0))
	})
	end(v, nil, nil, nil)
}

// sumBrain is sum with results rounded to brain floats, two vectors at a time.
func (e exponential) sumBrain(name string) {
	r := newRow(name, "func(dst *uint16, src *float32, n int64, scale, shift float32) float32",
		"computes dst = exp(src·scale - shift), rounded, and returns the sum of what was not.", zmm,
		[]string{"src"}, []string{"scale", "shift"})
	dst := reg.RSI
	Load(Param("dst"), dst)
	sum, x, low := r.take(), r.take(), r.take()
	zero(zmm, sum)
	l := e.begin(r, 0)
	r.loop(2, func() {
		for i := range 2 {
			VMOVUPS(r.at("src", i), x)
			VFMSUB213PS(r.lanes["shift"], r.lanes["scale"], x)
			VCMPPS(Imm(5), l.constant(least), x, reg.K1) // not x < least
			l.exp(x)
			VMOVAPS_Z(l.p, reg.K1, l.p)
			VADDPS(l.p, sum, sum)
			if i == 0 {
				VMOVAPS(l.p, low)
			}
		}
		shrinkPair(low, l.p, low)
		VMOVDQU32(low, Mem{Base: dst})
		ADDQ(Imm(64), dst)
	})
	end(zmm, sum, x, add)
}
