package main

import "math"

// neonRowFunctions writes the row functions. All take n elements, a positive multiple of four.
func neonRowFunctions() *source {
	s := neonPackage("simd")
	s.neonFold("max", "(src *float32, n int64) float32", "returns the greatest of n floats.",
		[]string{"src"}, fmax, func() { s.op(fmax, 31, 31, 0) })
	s.neonFold("dot", "(x, y *float32, n int64) float32", "returns the inner product of n floats.",
		[]string{"x", "y"}, fadd, func() { s.op(fmla, 31, 0, 1) })
	s.neonFold("dot3", "(x, y, z *float32, n int64) float32", "returns Σ x·y·z.",
		[]string{"x", "y", "z"}, fadd, func() {
			s.op(fmul, 0, 0, 1)
			s.op(fmla, 31, 0, 2)
		})
	s.neonMap("axpy", "(y, x *float32, n int64, a float32)", "computes y += a·x.",
		[]string{"y", "x"}, []string{"a"}, 0, true, func() { s.op(fmla, 0, 1, 16) })
	s.neonMap("scale", "(x *float32, n int64, a float32)", "computes x *= a.",
		[]string{"x"}, []string{"a"}, 0, true, func() { s.op(fmul, 0, 0, 16) })
	s.neonMap("multiply", "(dst, x, y *float32, n int64, a float32)", "computes dst = a·x·y.",
		[]string{"dst", "x", "y"}, []string{"a"}, 0, false, func() {
			s.op(fmul, 0, 1, 16)
			s.op(fmul, 0, 0, 2)
		})
	s.neonMap("multiplyAdd", "(dst, x, y *float32, n int64, a float32)", "computes dst += a·x·y.",
		[]string{"dst", "x", "y"}, []string{"a"}, 0, true, func() {
			s.op(fmul, 1, 1, 16)
			s.op(fmla, 0, 1, 2)
		})
	s.neonMap("gate", "(dst, p, x *float32, n int64, scale, shift float32)",
		"computes dst = p·(x·scale - shift).", []string{"dst", "p", "x"},
		[]string{"scale", "shift"}, 0, false, func() {
			s.op(fmul, 2, 2, 16)
			s.op(fsub, 2, 2, 17)
			s.op(fmul, 0, 1, 2)
		})
	s.neonRotate()
	s.neonExpSum()
	return s
}

// begin loads pointers to R0 and up, n to R8 and scalars to V16 and up, and returns the offset after
// the arguments.
func (s *source) begin(pointers, scalars []string) int {
	at := 0
	for i, p := range pointers {
		s.line("MOVD %s+%d(FP), R%d", p, at, i)
		at += 8
	}
	s.line("MOVD n+%d(FP), R8", at)
	at += 8
	for i, p := range scalars {
		s.line("FMOVS %s+%d(FP), F%d", p, at, 16+i)
		s.op2(dup, 16+i, 16+i)
		at += 4
	}
	return (at + 7) / 8 * 8
}

// size returns the bytes of arguments.
func size(pointers, scalars []string) int { return 8*len(pointers) + 8 + 4*len(scalars) }

// neonFold writes a function that folds rows, vectors of which are V0 and up, into V31.
func (s *source) neonFold(name, signature, doc string, pointers []string, fold vector3,
	body func()) {
	name += "NEON"
	s.function(name, signature, doc, size(pointers, nil)+4)
	result := s.begin(pointers, nil)
	if fold == fmax {
		s.line("VLD1 (R0), [V31.S4]")
	} else {
		s.zero(31)
	}
	s.label(name + "_loop")
	for i := range pointers {
		s.line("VLD1.P 16(R%d), [V%d.S4]", i, i)
	}
	body()
	s.line("SUBS $4, R8, R8")
	s.line("BNE %s_loop", name)
	if fold == fmax {
		s.op2(fmaxv, 31, 31)
	} else {
		s.op(faddp, 31, 31, 31)
		s.op(faddp, 31, 31, 31)
	}
	s.line("FMOVS F31, ret+%d(FP)", result)
	s.line("RET")
}

