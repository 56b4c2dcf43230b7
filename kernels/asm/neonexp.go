package main

import "math"

// neonConstant is the register of one of expConstants: V18 to V29. V30 is the exponent's bias.
func neonConstant(i int) int { return 18 + i }

func (s *source) neonConstants() {
	for i, c := range expConstants {
		s.line("MOVW $0x%08x, R9", math.Float32bits(c))
		s.line("VDUP R9, V%d.S4", neonConstant(i))
	}
	s.line("MOVW $127, R9")
	s.line("VDUP R9, V30.S4")
}

// exp computes exp(V0), of what it clamps to [least, most], and returns its register. V0 to V3 are
// lost. See lanes.exp.
func (s *source) exp() int {
	s.op(fmax, 0, 0, neonConstant(least))
	s.op(fmin, 0, 0, neonConstant(most))
	s.op(fmul, 1, 0, neonConstant(log2e))
	s.op2(frintn, 1, 1)
	s.op(fmla, 0, 1, neonConstant(ln2High))
	s.op(fmla, 0, 1, neonConstant(ln2Low))
	p, q := 2, 3
	s.op(orr, p, neonConstant(poly), neonConstant(poly))
	for _, c := range []int{poly + 1, poly + 2, poly + 3, poly + 4, poly + 5, one, one} {
		s.op(orr, q, neonConstant(c), neonConstant(c))
		s.op(fmla, q, p, 0)
		p, q = q, p
	}
	s.op2(fcvtns, 1, 1)
	s.op(addv, 1, 1, 30)
	s.op2(shl23, 1, 1)
	s.op(fmul, p, p, 1)
	return p
}

// neonExpSum is exponential.sum: see expConstants.
func (s *source) neonExpSum() {
	const name = "expSumNEON"
	pointers, scalars := []string{"dst", "src"}, []string{"scale", "shift"}
	s.function(name, "(dst, src *float32, n int64, scale, shift float32) float32",
		"computes dst = exp(src·scale - shift) and returns its sum.", size(pointers, scalars)+4)
	result := s.begin(pointers, scalars)
	s.neonConstants()
	s.zero(31)
	s.zero(7)
	s.op(fsub, 17, 7, 17) // -shift
	s.label(name + "_loop")
	s.line("VLD1.P 16(R1), [V1.S4]")
	s.op(orr, 0, 17, 17)
	s.op(fmla, 0, 1, 16)
	s.op(fcmgt, 6, neonConstant(least), 0) // false for NaN
	p := s.exp()
	s.op(bic, p, p, 6)
	s.op(fadd, 31, 31, p)
	s.line("VST1.P [V%d.S4], 16(R0)", p)
	s.line("SUBS $4, R8, R8")
	s.line("BNE %s_loop", name)
	s.op(faddp, 31, 31, 31)
	s.op(faddp, 31, 31, 31)
	s.line("FMOVS F31, ret+%d(FP)", result)
	s.line("RET")
}

// sigmoid computes 1/(1+exp(-V4)) to V1.
func (s *source) sigmoid() {
	s.op2(fneg, 0, 4)
	p := s.exp()
	s.op(fadd, 1, neonConstant(one), p)
	s.op(fdiv, 1, neonConstant(one), 1)
}

// neonSwiGLU is exponential.swiglu.
func (s *source) neonSwiGLU() {
	const name = "swigluNEON"
	pointers := []string{"dst", "gate", "up"}
	s.function(name, "(dst, gate, up *float32, n int64)", "computes dst = silu(gate)·up.",
		size(pointers, nil))
	s.begin(pointers, nil)
	s.neonConstants()
	s.label(name + "_loop")
	s.line("VLD1.P 16(R1), [V4.S4]")
	s.line("VLD1.P 16(R2), [V5.S4]")
	s.sigmoid()
	s.op(fmul, 4, 4, 1)
	s.op(fmul, 4, 4, 5)
	s.line("VST1.P [V4.S4], 16(R0)")
	s.line("SUBS $4, R8, R8")
	s.line("BNE %s_loop", name)
	s.line("RET")
}

// neonSwiGLUGrad is exponential.swigluGrad.
func (s *source) neonSwiGLUGrad() {
	const name = "swigluGradNEON"
	pointers := []string{"dgate", "dup", "dy", "gate", "up"}
	s.function(name, "(dgate, dup, dy, gate, up *float32, n int64)",
		"computes the gradients of swiglu. dgate may be gate, dup may be up.", size(pointers, nil))
	s.begin(pointers, nil)
	s.neonConstants()
	s.label(name + "_loop")
	s.line("VLD1.P 16(R2), [V5.S4]")
	s.line("VLD1.P 16(R3), [V4.S4]")
	s.line("VLD1.P 16(R4), [V6.S4]")
	s.sigmoid()
	s.op(fmul, 4, 4, 1)                 // gate·s
	s.op(fsub, 7, neonConstant(one), 1) // 1-s
	s.op(fmla, 1, 4, 7)
	s.op(fmul, 6, 6, 5) // up·dy
	s.op(fmul, 6, 6, 1)
	s.op(fmul, 4, 4, 5)
	s.line("VST1.P [V6.S4], 16(R0)")
	s.line("VST1.P [V4.S4], 16(R1)")
	s.line("SUBS $4, R8, R8")
	s.line("BNE %s_loop", name)
	s.line("RET")
}

// neonAdam is adam: its factors are V16 to V24.
func (s *source) neonAdam() {
	const name = "adamNEON"
	pointers := []string{"p", "grad", "m", "v"}
	s.function(name, "(p, grad, m, v *float32, n int64, factors *float32)",
		"updates p, m and v by the gradient.", size(pointers, nil)+8)
	at := s.begin(pointers, nil)
	s.line("MOVD factors+%d(FP), R9", at)
	for i := range 9 {
		s.line("VLD1R.P 4(R9), [V%d.S4]", 16+i)
	}
	s.label(name + "_loop")
	s.line("VLD1 (R0), [V0.S4]")
	s.line("VLD1.P 16(R1), [V1.S4]")
	s.line("VLD1 (R2), [V2.S4]")
	s.line("VLD1 (R3), [V3.S4]")
	s.op(fmul, 1, 1, 16)
	s.op(fmul, 2, 2, 17)
	s.op(fmla, 2, 1, 18)
	s.line("VST1.P [V2.S4], 16(R2)")
	s.op(fmul, 3, 3, 19)
	s.op(fmul, 4, 1, 20)
	s.op(fmla, 3, 4, 1)
	s.line("VST1.P [V3.S4], 16(R3)")
	s.op2(fsqrt, 3, 3)
	s.op(orr, 5, 23, 23)
	s.op(fmla, 5, 3, 22)
	s.op(fmul, 2, 2, 21)
	s.op(fdiv, 2, 2, 5)
	s.op(fmla, 2, 0, 24)
	s.op(fsub, 0, 0, 2)
	s.line("VST1.P [V0.S4], 16(R0)")
	s.line("SUBS $4, R8, R8")
	s.line("BNE %s_loop", name)
	s.line("RET")
}
