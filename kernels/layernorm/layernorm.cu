// LayerNorm (doc.go has the formulas): a block for each row. The mean is taken first, then the variance
// about it. The gradient of w is summed over chunks of rows first, then over the chunks (rmsnorm.cu's
// reduce), always in the same order; that of b is bias.cu's.
#include "../cuda/source/vocabulary.cuh"

template <class A>
DEVICE void normalise(A *y, float *mean, float *rstd, const A *x, const float *w, const float *b,
                      i64 width, i64 y_stride, i64 x_stride, float eps) {
  float *scratch = (float *)shared_memory();
  i64 row = blockIdx.x;
  const A *from = x + row * x_stride;
  float sum = 0;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8];
    get(v, from + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) sum += v[e];
  }
  float m = block_sum(sum, scratch) / width, squares = 0;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8];
    get(v, from + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) squares += i + e < width ? (v[e] - m) * (v[e] - m) : 0;
  }
  float r = 1 / square_root(block_sum(squares, scratch) / width + eps);
  if (threadIdx.x == 0) mean[row] = m, rstd[row] = r;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8], g[8], s[8];
    get(v, from + i, width - i);
    get(g, w + i, width - i);
    get(s, b + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) v[e] = (v[e] - m) * r * g[e] + s[e];
    put_all(y + row * y_stride + i, v, width - i);
  }
}

template <class A>
DEVICE void derive(A *dx, const A *dy, const A *x, const float *w, const float *mean,
                   const float *rstd, i64 width, i64 dx_stride, i64 dy_stride, i64 x_stride) {
  float *scratch = (float *)shared_memory();
  i64 row = blockIdx.x;
  x += row * x_stride, dy += row * dy_stride, dx += row * dx_stride;
  float m = mean[row], r = rstd[row], all = 0, dot = 0;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8], g[8], d[8];
    get(v, x + i, width - i);
    get(g, w + i, width - i);
    get(d, dy + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) {
      all += d[e] * g[e];
      dot += d[e] * g[e] * (v[e] - m);
    }
  }
  all = block_sum(all, scratch) / width;
  dot = block_sum(dot, scratch) / width * r * r * r;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8], g[8], d[8], sum[8];
    get(v, x + i, width - i);
    get(g, w + i, width - i);
    get(d, dy + i, width - i);
    get(sum, dx + i, width - i);
    UNROLL for (int e = 0; e < 8; e++) sum[e] += r * (d[e] * g[e] - all) - (v[e] - m) * dot;
    put_all(dx + i, sum, width - i);
  }
}

// weigh sums dy·(x-mean)·rstd over the rows of a chunk: partial [chunks, width].
template <class A>
DEVICE void weigh(float *partial, const A *dy, const A *x, const float *mean, const float *rstd,
                  i64 rows, i64 width, i64 chunk, i64 dy_stride, i64 x_stride) {
  i64 column = (i64)blockIdx.x * 256 + threadIdx.x, from = blockIdx.y * chunk;
  if (column >= width) return;
  float sum = 0;
  for (i64 row = from; row < least(from + chunk, rows); row++) {
    float c = value(x[row * x_stride + column]) - mean[row];
    sum += value(dy[row * dy_stride + column]) * c * rstd[row];
  }
  partial[blockIdx.y * width + column] = sum;
}

#define KERNELS(A, a)                                                                              \
  KERNEL(256, layernorm_##a, A *y, float *mean, float *rstd, const A *x, const float *w,           \
         const float *b, i64 width, i64 ys, i64 xs, float eps) {                                   \
    normalise(y, mean, rstd, x, w, b, width, ys, xs, eps);                                         \
  }                                                                                                \
  KERNEL(256, layernorm_grad_##a, A *dx, const A *dy, const A *x, const float *w,                  \
         const float *mean, const float *rstd, i64 width, i64 dxs, i64 dys, i64 xs) {              \
    derive(dx, dy, x, w, mean, rstd, width, dxs, dys, xs);                                         \
  }                                                                                                \
  KERNEL(256, layernorm_weight_##a, float *partial, const A *dy, const A *x, const float *mean,    \
         const float *rstd, i64 rows, i64 width, i64 chunk, i64 dys, i64 xs) {                     \
    weigh(partial, dy, x, mean, rstd, rows, width, chunk, dys, xs);                                \
  }
KERNELS(bf16, bf16)
KERNELS(float, f32)
