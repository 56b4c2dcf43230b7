// The words that the kernels are written in. A kernel is compiled twice: by clang for the GPU, and
// by g++ for the emulator, which runs it on the processor (../emulator). All that differs between
// the two lies behind these names.
//
//   KERNEL(threads, name, parameters...)   a kernel that is launched with so many threads a block
//   barrier()                              all threads of the block
//   shuffle_xor(v, mask)                   v of the lane whose number differs by mask
//   mma(c, a, b0, b1)                      c += a b of a warp: m16n8k16, bf16 in, float32 sums
//   load_matrices(r, row)                  four 8x8 matrices of bf16 from shared memory, one row of
//   load_matrices_turned(r, row)           16 bytes a lane; the latter transposes each
//   copy16(to, from, valid)               starts copying 16 bytes to shared memory or zeros
//   commit_copies(), await_copies<n>()     ends a batch of copies; waits for all but the last n
//   shared_memory()                        the block's shared memory, as large as the launch says
#pragma once
#ifdef EMULATOR
#include "../emulator/source/emulator.h"
#else
#include "gpu.cuh"
#endif

typedef long long i64;
typedef unsigned long long u64;

// bf16 is a brain float: the upper half of a float32.
struct bf16 {
  uint16_t bits;
};

DEVICE float value(bf16 x) { return from_bits((uint32_t)x.bits << 16); }
DEVICE float value(float x) { return x; }
DEVICE void put(bf16 *p, float x) { p->bits = round_bf16(x); }
DEVICE void put(float *p, float x) { *p = x; }

// pair packs two brain floats, the first in the lower half, as the fragments of mma want them.
DEVICE uint32_t pair(float low, float high) {
  return round_bf16(low) | (uint32_t)round_bf16(high) << 16;
}

// Eight elements of a row are read and written together, as one or two words of 16 bytes where they
// are aligned. n says how many there are, at most 8; what is missing reads as 0.
typedef uint32_t Word __attribute__((vector_size(16)));

DEVICE void get(float *v, const bf16 *p, i64 n) {
  if (n >= 8 && (u64)p % 16 == 0) {
    Word w = *(const Word *)p;
    UNROLL for (int i = 0; i < 8; i++) {
      v[i] = from_bits(i % 2 ? w[i / 2] & 0xffff0000u : w[i / 2] << 16);
    }
    return;
  }
  UNROLL for (int i = 0; i < 8; i++) v[i] = i < n ? value(p[i]) : 0;
}
DEVICE void get(float *v, const float *p, i64 n) {
  if (n >= 8 && (u64)p % 16 == 0) {
    Word low = *(const Word *)p, high = *(const Word *)(p + 4);
    UNROLL for (int i = 0; i < 8; i++) v[i] = from_bits(i < 4 ? low[i] : high[i - 4]);
    return;
  }
  UNROLL for (int i = 0; i < 8; i++) v[i] = i < n ? p[i] : 0;
}
DEVICE void put_all(bf16 *p, const float *v, i64 n) {
  if (n >= 8 && (u64)p % 16 == 0) {
    *(Word *)p = Word{pair(v[0], v[1]), pair(v[2], v[3]), pair(v[4], v[5]), pair(v[6], v[7])};
    return;
  }
  UNROLL for (int i = 0; i < 8; i++) {
    if (i < n) put(p + i, v[i]);
  }
}
DEVICE void put_all(float *p, const float *v, i64 n) {
  UNROLL for (int i = 0; i < 8; i++) {
    if (i < n) p[i] = v[i];
  }
}

DEVICE i64 least(i64 a, i64 b) { return a < b ? a : b; }
DEVICE i64 most(i64 a, i64 b) { return a > b ? a : b; }

// log2e and ln2 turn powers of two into exponentials, which the hardware does not have.
#define LOG2E 1.4426950408889634f
#define LN2 0.6931471805599453f
DEVICE float exponential(float x) { return power2(x * LOG2E); }

// block_sum adds v over the threads of a block, in an order that depends on their number alone, and
// returns the sum to each. scratch is shared memory for a number a warp. It begins with a
// barrier: scratch may be used again and again.
template <class T> DEVICE T block_sum(T v, T *scratch) {
  for (int mask = 16; mask > 0; mask /= 2) v += shuffle_xor(v, mask);
  barrier();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = v;
  barrier();
  T sum = 0;
  for (int warp = 0; warp < (int)blockDim.x / 32; warp++) sum += scratch[warp];
  return sum;
}

// block_max is the same for the greatest v, but scratch must not have been used before.
DEVICE float block_max(float v, float *scratch) {
  for (int mask = 16; mask > 0; mask /= 2) v = larger(v, shuffle_xor(v, mask));
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = v;
  barrier();
  float top = scratch[0];
  for (int warp = 1; warp < (int)blockDim.x / 32; warp++) top = larger(top, scratch[warp]);
  return top;
}
