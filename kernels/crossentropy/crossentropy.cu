// The softmax of a chunk of rows, whose logits a matrix product has left as float32 (doc.go): a
// block for each row. The gradient has the type of the activations, so that the next products take
// it.
#include "../cuda/source/vocabulary.cuh"

template <class A>
DEVICE void lose(float *losses, A *gradient, const float *logits, const int *targets,
                 const float *weights, i64 vocabulary, i64 logits_stride, i64 gradient_stride,
                 float scale) {
  float *scratch = (float *)shared_memory();
  i64 row = blockIdx.x;
  const float *z = logits + row * logits_stride;
  int target = targets[row];
  float top = from_bits(0xff800000u);
  for (i64 i = threadIdx.x; i < vocabulary; i += 256) top = larger(top, z[i]);
  top = block_max(top, scratch);
  float sum = 0;
  for (i64 i = threadIdx.x; i < vocabulary; i += 256) sum += exponential(z[i] - top);
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) {
    losses[row] = target < 0 ? 0 : (top - z[target]) + logarithm2(sum) * LN2;
  }
  if (gradient == nullptr) return;
  gradient += row * gradient_stride;
  float g = target < 0 ? 0 : scale * weights[row], share = 1 / sum;
  for (i64 i = threadIdx.x; i < vocabulary; i += 256) {
    float p = exponential(z[i] - top) * share;
    put(gradient + i, target < 0 ? 0 : g * (i == target ? p - 1 : p));
  }
}

#define KERNELS(A, a)                                                                              \
  KERNEL(256, crossentropy_##a, float *losses, A *gradient, const float *logits,                   \
         const int *targets, const float *weights, i64 vocabulary, i64 ls, i64 gs, float scale) {  \
    lose(losses, gradient, logits, targets, weights, vocabulary, ls, gs, scale);                   \
  }
KERNELS(bf16, bf16)
KERNELS(float, f32)
