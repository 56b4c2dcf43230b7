package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowKernels writes the row functions of both tiers. All take n elements, a positive multiple of
// the width.
func rowKernels() {
	e := newExponential()
	for _, t := range []struct {
		suffix string
		v      vector
	}{{"AVX512", zmm}, {"AVX2", ymm}} {
		e.sum("expSum"+t.suffix, t.v)
		maxRow("max"+t.suffix, t.v)
		dot("dot"+t.suffix, t.v)
		dot3("dot3"+t.suffix, t.v)
		axpy("axpy"+t.suffix, t.v)
		scale("scale"+t.suffix, t.v)
		multiply("multiply"+t.suffix, t.v)
		multiplyAdd("multiplyAdd"+t.suffix, t.v)
		gate("gate"+t.suffix, t.v)
		normGrad("normGrad"+t.suffix, t.v)
		rotate("rotate"+t.suffix, t.v)
		e.swiglu("swiglu"+t.suffix, t.v)
		e.swigluGrad("swigluGrad"+t.suffix, t.v)
		adam("adam"+t.suffix, t.v)
		roundBrain("roundBrain"+t.suffix, t.v)
		expand("expand"+t.suffix, t.v)
	}
	e.sumBrain("expSumBrainAVX512")
	shrink("shrinkAVX512")
}

// row is a row function being written: pointers that move along, scalars in every lane, and free
// vector registers.
type row struct {
	name  string
	v     vector
	ptr   map[string]reg.GPPhysical
	lanes map[string]reg.VecPhysical
	used  int // vector registers taken
	n     reg.GPPhysical
	order []string
}

// newRow begins a function. Pointers and scalars are names of its parameters; n is "n".
func newRow(name, signature, doc string, v vector, pointers, scalars []string) *row {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
	r := &row{name: name, v: v, ptr: map[string]reg.GPPhysical{},
		lanes: map[string]reg.VecPhysical{}, n: reg.RCX, order: pointers}
	free := []reg.GPPhysical{reg.RDI, reg.RSI, reg.RDX, reg.R8, reg.R9, reg.R10}
	for i, p := range pointers {
		r.ptr[p] = free[i]
		Load(Param(p), free[i])
	}
	Load(Param("n"), r.n)
	for _, s := range scalars {
		a, err := Param(s).Resolve()
		if err != nil {
			panic(err)
		}
		r.lanes[s] = r.take()
		VBROADCASTSS(a.Addr, r.lanes[s])
	}
	return r
}

// take returns a free vector register.
func (r *row) take() reg.VecPhysical {
	r.used++
	return r.v.regs[r.used-1]
}

// at is the present place of a pointer, i vectors on.
func (r *row) at(pointer string, i int) Mem {
	return Mem{Base: r.ptr[pointer], Disp: i * r.v.bytes}
}

// loop repeats body for unroll vectors at a time.
func (r *row) loop(unroll int, body func()) {
	Label(r.name + "_loop")
	body()
	r.advance(unroll)
	JNZ(LabelRef(r.name + "_loop"))
}

// advance moves the pointers along and sets the zero flag at the end.
func (r *row) advance(vectors int) {
	for _, p := range r.order {
		ADDQ(I32(int32(vectors*r.v.bytes)), r.ptr[p])
	}
	SUBQ(Imm(uint64(vectors*r.v.bytes/4)), r.n)
}