// neonMap writes a function that computes a row out of rows, V0 from V0 (if it is read) and up.
func (s *source) neonMap(name, signature, doc string, pointers, scalars []string, out int,
	read bool, body func()) {
	name += "NEON"
	s.function(name, signature, doc, size(pointers, scalars))
	s.begin(pointers, scalars)
	s.label(name + "_loop")
	for i := range pointers {
		switch {
		case i == out && read:
			s.line("VLD1 (R%d), [V%d.S4]", i, i)
		case i != out:
			s.line("VLD1.P 16(R%d), [V%d.S4]", i, i)
		}
	}
	body()
	s.line("VST1.P [V%d.S4], 16(R%d)", out, out)
	s.line("SUBS $4, R8, R8")
	s.line("BNE %s_loop", name)
	s.line("RET")
}

func (s *source) neonRotate() {
	pointers, scalars := []string{"x", "y", "c", "s"}, []string{"sign"}
	s.function("rotateNEON", "(x, y, c, s *float32, n int64, sign float32)",
		"turns the pairs (x, y) by the angles of cosines c and sines sign·s.",
		size(pointers, scalars))
	s.begin(pointers, scalars)
	s.label("rotateNEON_loop")
	s.line("VLD1 (R0), [V0.S4]")
	s.line("VLD1 (R1), [V1.S4]")
	s.line("VLD1.P 16(R2), [V2.S4]")
	s.line("VLD1.P 16(R3), [V3.S4]")
	s.op(fmul, 3, 3, 16)
	s.op(fmul, 4, 0, 2)
	s.op(fmls, 4, 1, 3)
	s.op(fmul, 5, 1, 2)
	s.op(fmla, 5, 0, 3)
	s.line("VST1.P [V4.S4], 16(R0)")
	s.line("VST1.P [V5.S4], 16(R1)")
	s.line("SUBS $4, R8, R8")
	s.line("BNE rotateNEON_loop")
	s.line("RET")
}

// neonExpSum is exponential.sum: see expConstants.
func (s *source) neonExpSum() {
	const name = "expSumNEON"
	pointers, scalars := []string{"dst", "src"}, []string{"scale", "shift"}
	s.function(name, "(dst, src *float32, n int64, scale, shift float32) float32",
		"computes dst = exp(src·scale - shift) and returns its sum.", size(pointers, scalars)+4)
	result := s.begin(pointers, scalars)
	constant := func(i int) int { return 18 + i } // V18 to V29
	for i, c := range expConstants {
		s.line("MOVW $0x%08x, R9", math.Float32bits(c))
		s.line("VDUP R9, V%d.S4", constant(i))
	}
	s.line("MOVW $127, R9")
	s.line("VDUP R9, V30.S4")
	s.zero(31)
	s.zero(7)
	s.op(fsub, 17, 7, 17) // -shift
	s.label(name + "_loop")
	s.line("VLD1.P 16(R1), [V1.S4]")
	s.op(orr, 0, 17, 17)
	s.op(fmla, 0, 1, 16)
	s.op(fcmgt, 6, constant(least), 0) // false for NaN
	s.op(fmax, 0, 0, constant(least))
	s.op(fmin, 0, 0, constant(most))
	s.op(fmul, 1, 0, constant(log2e))
	s.op2(frintn, 1, 1)
	s.op(fmla, 0, 1, constant(ln2High))
	s.op(fmla, 0, 1, constant(ln2Low))
	p, q := 2, 3
	s.op(orr, p, constant(poly), constant(poly))
	for _, c := range []int{poly + 1, poly + 2, poly + 3, poly + 4, poly + 5, one, one} {
		s.op(orr, q, constant(c), constant(c))
		s.op(fmla, q, p, 0)
		p, q = q, p
	}
	s.op2(fcvtns, 1, 1)
	s.op(addv, 1, 1, 30)
	s.op2(shl23, 1, 1)
	s.op(fmul, p, p, 1)
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
