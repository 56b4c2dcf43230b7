//go:build gpu

#include "driver.h"

const char *driver_error(CUresult code) {
  const char *text = NULL;
  if (cuGetErrorString(code, &text) != CUDA_SUCCESS || text == NULL) return "unknown error";
  return text;
}

CUresult driver_allow_shared(CUfunction f, int bytes) {
  return cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}

#define MOST_ARGUMENTS 64

// place points at each argument's value. It reports whether there are too many.
static int place(void **arguments, void *values, const unsigned *offsets, int n) {
  if (n > MOST_ARGUMENTS) return 1;
  for (int i = 0; i < n; i++) arguments[i] = (char *)values + offsets[i];
  return 0;
}

CUresult driver_launch(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads,
                       unsigned shared, CUstream stream, void *values, const unsigned *offsets,
                       int n) {
  void *arguments[MOST_ARGUMENTS];
  if (place(arguments, values, offsets, n)) return CUDA_ERROR_INVALID_VALUE;
  return cuLaunchKernel(f, x, y, z, threads, 1, 1, shared, stream, arguments, NULL);
}

CUresult driver_captured(CUstream stream, CUgraphNode *node) {
  CUstreamCaptureStatus status;
  const CUgraphNode *last = NULL;
  size_t n = 0;
  CUresult error = cuStreamGetCaptureInfo_v2(stream, &status, NULL, NULL, &last, &n);
  if (error != CUDA_SUCCESS) return error;
  if (status != CU_STREAM_CAPTURE_STATUS_ACTIVE || n != 1) {
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  }
  *node = last[0];
  return CUDA_SUCCESS;
}

CUresult driver_set_arguments(CUgraphExec graph, CUgraphNode node, CUfunction f, unsigned x,
                              unsigned y, unsigned z, unsigned threads, unsigned shared,
                              void *values, const unsigned *offsets, int n) {
  void *arguments[MOST_ARGUMENTS];
  if (place(arguments, values, offsets, n)) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS_v2 p = {f, x, y, z, threads, 1, 1, shared, arguments, NULL, NULL, NULL};
  return cuGraphExecKernelNodeSetParams_v2(graph, node, &p);
}
