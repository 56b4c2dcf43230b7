// Package nf4 holds frozen weights in four bits and a little: NormalFloat codes with doubly quantised
// scales (Dettmers et al. 2023, arXiv 2305.14314, section 3).
//
// A matrix is cut, in row-major order, into blocks of 64 elements. With a the greatest magnitude of a
// block, an element w is the code whose value in Table is nearest to w/a. The a's are quantised again:
// their mean m is taken off, and in blocks of 256, with b the greatest magnitude of one, a-m is the
// 8-bit code whose value in Scales is nearest to (a-m)/b. So
//
//	w ≈ Table[code] · (Scales[scale] · b + m)
//
// What bitsandbytes does, to the bit where it is not said otherwise: w is multiplied by 1/a in float32 and
// compared with the middles between codes, the lower one of a tie; m is its mean up to rounding. Of
// weights whose scales it did not quantise again a is kept as it is.
//
// Two codes are a byte, the first in its upper half; bytes lie in the words of I32 tensors in order. Table
// is the paper's appendix E; Scales is the dynamic tree data type of arXiv 2110.02861, section 1.3, as
// bitsandbytes builds it.
package nf4
