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

CUresult driver_launch(CUfunction f, unsigned x, unsigned y, unsigned z, unsigned threads,
                       unsigned shared, CUstream stream, void *values, const unsigned *offsets,
                       int n) {
  void *arguments[MOST_ARGUMENTS];
  if (n > MOST_ARGUMENTS) return CUDA_ERROR_INVALID_VALUE;
  for (int i = 0; i < n; i++) arguments[i] = (char *)values + offsets[i];
  return cuLaunchKernel(f, x, y, z, threads, 1, 1, shared, stream, arguments, NULL);
}
