// Frozen weights of four bits become brain floats or floats (doc.go): a thread for eight elements, which
// lie in one block.
#include "../cuda/source/vocabulary.cuh"

template <class A>
DEVICE void expand(A *to, const uint32_t *codes, const uint8_t *scales, const float *second,
                   const float *values, i64 n, i64 blocks) {
  i64 at = ((i64)blockIdx.x * 256 + threadIdx.x) * 8;
  if (at >= n) return;
  i64 block = at / 64;
  float mean = second[(blocks + 255) / 256];
  float scale = values[16 + scales[block]] * second[block / 256] + mean;
  uint32_t word = codes[at / 8]; // bytes in order, the first element in a byte's upper half
  float v[8];
  UNROLL for (int i = 0; i < 8; i++) v[i] = values[word >> (4 * (i ^ 1)) & 15] * scale;
  put_all(to + at, v, n - at);
}

KERNEL(256, nf4_bf16, bf16 *to, const uint32_t *codes, const uint8_t *scales, const float *second,
       const float *values, i64 n, i64 blocks) {
  expand(to, codes, scales, second, values, n, blocks);
}
KERNEL(256, nf4_f32, float *to, const uint32_t *codes, const uint8_t *scales, const float *second,
       const float *values, i64 n, i64 blocks) {
  expand(to, codes, scales, second, values, n, blocks);
}
