// Package gemm multiplies float32 matrices: packed, blocked and threaded over the tiles of a SIMD
// tier.
//
// An element of C is one chain of fused multiply-adds along k in blocks of blockK, whatever the
// shape of C, its place in it, the tile that computes it, or the number of threads: row i of a
// product has the same bits whether it is computed alone or among a million others.
package gemm
