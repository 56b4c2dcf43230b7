// SwiGLU (doc.go): a thread for eight columns of a row. The gradients may overwrite gate and up.
#include "../cuda/source/vocabulary.cuh"

DEVICE float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

template <class A>
DEVICE void gate_up(A *y, const A *gate, const A *up, i64 rows, i64 width, i64 ys, i64 gs, i64 us) {
  i64 parts = (width + 7) / 8, at = (i64)blockIdx.x * 256 + threadIdx.x;
  i64 row = at / parts, i = at % parts * 8;
  if (row >= rows) return;
  float g[8], u[8];
  get(g, gate + row * gs + i, width - i);
  get(u, up + row * us + i, width - i);
  UNROLL for (int e = 0; e < 8; e++) g[e] *= sigmoid(g[e]) * u[e];
  put_all(y + row * ys + i, g, width - i);
}

template <class A>
DEVICE void derive(A *dgate, A *dup, const A *dy, const A *gate, const A *up, i64 rows, i64 width,
                   i64 dgs, i64 dus, i64 dys, i64 gs, i64 us) {
  i64 parts = (width + 7) / 8, at = (i64)blockIdx.x * 256 + threadIdx.x;
  i64 row = at / parts, i = at % parts * 8;
  if (row >= rows) return;
  float g[8], u[8], d[8];
  get(g, gate + row * gs + i, width - i);
  get(u, up + row * us + i, width - i);
  get(d, dy + row * dys + i, width - i);
  UNROLL for (int e = 0; e < 8; e++) {
    float s = sigmoid(g[e]), z = g[e];
    g[e] = d[e] * u[e] * s * (1 + z * (1 - s));
    u[e] = d[e] * z * s;
  }
  put_all(dgate + row * dgs + i, g, width - i);
  put_all(dup + row * dus + i, u, width - i);
}

#define KERNELS(A, a)                                                                              \
  KERNEL(256, swiglu_##a, A *y, const A *gate, const A *up, i64 rows, i64 width, i64 ys, i64 gs,   \
         i64 us) {                                                                                 \
    gate_up(y, gate, up, rows, width, ys, gs, us);                                                 \
  }                                                                                                \
  KERNEL(256, swiglu_grad_##a, A *dgate, A *dup, const A *dy, const A *gate, const A *up,          \
         i64 rows, i64 width, i64 dgs, i64 dus, i64 dys, i64 gs, i64 us) {                         \
    derive(dgate, dup, dy, gate, up, rows, width, dgs, dus, dys, gs, us);                          \
  }
KERNELS(bf16, bf16)
KERNELS(float, f32)
