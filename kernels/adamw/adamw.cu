// AdamW and sums of squares (doc.go). The sum is made in float64, by chunks first and then over the
// chunks, always in the same order.
#include "../cuda/source/vocabulary.cuh"

// rate is LR, correct1 and correct2 are 1/(1-Beta1^Step) and 1/(1-Beta2^Step).
KERNEL(256, adamw, float *p, const float *g, float *m, float *v, i64 n, float rate, float beta1,
       float beta2, float eps, float decay, float factor, float correct1, float correct2) {
  i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= n) return;
  float x = g[i] * factor;
  float first = beta1 * m[i] + (1 - beta1) * x, second = beta2 * v[i] + (1 - beta2) * x * x;
  m[i] = first;
  v[i] = second;
  p[i] -= rate * (first * correct1 / (square_root(second * correct2) + eps) + decay * p[i]);
}

// sum_squares leaves the sum over a chunk of elements in partial[block].
KERNEL(256, sum_squares, double *partial, const float *x, i64 rows, i64 columns, i64 stride,
       i64 chunk) {
  double sum = 0;
  i64 from = blockIdx.x * chunk;
  for (i64 i = from + threadIdx.x; i < least(from + chunk, rows * columns); i += 256) {
    double v = x[i / columns * stride + i % columns];
    sum += v * v;
  }
  sum = block_sum(sum, (double *)shared_memory());
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}
KERNEL(32, sum_partials, double *sum, const double *partial, i64 n) {
  if (threadIdx.x != 0) return;
  double s = 0;
  for (i64 i = 0; i < n; i++) s += partial[i];
  *sum = s;
}
