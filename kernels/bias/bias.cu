// Biases (doc.go): a thread for eight columns of a row. The gradient is summed over chunks of rows first,
// then over the chunks (rmsnorm.cu's reduce), always in the same order.
#include "../cuda/source/vocabulary.cuh"

template <class A>
DEVICE void shift(A *y, const float *b, i64 rows, i64 width, i64 stride) {
  i64 parts = (width + 7) / 8, at = (i64)blockIdx.x * 256 + threadIdx.x;
  i64 row = at / parts, i = at % parts * 8;
  if (row >= rows) return;
  float v[8], w[8];
  get(v, y + row * stride + i, width - i);
  get(w, b + i, width - i);
  UNROLL for (int e = 0; e < 8; e++) v[e] += w[e];
  put_all(y + row * stride + i, v, width - i);
}

// sum adds the rows of a chunk: partial [chunks, width].
template <class A>
DEVICE void sum(float *partial, const A *dy, i64 rows, i64 width, i64 chunk, i64 stride) {
  i64 column = (i64)blockIdx.x * 256 + threadIdx.x, from = blockIdx.y * chunk;
  if (column >= width) return;
  float s = 0;
  for (i64 row = from; row < least(from + chunk, rows); row++) s += value(dy[row * stride + column]);
  partial[blockIdx.y * width + column] = s;
}

#define KERNELS(A, a)                                                                              \
  KERNEL(256, bias_##a, A *y, const float *b, i64 rows, i64 width, i64 stride) {                   \
    shift(y, b, rows, width, stride);                                                              \
  }                                                                                                \
  KERNEL(256, bias_sum_##a, float *partial, const A *dy, i64 rows, i64 width, i64 chunk,           \
         i64 stride) {                                                                             \
    sum(partial, dy, rows, width, chunk, stride);                                                  \
  }
KERNELS(bf16, bf16)
KERNELS(float, f32)