// end returns, with a vector's folded lanes if there is a result.
func end(v vector, result, spare reg.VecPhysical, op func(a, b, c Op)) {
	if result != nil {
		reduce(v, result, spare, op)
		Store(result.AsX(), ReturnIndex(0))
	}
	VZEROUPPER()
	RET()
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

func add(a, b, c Op) { VADDPS(a, b, c) }

func maxRow(name string, v vector) {
	r := newRow(name, "func(src *float32, n int64) float32", "returns the greatest of n floats.",
		v, []string{"src"}, nil)
	most := r.take()
	VMOVUPS(r.at("src", 0), most)
	r.loop(1, func() { VMAXPS(r.at("src", 0), most, most) })
	end(v, most, r.take(), func(a, b, c Op) { VMAXPS(a, b, c) })
}

// dot has two sums, which hide the latency.
func dot(name string, v vector) {
	r := newRow(name, "func(x, y *float32, n int64) float32",
		"returns the inner product of n floats.", v, []string{"x", "y"}, nil)
	sums := []reg.VecPhysical{r.take(), r.take()}
	x := []reg.VecPhysical{r.take(), r.take()}
	zero(v, sums[0])
	zero(v, sums[1])
	accumulate := func(i int) {
		VMOVUPS(r.at("x", i), x[i])
		VFMADD231PS(r.at("y", i), x[i], sums[i])
	}
	TESTQ(I32(int32(v.bytes/4)), r.n)
	JZ(LabelRef(name + "_pairs"))
	accumulate(0) // an odd vector
	r.advance(1)
	JZ(LabelRef(name + "_sum"))
	Label(name + "_pairs")
	r.loop(2, func() {
		accumulate(0)
		accumulate(1)
	})
	Label(name + "_sum")
	VADDPS(sums[1], sums[0], sums[0])
	end(v, sums[0], sums[1], add)
}

// expand turns brain floats into floats by a shift.
func expand(name string, v vector) {
	r := newRow(name, "func(dst *float32, src *uint16, n int64)",
		"writes n brain floats as floats.", v, []string{"dst"}, nil)
	src, x := reg.RSI, r.take()
	Load(Param("src"), src)
	r.loop(1, func() {
		VPMOVZXWD(Mem{Base: src}, x)
		VPSLLD(Imm(16), x, x)
		VMOVUPS(x, r.at("dst", 0))
		ADDQ(Imm(uint64(v.bytes/2)), src)
	})
	end(v, nil, nil, nil)
}

func dot3(name string, v vector) {
	r := newRow(name, "func(x, y, z *float32, n int64) float32", "returns Σ x·y·z.",
		v, []string{"x", "y", "z"}, nil)
	sum, x := r.take(), r.take()
	zero(v, sum)
	r.loop(1, func() {
		VMOVUPS(r.at("x", 0), x)
		VMULPS(r.at("y", 0), x, x)
		VFMADD231PS(r.at("z", 0), x, sum)
	})
	end(v, sum, x, add)
}

func axpy(name string, v vector) {
	r := newRow(name, "func(y, x *float32, n int64, a float32)", "computes y += a·x.",
		v, []string{"y", "x"}, []string{"a"})
	y := r.take()
	r.loop(1, func() {
		VMOVUPS(r.at("y", 0), y)
		VFMADD231PS(r.at("x", 0), r.lanes["a"], y)
		VMOVUPS(y, r.at("y", 0))
	})
	end(v, nil, nil, nil)
}

func scale(name string, v vector) {
	r := newRow(name, "func(x *float32, n int64, a float32)", "computes x *= a.",
		v, []string{"x"}, []string{"a"})
	x := r.take()
	r.loop(1, func() {
		VMULPS(r.at("x", 0), r.lanes["a"], x)
		VMOVUPS(x, r.at("x", 0))
	})
	end(v, nil, nil, nil)
}

func multiply(name string, v vector) {
	r := newRow(name, "func(dst, x, y *float32, n int64, a float32)", "computes dst = a·x·y.",
		v, []string{"dst", "x", "y"}, []string{"a"})
	x := r.take()
	r.loop(1, func() {
		VMULPS(r.at("x", 0), r.lanes["a"], x)
		VMULPS(r.at("y", 0), x, x)
		VMOVUPS(x, r.at("dst", 0))
	})
	end(v, nil, nil, nil)
}

func multiplyAdd(name string, v vector) {
	r := newRow(name, "func(dst, x, y *float32, n int64, a float32)", "computes dst += a·x·y.",
		v, []string{"dst", "x", "y"}, []string{"a"})
	x, sum := r.take(), r.take()
	r.loop(1, func() {
		VMULPS(r.at("x", 0), r.lanes["a"], x)
		VMOVUPS(r.at("dst", 0), sum)
		VFMADD231PS(r.at("y", 0), x, sum)
		VMOVUPS(sum, r.at("dst", 0))
	})
	end(v, nil, nil, nil)
}

func gate(name string, v vector) {
	r := newRow(name, "func(dst, p, x *float32, n int64, scale, shift float32)",
		"computes dst = p·(x·scale - shift).", v, []string{"dst", "p", "x"},
		[]string{"scale", "shift"})
	x := r.take()
	r.loop(1, func() {
		VMOVUPS(r.at("x", 0), x)
		VFMSUB213PS(r.lanes["shift"], r.lanes["scale"], x)
		VMULPS(r.at("p", 0), x, x)
		VMOVUPS(x, r.at("dst", 0))
	})
	end(v, nil, nil, nil)
}

// normGrad goes through a row of RMSNorm's gradient once.
func normGrad(name string, v vector) {
	r := newRow(name, "func(dx, dw, dy, x, w *float32, n int64, rstd, along float32)",
		"computes dx += rstd·dy·w - along·x and dw += rstd·dy·x.", v,
		[]string{"dx", "dw", "dy", "x", "w"}, []string{"rstd", "along"})
	dy, x, sum, dw := r.take(), r.take(), r.take(), r.take()
	r.loop(1, func() {
		VMULPS(r.at("dy", 0), r.lanes["rstd"], dy)
		VMOVUPS(r.at("x", 0), x)
		VMOVUPS(r.at("dx", 0), sum)
		VFMADD231PS(r.at("w", 0), dy, sum)
		VFNMADD231PS(r.lanes["along"], x, sum)
		VMOVUPS(r.at("dw", 0), dw)
		VFMADD231PS(x, dy, dw)
		VMOVUPS(sum, r.at("dx", 0))
		VMOVUPS(dw, r.at("dw", 0))
	})
	end(v, nil, nil, nil)
}

// rotate takes any n in AVX-512, else whole vectors. What is left of a head after whole vectors is
// read by narrower ones, since a wide one would wait for what has just been written to the other
// half.
func rotate(name string, v vector) {
	TEXT(name, NOSPLIT,
		"func(x, c, s *float32, heads, stride, half, n int64, sign float32)")
	Pragma("noescape")
	Doc(name+" turns n of half pairs (x, x+half) of each head by the angles of cosines c and sines",
		"sign·s.")
	r := rotator{low: reg.RAX, high: reg.R12, cos: reg.R11, sin: reg.RSI, at: reg.RBX}
	head, heads, stride, half, n, left := reg.RDI, reg.RCX, reg.R8, reg.R9, reg.R10, reg.RDX
	Load(Param("x"), head)
	Load(Param("c"), r.cos)
	Load(Param("s"), r.sin)
	Load(Param("heads"), heads)
	Load(Param("stride"), stride)
	Load(Param("half"), half)
	Load(Param("n"), n)
	SHLQ(Imm(2), stride)
	broadcastParam("sign", v.regs[0])
	if v.bytes == 64 {
		MOVQ(n, left)
		ANDQ(Imm(7), left)
		MOVQ(I32(-1), r.at)
		BZHIQ(left, r.at, r.at)
		KMOVW(r.at.As32(), reg.K1)
	}
	Label(name + "_head")
	MOVQ(head, r.low)
	LEAQ(Mem{Base: head, Index: half, Scale: 4}, r.high)
	XORQ(r.at, r.at)
	MOVQ(n, left)
	step := func(lanes int, label string) {
		ADDQ(Imm(uint64(lanes)), r.at)
		SUBQ(Imm(uint64(lanes)), left)
		CMPQ(left, Imm(uint64(lanes)))
		JGE(LabelRef(label))
	}
	if v.bytes == 64 {
		CMPQ(left, Imm(16))
		JLT(LabelRef(name + "_half"))
		Label(name + "_loop")
		r.turn(zmm, false)
		step(16, name+"_loop")
		Label(name + "_half")
		CMPQ(left, Imm(8))
		JLT(LabelRef(name + "_tail"))
	}
	Label(name + "_loop8")
	r.turn(ymm, false)
	step(8, name+"_loop8")
	if v.bytes == 64 {
		Label(name + "_tail")
		TESTQ(left, left)
		JZ(LabelRef(name + "_next"))
		r.turn(ymm, true)
		Label(name + "_next")
	}
	ADDQ(stride, head)
	DECQ(heads)
	JNZ(LabelRef(name + "_head"))
	VZEROUPPER()
	RET()
}

// rotator has the places of a vector of pairs: at floats behind each pointer.
type rotator struct{ low, high, cos, sin, at reg.GPPhysical }

// turn turns a vector of pairs, or those of mask K1.
func (r rotator) turn(v vector, mask bool) {
	at := func(base reg.GPPhysical) Mem { return Mem{Base: base, Index: r.at, Scale: 4} }
	sign, a, b, s, t, c := v.regs[0], v.regs[1], v.regs[2], v.regs[3], v.regs[4], v.regs[5]
	read, write := func(m Mem, to reg.VecPhysical) { VMOVUPS(m, to) },
		func(from reg.VecPhysical, m Mem) { VMOVUPS(from, m) }
	if mask {
		read = func(m Mem, to reg.VecPhysical) { VMOVUPS_Z(m, reg.K1, to) }
		write = func(from reg.VecPhysical, m Mem) { VMOVUPS(from, reg.K1, m) }
	}
	read(at(r.low), a)
	read(at(r.high), b)
	read(at(r.cos), c)
	read(at(r.sin), s)
	VMULPS(s, sign, s)
	VMULPS(b, s, t)
	VMULPS(a, s, s)
	VFMADD231PS(c, b, s)
	VMULPS(c, a, a)
	VSUBPS(t, a, a)
	write(a, at(r.low))
	write(s, at(r.high))
}

// adam's factors: the gradient's scale, beta1, 1-beta1, beta2, 1-beta2, rate, root, eps, decay.
func adam(name string, v vector) {
	r := newRow(name, "func(p, grad, m, v *float32, n int64, factors *float32)",
		"updates p, m and v by the gradient.", v, []string{"p", "grad", "m", "v"}, nil)
	base := reg.RAX
	Load(Param("factors"), base)
	f := make([]reg.VecPhysical, 9)
	for i := range f {
		f[i] = r.take()
		VBROADCASTSS(Mem{Base: base, Disp: 4 * i}, f[i])
	}
	g, m, w, t := r.take(), r.take(), r.take(), r.take()
	r.loop(1, func() {
		VMULPS(r.at("grad", 0), f[0], g)
		VMULPS(r.at("m", 0), f[1], m)
		VFMADD231PS(f[2], g, m)
		VMOVUPS(m, r.at("m", 0))
		VMULPS(r.at("v", 0), f[3], w)
		VMULPS(g, f[4], t)
		VFMADD231PS(t, g, w)
		VMOVUPS(w, r.at("v", 0))
		VSQRTPS(w, w)
		VFMADD213PS(f[7], f[6], w)
		VMULPS(m, f[5], m)
		VDIVPS(w, m, m)
		VMOVUPS(r.at("p", 0), t)
		VFMADD231PS(t, f[8], m)
		VSUBPS(m, t, t)
		VMOVUPS(t, r.at("p", 0))
	})
	end(v, nil, nil, nil)
}

// roundBrain adds half a unit less one, and one more if the last bit that stays is set, then cuts.
// Where that would carry NaN into something else it stays as it is but quiet.
func roundBrain(name string, v vector) {
	r := newRow(name, "func(dst, src *float32, n int64)",
		"computes dst = src rounded to brain floats.", v, []string{"dst", "src"}, nil)
	half, cut, x, t, nan := r.take(), r.take(), r.take(), r.take(), r.take()
	one, quiet := r.take(), r.take()
	for _, c := range []struct {
		to   reg.VecPhysical
		bits uint32
	}{{half, 0x7fff}, {cut, 0xffff0000}, {one, 1}, {quiet, 0x400000}} {
		MOVL(U32(c.bits), reg.EAX)
		VMOVD(reg.EAX, c.to.AsX())
		VPBROADCASTD(c.to.AsX(), c.to)
	}
	r.loop(1, func() {
		VMOVUPS(r.at("src", 0), x)
		VPSRLD(Imm(16), x, t)
		and(v, one, t, t)
		VPADDD(half, t, t)
		VPADDD(x, t, t)
		if v.bytes == 64 {
			VCMPPS(Imm(3), x, x, reg.K1) // unordered
			VPORD(quiet, x, reg.K1, t)
		} else {
			VCMPPS(Imm(3), x, x, nan)
			VPOR(quiet, x, x)
			VBLENDVPS(nan, x, t, t)
		}
		and(v, cut, t, t)
		VMOVUPS(t, r.at("dst", 0))
	})
	end(v, nil, nil, nil)
}

func and(v vector, a, b, to reg.VecPhysical) {
	if v.bytes == 64 {
		VPANDD(a, b, to)
	} else {
		VPAND(a, b, to)
	}
}

func shrink(name string) {
	r := newRow(name, "func(dst *uint16, src *float32, n int64)",
		"computes dst = src rounded to brain floats.", zmm, []string{"src"}, nil)
	dst := reg.RSI
	Load(Param("dst"), dst)
	x := r.take()
	low := r.take()
	r.loop(2, func() {
		VMOVUPS(r.at("src", 0), low)
		VMOVUPS(r.at("src", 1), x)
		shrinkPair(low, x, low)
		VMOVDQU32(low, Mem{Base: dst})
		ADDQ(Imm(64), dst)
	})
	end(zmm, nil, nil, nil)
}
