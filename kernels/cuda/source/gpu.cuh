// The vocabulary for the GPU: clang's NVPTX backend, without NVIDIA's headers. Instructions are
// those of the PTX ISA 8.0 that sm_80 has.
#pragma once
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#include <__clang_cuda_builtin_vars.h>

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;

#define DEVICE __device__ inline __attribute__((always_inline))
#define KERNEL(threads, name, ...)                                                                 \
  extern "C" __global__ __attribute__((launch_bounds(threads))) void name(__VA_ARGS__)
#define DEVICE_METHOD __device__ inline __attribute__((always_inline))
#define UNROLL _Pragma("unroll")

DEVICE void barrier() { __syncthreads(); }

DEVICE float shuffle_xor(float v, int mask) {
  return __nvvm_shfl_sync_bfly_f32(0xffffffffu, v, mask, 0x1f);
}
DEVICE int shuffle_xor(int v, int mask) {
  return __nvvm_shfl_sync_bfly_i32(0xffffffffu, v, mask, 0x1f);
}
DEVICE double shuffle_xor(double v, int mask) {
  union { double d; int half[2]; } x;
  x.d = v;
  x.half[0] = shuffle_xor(x.half[0], mask);
  x.half[1] = shuffle_xor(x.half[1], mask);
  return x.d;
}

DEVICE float from_bits(uint32_t x) { return __builtin_bit_cast(float, x); }
DEVICE uint16_t round_bf16(float x) {
  uint16_t r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(x));
  return r;
}
DEVICE float power2(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
DEVICE float logarithm2(float x) {
  float r;
  asm("lg2.approx.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
DEVICE float square_root(float x) { return __nvvm_sqrt_rn_f(x); }
DEVICE double square_root(double x) { return __nvvm_sqrt_rn_d(x); }
DEVICE float larger(float a, float b) { return __nvvm_fmax_f(a, b); }
DEVICE bool finite(float x) {
  return (__builtin_bit_cast(uint32_t, x) & 0x7f800000u) != 0x7f800000u;
}

DEVICE void mma(float *c, const uint32_t *a, uint32_t b0, uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

DEVICE uint32_t shared_address(const void *p) {
  return (uint32_t)(unsigned long long)(const __attribute__((address_space(3))) void *)p;
}
DEVICE void load_matrices(uint32_t *r, const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)) : "memory");
}
DEVICE void load_matrices_turned(uint32_t *r, const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)) : "memory");
}
DEVICE void copy16(void *to, const void *from, bool valid) {
  int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
DEVICE void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int n> DEVICE void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

DEVICE char *shared_memory() {
  extern __shared__ __attribute__((aligned(128))) char memory[];
  return memory;
}
