// GELU (doc.go), alone or as a gate: a thread for eight columns of a row. The gradients may overwrite x
// and up.
#include "../cuda/source/vocabulary.cuh"

// Slope is a value with its derivative.
struct Slope {
  float y, slope;
};

// curve computes gelu(x) and its derivative. The normal distribution is Abramowitz and Stegun's 7.1.26,
// off by 1.5e-7 at most.
DEVICE Slope curve(float x, bool tanh) {
  if (tanh) {
    const float c = 0.044715f, k = 0.7978845608028654f;
    float h = k * (x + c * x * x * x), t = 1 - 2 / (1 + exponential(2 * h));
    return {x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) / 2 * k * (1 + 3 * c * x * x)};
  }
  float z = (x < 0 ? -x : x) * 0.7071067811865476f, t = 1 / (1 + 0.3275911f * z);
  float bell = exponential(-x * x / 2);
  float tail = t * (0.254829592f +
                    t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f)))) *
               bell / 2;
  float p = x < 0 ? tail : 1 - tail;
  return {x * p, p + x * bell * 0.3989422804014327f};
}

template <class A>
DEVICE void forward(A *y, const A *x, const A *up, i64 rows, i64 width, i64 ys, i64 xs, i64 us,
                    i64 tanh) {
  i64 parts = (width + 7) / 8, at = (i64)blockIdx.x * 256 + threadIdx.x;
  i64 row = at / parts, i = at % parts * 8;
  if (row >= rows) return;
  float v[8], u[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  get(v, x + row * xs + i, width - i);
  if (up) get(u, up + row * us + i, width - i);
  UNROLL for (int e = 0; e < 8; e++) v[e] = curve(v[e], tanh != 0).y * u[e];
  put_all(y + row * ys + i, v, width - i);
}

template <class A>
DEVICE void derive(A *dx, A *dup, const A *dy, const A *x, const A *up, i64 rows, i64 width, i64 dxs,
                   i64 dus, i64 dys, i64 xs, i64 us, i64 tanh) {
  i64 parts = (width + 7) / 8, at = (i64)blockIdx.x * 256 + threadIdx.x;
  i64 row = at / parts, i = at % parts * 8;
  if (row >= rows) return;
  float v[8], u[8] = {1, 1, 1, 1, 1, 1, 1, 1}, d[8];
  get(v, x + row * xs + i, width - i);
  get(d, dy + row * dys + i, width - i);
  if (up) get(u, up + row * us + i, width - i);
  UNROLL for (int e = 0; e < 8; e++) {
    Slope s = curve(v[e], tanh != 0);
    v[e] = d[e] * u[e] * s.slope;
    u[e] = d[e] * s.y;
  }
  put_all(dx + row * dxs + i, v, width - i);
  if (up) put_all(dup + row * dus + i, u, width - i);
}

#define KERNELS(A, a)                                                                              \
  KERNEL(256, gelu_##a, A *y, const A *x, const A *up, i64 rows, i64 width, i64 ys, i64 xs,        \
         i64 us, i64 tanh) {                                                                       \
    forward(y, x, up, rows, width, ys, xs, us, tanh);                                              \
  }                                                                                                \
  KERNEL(256, gelu_grad_##a, A *dx, A *dup, const A *dy, const A *x, const A *up, i64 rows,        \
         i64 width, i64 dxs, i64 dus, i64 dys, i64 xs, i64 us, i64 tanh) {                         \
    derive(dx, dup, dy, x, up, rows, width, dxs, dus, dys, xs, us, tanh);                          \
  }
KERNELS(bf16, bf16)
KERNELS(float, f32)
