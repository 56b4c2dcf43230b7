// Copies, conversions and sums of rows that may have gaps between them. A thread does eight
// columns.
#include "vocabulary.cuh"

// Part is the eight columns of a thread.
struct Part {
  i64 row, column, n;
  DEVICE_METHOD Part(i64 columns) {
    i64 parts = (columns + 7) / 8, at = (i64)blockIdx.x * 256 + threadIdx.x;
    row = at / parts;
    column = at % parts * 8;
    n = least(8, columns - column);
  }
};

template <class D, class S>
DEVICE void copy(D *to, const S *from, i64 rows, i64 columns, i64 to_stride, i64 from_stride) {
  Part p(columns);
  if (p.row >= rows) return;
  float v[8];
  get(v, from + p.row * from_stride + p.column, p.n);
  put_all(to + p.row * to_stride + p.column, v, p.n);
}

template <class D, class S>
DEVICE void add(D *to, const S *from, i64 rows, i64 columns, i64 to_stride, i64 from_stride) {
  Part p(columns);
  if (p.row >= rows) return;
  float v[8], w[8];
  get(v, from + p.row * from_stride + p.column, p.n);
  get(w, to + p.row * to_stride + p.column, p.n);
  UNROLL for (int i = 0; i < 8; i++) w[i] += v[i];
  put_all(to + p.row * to_stride + p.column, w, p.n);
}

template <class T> DEVICE void scale(T *x, i64 rows, i64 columns, i64 stride, float factor) {
  Part p(columns);
  if (p.row >= rows) return;
  float v[8];
  get(v, x + p.row * stride + p.column, p.n);
  UNROLL for (int i = 0; i < 8; i++) v[i] *= factor;
  put_all(x + p.row * stride + p.column, v, p.n);
}

#define PAIR(D, S, d, s)                                                                           \
  KERNEL(256, copy_##d##_##s, D *to, const S *from, i64 rows, i64 columns, i64 ts, i64 fs) {       \
    copy(to, from, rows, columns, ts, fs);                                                         \
  }                                                                                                \
  KERNEL(256, add_##d##_##s, D *to, const S *from, i64 rows, i64 columns, i64 ts, i64 fs) {        \
    add(to, from, rows, columns, ts, fs);                                                          \
  }
PAIR(float, float, f32, f32)
PAIR(float, bf16, f32, bf16)
PAIR(bf16, float, bf16, f32)
PAIR(bf16, bf16, bf16, bf16)

#define ONE(T, t)                                                                                  \
  KERNEL(256, scale_##t, T *x, i64 rows, i64 columns, i64 stride, float factor) {                  \
    scale(x, rows, columns, stride, factor);                                                       \
  }                                                                                                \
  KERNEL(256, zero_##t, T *x, i64 rows, i64 columns, i64 stride) {                                 \
    Part p(columns);                                                                               \
    if (p.row >= rows) return;                                                                     \
    float v[8] = {};                                                                               \
    put_all(x + p.row * stride + p.column, v, p.n);                                                \
  }
ONE(float, f32)
ONE(bf16, bf16)

// copy_words copies between memory of the device and what passes through it on the way from the host
// or to it.
KERNEL(256, copy_words, uint32_t *to, const uint32_t *from, i64 n) {
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < n; i += (i64)gridDim.x * 256) to[i] = from[i];
}
