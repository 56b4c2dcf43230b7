// RMSNorm (doc.go has the formulas): a block for each row. The weight's gradient is summed over
// chunks of rows first, then over the chunks, always in the same order.
#include "../cuda/source/vocabulary.cuh"

template <class A, class W>
DEVICE void normalise(A *y, float *rstd, const A *x, const W *w, i64 width, i64 y_stride,
                      i64 x_stride, float eps) {
  float *scratch = (float *)shared_memory();
  i64 row = blockIdx.x;
  const A *from = x + row * x_stride;
  float sum = 0;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8];
    get(v, from + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) sum += v[e] * v[e];
  }
  float r = 1 / square_root(block_sum(sum, scratch) / width + eps);
  if (threadIdx.x == 0) rstd[row] = r;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8], g[8];
    get(v, from + i, width - i);
    get(g, w + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) v[e] *= r * g[e];
    put_all(y + row * y_stride + i, v, width - i);
  }
}

template <class A, class W>
DEVICE void derive(A *dx, const A *dy, const A *x, const W *w, const float *rstd, i64 width,
                   i64 dx_stride, i64 dy_stride, i64 x_stride) {
  float *scratch = (float *)shared_memory();
  i64 row = blockIdx.x;
  x += row * x_stride, dy += row * dy_stride, dx += row * dx_stride;
  float dot = 0, r = rstd[row];
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8], g[8], d[8];
    get(v, x + i, width - i);
    get(g, w + i, width - i);
    get(d, dy + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) dot += d[e] * g[e] * v[e];
  }
  float share = block_sum(dot, scratch) * r * r * r / width;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8], g[8], d[8], sum[8];
    get(v, x + i, width - i);
    get(g, w + i, width - i);
    get(d, dy + i, width - i);
    get(sum, dx + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) sum[e] += r * d[e] * g[e] - v[e] * share;
    put_all(dx + i, sum, width - i);
  }
}

// weigh sums dy·x·rstd over the rows of a chunk: partial [chunks, width].
template <class A>
DEVICE void weigh(float *partial, const A *dy, const A *x, const float *rstd, i64 rows, i64 width,
                  i64 chunk, i64 dy_stride, i64 x_stride) {
  i64 column = (i64)blockIdx.x * 256 + threadIdx.x, from = blockIdx.y * chunk;
  if (column >= width) return;
  float sum = 0;
  for (i64 row = from; row < least(from + chunk, rows); row++) {
    sum += value(dy[row * dy_stride + column]) * value(x[row * x_stride + column]) * rstd[row];
  }
  partial[blockIdx.y * width + column] = sum;
}

KERNEL(256, rmsnorm_reduce, float *dw, const float *partial, i64 chunks, i64 width) {
  i64 column = (i64)blockIdx.x * 256 + threadIdx.x;
  if (column >= width) return;
  float sum = 0;
  for (i64 i = 0; i < chunks; i++) sum += partial[i * width + column];
  dw[column] += sum;
}

#define WEIGHED(A, W, a, w)                                                                        \
  KERNEL(256, rmsnorm_##a##_##w, A *y, float *rstd, const A *x, const W *weight, i64 width,        \
         i64 ys, i64 xs, float eps) {                                                              \
    normalise(y, rstd, x, weight, width, ys, xs, eps);                                             \
  }                                                                                                \
  KERNEL(256, rmsnorm_grad_##a##_##w, A *dx, const A *dy, const A *x, const W *weight,             \
         const float *rstd, i64 width, i64 dxs, i64 dys, i64 xs) {                                 \
    derive(dx, dy, x, weight, rstd, width, dxs, dys, xs);                                          \
  }
WEIGHED(bf16, float, bf16, f32)
WEIGHED(bf16, bf16, bf16, bf16)
WEIGHED(float, float, f32, f32)
WEIGHED(float, bf16, f32, bf16)

#define WEIGHT(A, a)                                                                               \
  KERNEL(256, rmsnorm_weight_##a, float *partial, const A *dy, const A *x, const float *rstd,      \
         i64 rows, i64 width, i64 chunk, i64 dys, i64 xs) {                                        \
    weigh(partial, dy, x, rstd, rows, width, chunk, dys, xs);                                      \
  }
WEIGHT(bf16, bf16)
WEIGHT(float, f32)
