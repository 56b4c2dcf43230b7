package simd

import "golang.org/x/sys/cpu"

// Tiers returns the tiers that this machine and its operating system support, the fastest one last.
func Tiers() []Tier {
	all := []Tier{Portable}
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return all
	}
	all = append(all, AVX2)
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL {
		all = append(all, AVX512)
		if cpu.X86.HasAVX512BF16 {
			all = append(all, AVX512BF16)
		}
	}
	return all
}

func (o *Ops) assemble() {
	switch o.tier.Floats() {
	case AVX512:
		o.width = 16
		o.asm = assembly{expSum: expSumAVX512, max: maxAVX512, dot: dotAVX512, dot3: dot3AVX512,
			axpy: axpyAVX512, scale: scaleAVX512, multiply: multiplyAVX512,
			multiplyAdd: multiplyAddAVX512, gate: gateAVX512, normGrad: normGradAVX512,
			rotate: rotateAVX512, masksRotate: true, swiglu: swigluAVX512,
			swigluGrad: swigluGradAVX512, adam: adamAVX512, roundBrain: roundBrainAVX512,
			expand: expandAVX512}
		if o.tier == AVX512BF16 {
			o.asm.shrink, o.asm.expSumBrain = shrinkAVX512, expSumBrainAVX512
		}
	case AVX2:
		o.width = 8
		o.asm = assembly{expSum: expSumAVX2, max: maxAVX2, dot: dotAVX2, dot3: dot3AVX2,
			axpy: axpyAVX2, scale: scaleAVX2, multiply: multiplyAVX2, multiplyAdd: multiplyAddAVX2,
			gate: gateAVX2, normGrad: normGradAVX2, rotate: rotateAVX2, swiglu: swigluAVX2,
			swigluGrad: swigluGradAVX2, adam: adamAVX2, roundBrain: roundBrainAVX2,
			expand: expandAVX2}
	}
}
