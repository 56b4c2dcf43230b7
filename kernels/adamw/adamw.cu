// AdamW and sums of squares (doc.go). The sum is made in float64, by chunks first and then over the
// chunks, always in the same order.
#include "../cuda/source/vocabulary.cuh"

// Gate is what a step's decisions hang on, without anybody waiting for them: the gradient's norm, by
// what it is to be multiplied, and whether anything that is no finite number has been seen.
struct Gate {
  double norm;
  float factor;
  int closed;
};

// watch closes the gate if any of n elements is no finite number.
KERNEL(256, watch, Gate *gate, const float *x, i64 n) {
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < n; i += (i64)gridDim.x * 256) {
    if (!finite(x[i])) gate->closed = 1; // by any thread: all write the same
  }
}

// clip leaves the factor by which gradients of this sum of squares are clipped.
KERNEL(32, clip, Gate *gate, const double *squares, double most, float *norm) {
  if (threadIdx.x != 0) return;
  double n = square_root(*squares);
  gate->norm = n;
  *norm = (float)n;
  if (!finite(*norm)) gate->closed = 1;
  gate->factor = most > 0 && n > most ? (float)(most / n) : 1;
}

// rate is LR, correct1 and correct2 are 1/(1-Beta1^Step) and 1/(1-Beta2^Step).
KERNEL(256, adamw, float *p, const float *g, float *m, float *v, i64 n, float rate, float beta1,
       float beta2, float eps, float decay, float factor, float correct1, float correct2,
       const Gate *gate) {
  i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= n || (gate && gate->closed)) return;
  if (gate) factor *= gate->factor;
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
KERNEL(256, sum_partials, double *sum, const double *partial, i64 n) {
  double s = 0;
  for (i64 i = threadIdx.x; i < n; i += 256) s += partial[i];
  s = block_sum(s, (double *)shared_memory());
  if (threadIdx.x == 0) *sum = s;
}
