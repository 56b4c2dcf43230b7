package main

// neonThinRows is the height of thin's tile; its width is eight columns.
const neonThinRows = 8

// The instructions of thin: transpositions of pairs, and products with one element.
var (
	trn1  = vector3{"TRN1.4S", 0x4e802800}
	trn2  = vector3{"TRN2.4S", 0x4e806800}
	trn1d = vector3{"TRN1.2D", 0x4ec02800}
	trn2d = vector3{"TRN2.2D", 0x4ec06800}
	shll  = vector3{"SHLL $16,", 0x2e613800}
	// fmlaOf is d += n·m[i], with i in fmlaElement.
	fmlaOf = vector3{"FMLA by element", 0x4f801000}
)

// fmlaElement writes d += n·m[i].
func (s *source) fmlaElement(d, n, m, i int) {
	o := fmlaOf
	o.word |= uint32(i&1<<21 | i>>1<<11)
	s.op(o, d, n, m)
}

// thin writes C[rows, 8] (+)= A·Bᵀ as the functions of that name of amd64: row r of A by pointer
// R1+r, rows of B into V0 to V7, which then are its columns.
func (s *source) thin() {
	const name = "neonThin"
	s.function(name, "(blocks int64, a *float32, rowStride int64, b *byte, ldb, half, ahead, "+
		"left int64, rest *float32, c *float32, ldc, accumulate, rows int64)",
		"computes C[rows, 8] = A·Bᵀ, or adds it to C: 4·blocks elements of rows of B ldb bytes\n"+
			"// apart, then left ones of rest.", 104)
	for i, p := range []struct {
		name string
		reg  int
	}{{"blocks", 0}, {"a", 1}, {"rowStride", 9}, {"b", 10}, {"ldb", 11}, {"half", 12}, {"ahead", 13},
		{"left", 14}, {"rest", 15}, {"c", 16}, {"ldc", 17}, {"accumulate", 20}, {"rows", 21}} {
		s.line("MOVD %s+%d(FP), R%d", p.name, 8*i, p.reg)
	}
	s.line("ADD R10, R13, R13")
	s.line("LSL $2, R9, R9")
	s.line("LSL $2, R17, R17")
	for r := 1; r < neonThinRows; r++ {
		s.line("ADD R9, R%d, R%d", r, r+1)
	}
	sum := func(r, j int) int { return 16 + 2*r + j }
	for v := 16; v < 32; v++ {
		s.zero(v)
	}
	s.line("CBZ R0, %s_rest", name)
	s.label(name + "_loop")
	s.line("MOVD R10, R22")
	s.line("PRFM (R13), PLDL2KEEP")
	s.line("CBZ R12, %s_floats", name)
	for r := range 8 {
		s.line("FMOVD (R22), F%d", r)
		s.op2(shll, r, r)
		s.line("ADD R11, R22, R22")
	}
	s.line("ADD $8, R10, R10")
	s.line("ADD $64, R13, R13")
	s.line("B %s_read", name)
	s.label(name + "_floats")
	s.line("PRFM 64(R13), PLDL2KEEP")
	for r := range 8 {
		s.line("VLD1 (R22), [V%d.S4]", r)
		s.line("ADD R11, R22, R22")
	}
	s.line("ADD $16, R10, R10")
	s.line("ADD $128, R13, R13")
	s.label(name + "_read")
	for i := 0; i < 8; i += 4 {
		s.op(trn1, 8, i, i+1)
		s.op(trn2, 9, i, i+1)
		s.op(trn1, 10, i+2, i+3)
		s.op(trn2, 11, i+2, i+3)
		s.op(trn1d, i, 8, 10)
		s.op(trn1d, i+1, 9, 11)
		s.op(trn2d, i+2, 8, 10)
		s.op(trn2d, i+3, 9, 11)
	}
	s.eachRow(neonThinRows, name+"_next", func(r int) {
		x := 8 + r%8
		s.line("VLD1.P 16(R%d), [V%d.S4]", 1+r, x)
		for i := range 4 {
			s.fmlaElement(sum(r, 0), i, x, i)
			s.fmlaElement(sum(r, 1), 4+i, x, i)
		}
	})
	s.label(name + "_next")
	s.line("SUBS $1, R0, R0")
	s.line("BNE %s_loop", name)
	s.label(name + "_rest")
	s.line("CBZ R14, %s_store", name)
	s.label(name + "_one")
	s.line("VLD1.P 32(R15), [V0.S4, V1.S4]")
	s.eachRow(neonThinRows, name+"_done", func(r int) {
		x := 2 + r%6
		s.line("VLD1R.P 4(R%d), [V%d.S4]", 1+r, x)
		s.op(fmla, sum(r, 0), 0, x)
		s.op(fmla, sum(r, 1), 1, x)
	})
	s.label(name + "_done")
	s.line("SUBS $1, R14, R14")
	s.line("BNE %s_one", name)
	s.label(name + "_store")
	s.store(name, 2, neonThinRows, sum)
}
