// Gather and scatter of rows (doc.go). The scatter goes through the rows that share an id in their
// order, a block for each different id: nothing is added by two threads.
#include "../cuda/source/vocabulary.cuh"

template <class Y, class T>
DEVICE void gather(Y *y, const T *table, const int *ids, i64 width, i64 y_stride, i64 t_stride) {
  i64 row = blockIdx.x;
  const T *from = table + ids[row] * t_stride;
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float v[8];
    get(v, from + i, width - i);
    put_all(y + row * y_stride + i, v, width - i);
  }
}

// scatter adds the rows order[start[b]], ..., order[start[b+1]-1] of dy to row id[b] of the table,
// in this order, for each b below n.
template <class T, class Y>
DEVICE void scatter(T *table, const Y *dy, const int *id, const int *start, const int *order, i64 n,
                    i64 width, i64 t_stride, i64 y_stride) {
  if (blockIdx.x >= n) return;
  T *to = table + id[blockIdx.x] * t_stride;
  int from = start[blockIdx.x], end = start[blockIdx.x + 1];
  for (i64 i = (i64)threadIdx.x * 8; i < width; i += 256 * 8) {
    float sum[8];
    get(sum, to + i, width - i);
    for (int at = from; at < end; at++) {
      float v[8];
      get(v, dy + order[at] * y_stride + i, width - i);
      UNROLL for (int e = 0; e < 8; e++) sum[e] += v[e];
    }
    put_all(to + i, sum, width - i);
  }
}

#define KERNELS(A, T, a, t)                                                                        \
  KERNEL(256, embedding_##a##_##t, A *y, const T *table, const int *ids, i64 width, i64 ys,        \
         i64 ts) {                                                                                 \
    gather(y, table, ids, width, ys, ts);                                                          \
  }                                                                                                \
  KERNEL(256, embedding_grad_##t##_##a, T *table, const A *dy, const int *id, const int *start,    \
         const int *order, i64 n, i64 width, i64 ts, i64 ys) {                                     \
    scatter(table, dy, id, start, order, n, width, ts, ys);                                        \
  }
KERNELS(float, float, f32, f32)
KERNELS(bf16, float, bf16, f32)
KERNELS(float, bf16, f32, bf16)
KERNELS(bf16, bf16, bf16, bf16)
