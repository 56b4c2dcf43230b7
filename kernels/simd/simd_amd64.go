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
		o.asm = assembly{expSumAVX512, maxAVX512, dotAVX512, dot3AVX512, axpyAVX512, scaleAVX512,
			multiplyAVX512, multiplyAddAVX512, gateAVX512, rotateAVX512, rotateAVX2, swigluAVX512,
			swigluGradAVX512, adamAVX512, roundBrainAVX512}
	case AVX2:
		o.width = 8
		o.asm = assembly{expSumAVX2, maxAVX2, dotAVX2, dot3AVX2, axpyAVX2, scaleAVX2, multiplyAVX2,
			multiplyAddAVX2, gateAVX2, rotateAVX2, nil, swigluAVX2, swigluGradAVX2,
			adamAVX2, roundBrainAVX2}
	}
}
