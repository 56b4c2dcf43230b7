// Rotary positions in place (doc.go): a thread for each pair.
#include "../cuda/source/vocabulary.cuh"

template <class A>
DEVICE void rotate(A *x, const float *cos, const float *sin, const int *pos, i64 tokens, i64 heads,
                   i64 half, i64 token_stride, i64 head_stride, float sign) {
  i64 at = (i64)blockIdx.x * 256 + threadIdx.x;
  i64 j = at % half, head = at / half % heads, token = at / half / heads;
  if (token >= tokens) return;
  A *low = x + token * token_stride + head * head_stride + j, *high = low + half;
  float c = cos[pos[token] * half + j], s = sign * sin[pos[token] * half + j];
  float a = value(*low), b = value(*high);
  put(low, a * c - b * s);
  put(high, b * c + a * s);
}

#define KERNELS(A, a)                                                                              \
  KERNEL(256, rope_##a, A *x, const float *cos, const float *sin, const int *pos, i64 tokens,      \
         i64 heads, i64 half, i64 ts, i64 hs, float sign) {                                        \
    rotate(x, cos, sin, pos, tokens, heads, half, ts, hs, sign);                                   \
  }
KERNELS(bf16, bf16)
KERNELS(float, f32)
