package simd

import "golang.org/x/sys/cpu"

// Best returns the fastest tier that this machine and its operating system support.
func Best() Tier {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL:
		return AVX512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return AVX2
	}
	return Portable
}

func (o *Ops) assemble() {
	switch o.tier {
	case AVX512:
		o.expSum, o.max, o.dot, o.axpy, o.width = expSumAVX512, maxAVX512, dotAVX512, axpyAVX512, 16
	case AVX2:
		o.expSum, o.max, o.dot, o.axpy, o.width = expSumAVX2, maxAVX2, dotAVX2, axpyAVX2, 8
	}
}
