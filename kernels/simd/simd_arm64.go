package simd

// Tiers returns the tiers that this machine supports, the fastest one last: every arm64 has NEON.
func Tiers() []Tier { return []Tier{Portable, NEON} }

func (o *Ops) assemble() {
	if o.tier != NEON {
		return
	}
	o.width = 4
	o.asm = assembly{expSum: expSumNEON, max: maxNEON, dot: dotNEON, dot3: dot3NEON,
		axpy: axpyNEON, scale: scaleNEON, multiply: multiplyNEON, multiplyAdd: multiplyAddNEON,
		gate: gateNEON, rotate: rotateNEON,
		swiglu: swigluNEON, swigluGrad: swigluGradNEON, adam: adamNEON}
}
