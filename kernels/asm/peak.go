package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peakLoops write loops of nothing but multiply-adds in registers: the most that a core can do.
// Twenty-four sums in AVX-512 and twelve in AVX2 are more than latency times throughput anywhere.
func peakLoops() {
	peakLoop("fmaAVX512", zmm, 24, func(x, y, sum reg.VecPhysical) { VFMADD231PS(x, y, sum) })
	peakLoop("fmaAVX2", ymm, 12, func(x, y, sum reg.VecPhysical) { VFMADD231PS(x, y, sum) })
	peakLoop("dotAVX512", zmm, 24, func(x, y, sum reg.VecPhysical) { dotPairs(sum, y, x) })
}

func peakLoop(name string, v vector, sums int, step func(x, y, sum reg.VecPhysical)) {
	TEXT(name, NOSPLIT, "func(n int64)")
	Pragma("noescape")
	Doc(name + " does n rounds of as many vector operations as it has sums.")
	Load(Param("n"), reg.RCX)
	for _, r := range v.regs[:sums+2] {
		zero(v, r)
	}
	Label(name + "_loop")
	for _, r := range v.regs[:sums] {
		step(v.regs[sums], v.regs[sums+1], r)
	}
	DECQ(reg.RCX)
	JNZ(LabelRef(name + "_loop"))
	VZEROUPPER()
	RET()
}
