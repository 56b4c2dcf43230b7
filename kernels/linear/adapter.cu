// The thin products of LoRA adapters (doc.go): their rank is far below the size of a tile, so that
// reading the wide operand once is what they cost. Ranks are done eight at a time. Adapters and
// inner activations are float32. A matrix of the adapter, [rank, width] or its transpose, comes
// with both strides.
#include "../cuda/source/vocabulary.cuh"

#define RANKS 8
#define ROWS 8

// Drop is dropout's mask: that of linear.Keep.
struct Drop {
  u64 seed;
  float probability, factor; // factor: 1/(1-probability)

  DEVICE_METHOD float operator()(float x, u64 index) const {
    if (probability == 0) return x;
    u64 z = (seed ^ index * 0xd1342543de82ef95ull) + 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return (float)(z >> 40) * 5.9604644775390625e-8f >= probability ? x * factor : 0;
  }
};

// down computes u [rows, rank] = s·x' mᵀ: a block for eight rows and eight ranks. behind, if it is not
// null, receives u too, rounded, zeros up to a multiple of eight ranks: it lies behind the rows of x, so
// that the large product goes on over it.
template <class A>
DEVICE void down(float *u, const A *x, const float *m, i64 rows, i64 width, i64 rank, i64 x_stride,
                 i64 m_rank, i64 m_column, float s, Drop drop, A *behind) {
  float *scratch = (float *)shared_memory();
  i64 row = (i64)blockIdx.x * ROWS, first = (i64)blockIdx.y * RANKS;
  float sum[ROWS][RANKS] = {};
  for (i64 i = threadIdx.x; i < width; i += 256) {
    float w[RANKS];
    UNROLL for (int r = 0; r < RANKS; r++) {
      w[r] = first + r < rank ? m[(first + r) * m_rank + i * m_column] : 0;
    }
    UNROLL for (int k = 0; k < ROWS; k++) {
      if (row + k >= rows) break;
      float v = drop(value(x[(row + k) * x_stride + i]), (row + k) * width + i);
      UNROLL for (int r = 0; r < RANKS; r++) sum[k][r] += v * w[r];
    }
  }
  // Each warp's sums, then a thread for each.
  UNROLL for (int k = 0; k < ROWS; k++) {
    UNROLL for (int r = 0; r < RANKS; r++) {
      float v = sum[k][r];
      UNROLL for (int mask = 16; mask > 0; mask /= 2) v += shuffle_xor(v, mask);
      if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32 * ROWS * RANKS + k * RANKS + r] = v;
    }
  }
  barrier();
  i64 k = threadIdx.x / RANKS, r = first + threadIdx.x % RANKS;
  if (k >= ROWS || row + k >= rows) return;
  float total = 0;
  for (int warp = 0; warp < 8; warp++) total += scratch[warp * ROWS * RANKS + threadIdx.x];
  if (behind) put(behind + (row + k) * x_stride + r, s * total); // 0 for ranks that there are not
  if (r < rank) u[(row + k) * rank + r] = s * total;
}

// place writes s times an adapter's matrix, rounded, beside or below the weights that the large product
// reads, with zeros for ranks [rank, pad).
KERNEL(256, adapter_place, bf16 *to, const float *m, i64 width, i64 rank, i64 pad, i64 m_rank,
       i64 m_column, i64 to_rank, i64 to_column, float s) {
  i64 at = (i64)blockIdx.x * 256 + threadIdx.x, r = at / width, i = at % width;
  if (r >= pad) return;
  put(to + r * to_rank + i * to_column, r < rank ? s * m[r * m_rank + i * m_column] : 0);
}

// up computes y += mask of (s·u m), or y += s·u m without dropout: a thread for a column of eight
// rows. The first row of y is row before of what the mask is made for.
template <class A>
DEVICE void up(A *y, const float *u, const float *m, i64 rows, i64 width, i64 rank, i64 y_stride,
               i64 m_rank, i64 m_column, float s, Drop drop, i64 before) {
  i64 column = (i64)blockIdx.x * 256 + threadIdx.x, row = (i64)blockIdx.y * ROWS;
  if (column >= width) return;
  float sum[ROWS] = {};
  for (i64 r = 0; r < rank; r++) {
    float w = m[r * m_rank + column * m_column];
    UNROLL for (int k = 0; k < ROWS; k++) {
      if (row + k < rows) sum[k] += u[(row + k) * rank + r] * w;
    }
  }
  UNROLL for (int k = 0; k < ROWS; k++) {
    if (row + k >= rows) return;
    A *at = y + (row + k) * y_stride + column;
    put(at, value(*at) + drop(s * sum[k], (before + row + k) * width + column));
  }
}

// outer sums uᵀ x' over the rows of a chunk: partial [chunks, rank, width]. A thread has a column
// and eight ranks.
template <class A>
DEVICE void outer(float *partial, const float *u, const A *x, i64 rows, i64 width, i64 rank,
                  i64 chunk, i64 x_stride, Drop drop) {
  i64 column = (i64)blockIdx.x * 256 + threadIdx.x, first = (i64)blockIdx.z * RANKS;
  i64 from = blockIdx.y * chunk, end = least(from + chunk, rows);
  if (column >= width) return;
  float sum[RANKS] = {};
  for (i64 row = from; row < end; row++) {
    float v = drop(value(x[row * x_stride + column]), row * width + column);
    UNROLL for (int r = 0; r < RANKS; r++) {
      if (first + r < rank) sum[r] += u[row * rank + first + r] * v;
    }
  }
  UNROLL for (int r = 0; r < RANKS; r++) {
    if (first + r < rank) partial[(blockIdx.y * rank + first + r) * width + column] = sum[r];
  }
}

// adapter_reduce adds s times the sum over the chunks to d [rank, width], in the order of chunks.
KERNEL(256, adapter_reduce, float *d, const float *partial, i64 chunks, i64 width, i64 rank,
       i64 d_rank, i64 d_column, float s) {
  i64 at = (i64)blockIdx.x * 256 + threadIdx.x;
  if (at >= rank * width) return;
  float sum = 0;
  for (i64 i = 0; i < chunks; i++) sum += partial[i * rank * width + at];
  d[at / width * d_rank + at % width * d_column] += s * sum;
}

#define KERNELS(A, a)                                                                              \
  KERNEL(256, adapter_down_##a, float *u, const A *x, const float *m, i64 rows, i64 width,         \
         i64 rank, i64 xs, i64 mr, i64 mc, float s, u64 seed, float probability, float factor,     \
         A *behind) {                                                                              \
    down(u, x, m, rows, width, rank, xs, mr, mc, s, Drop{seed, probability, factor}, behind);      \
  }                                                                                                \
  KERNEL(256, adapter_up_##a, A *y, const float *u, const float *m, i64 rows, i64 width, i64 rank, \
         i64 ys, i64 mr, i64 mc, float s, u64 seed, float probability, float factor, i64 before) { \
    up(y, u, m, rows, width, rank, ys, mr, mc, s, Drop{seed, probability, factor}, before);        \
  }                                                                                                \
  KERNEL(256, adapter_outer_##a, float *partial, const float *u, const A *x, i64 rows, i64 width,  \
         i64 rank, i64 chunk, i64 xs, u64 seed, float probability, float factor) {                 \
    outer(partial, u, x, rows, width, rank, chunk, xs, Drop{seed, probability, factor});           \
  }
KERNELS(bf16, bf16)
KERNELS(float, f32)
