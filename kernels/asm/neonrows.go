package main

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
	s.neonSwiGLU()
	s.neonSwiGLUGrad()
	s.neonAdam()
	return s
}

// begin loads pointers to R0 and up, n to R8 and scalars to V16 and up, and returns the offset
// after the arguments.
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
	const name = "rotateNEON"
	s.function(name, "(x, c, s *float32, heads, stride, half, n int64, sign float32)",
		"turns n of half pairs (x, x+half) of each head by the angles of cosines c and sines sign·s.", 60)
	for i, p := range []string{"x", "c", "s", "heads", "stride", "half", "n"} {
		s.line("MOVD %s+%d(FP), R%d", p, 8*i, i)
	}
	s.line("FMOVS sign+56(FP), F16")
	s.op2(dup, 16, 16)
	s.line("LSL $2, R4, R4")
	s.line("LSL $2, R5, R5")
	s.label(name + "_head")
	s.line("MOVD R0, R9")
	s.line("ADD R5, R0, R10")
	s.line("MOVD R1, R11")
	s.line("MOVD R2, R12")
	s.line("MOVD R6, R8")
	s.label(name + "_loop")
	s.line("VLD1 (R9), [V0.S4]")
	s.line("VLD1 (R10), [V1.S4]")
	s.line("VLD1.P 16(R11), [V2.S4]")
	s.line("VLD1.P 16(R12), [V3.S4]")
	s.op(fmul, 3, 3, 16)
	s.op(fmul, 4, 0, 2)
	s.op(fmls, 4, 1, 3)
	s.op(fmul, 5, 1, 2)
	s.op(fmla, 5, 0, 3)
	s.line("VST1.P [V4.S4], 16(R9)")
	s.line("VST1.P [V5.S4], 16(R10)")
	s.line("SUBS $4, R8, R8")
	s.line("BNE %s_loop", name)
	s.line("ADD R4, R0, R0")
	s.line("SUBS $1, R3, R3")
	s.line("BNE %s_head", name)
	s.line("RET")
}
