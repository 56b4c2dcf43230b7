// What gorgonia.org/cu lacks of the driver, and the products of cublasLt.
#ifndef LONGLORA_DRIVER_H
#define LONGLORA_DRIVER_H

#include <cuda.h>

// shim_reason returns why there is no driver, or "".
const char *shim_reason(void);

const char *driver_error(CUresult code);
CUresult driver_allow_shared(CUfunction f, int bytes);
// driver_launch takes the arguments' values one after another, and where each begins.
CUresult driver_launch(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads,
                       unsigned shared, CUstream stream, void *values, const unsigned *offsets,
                       int n);

// driver_captured is the node of the kernel that was launched last on a stream that captures.
CUresult driver_captured(CUstream stream, CUgraphNode *node);
// driver_set_arguments gives a node of a graph other arguments, as driver_launch takes them.
CUresult driver_set_arguments(CUgraphExec graph, CUgraphNode node, CUfunction f, unsigned x,
                              unsigned y, unsigned z, unsigned threads, unsigned shared,
                              void *values, const unsigned *offsets, int n);

// blas_open returns NULL, or why there is no cublasLt.
const char *blas_open(void **handle);
void blas_close(void *handle);

// blas_plan prepares C = alpha op(A) op(B) + beta C in column-major order, with types as cublasLt
// numbers them. It returns cublasLt's status; the plan is freed by blas_drop.
typedef struct {
  int turn_a, turn_b, type_ab, type_c;
  uint64_t m, n, k;
  int64_t a_stride, b_stride, c_stride;
  // The operands' addresses are multiples of these, in bytes.
  uint32_t a_align, b_align, c_align;
  size_t workspace;
} blas_shape;
int blas_plan(void *handle, const blas_shape *shape, void **plan);
int blas_run(void *handle, void *plan, float alpha, CUdeviceptr a, CUdeviceptr b, float beta,
             CUdeviceptr c, CUdeviceptr workspace, size_t size, CUstream stream);
void blas_drop(void *plan);

#endif
