//go:build gpu

// cublasLt, found when the program runs. LONGLORA_CUBLASLT names another library: the emulator, in
// tests. Declarations are after the public documentation of cublasLt.
#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  uint64_t data[8];
} algorithm;
typedef struct {
  algorithm algo;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
} heuristic;

#define FUNCTIONS                                                                                  \
  FUNCTION(cublasLtCreate, (void **))                                                              \
  FUNCTION(cublasLtDestroy, (void *))                                                              \
  FUNCTION(cublasLtMatmulDescCreate, (void **, int, int))                                          \
  FUNCTION(cublasLtMatmulDescDestroy, (void *))                                                    \
  FUNCTION(cublasLtMatmulDescSetAttribute, (void *, int, const void *, size_t))                    \
  FUNCTION(cublasLtMatrixLayoutCreate, (void **, int, uint64_t, uint64_t, int64_t))                \
  FUNCTION(cublasLtMatrixLayoutDestroy, (void *))                                                  \
  FUNCTION(cublasLtMatmulPreferenceCreate, (void **))                                              \
  FUNCTION(cublasLtMatmulPreferenceDestroy, (void *))                                              \
  FUNCTION(cublasLtMatmulPreferenceSetAttribute, (void *, int, const void *, size_t))              \
  FUNCTION(cublasLtMatmulAlgoGetHeuristic,                                                         \
           (void *, void *, void *, void *, void *, void *, void *, int, heuristic *, int *))      \
  FUNCTION(cublasLtMatmul,                                                                         \
           (void *, void *, const float *, const void *, void *, const void *, void *,             \
            const float *, const void *, void *, void *, void *, const algorithm *, void *,        \
            size_t, CUstream))

#define FUNCTION(name, parameters) static int (*name) parameters;
FUNCTIONS
#undef FUNCTION

// Numbers of cublasLt's enumerations.
enum {
  COMPUTE_32F = 68,
  TYPE_32F = 0,
  DESC_TRANSA = 3,
  DESC_TRANSB = 4,
  PREFERENCE_WORKSPACE = 1,
  PREFERENCE_ALIGN_A = 5, // and B, C, D
  STATUS_NOT_SUPPORTED = 15,
};

static const char *names[] = {"libcublasLt.so.12", "libcublasLt.so.13", "libcublasLt.so.11"};
static char reason[512];

static void *load(void) {
  const char *path = getenv("LONGLORA_CUBLASLT");
  if (path != NULL && *path != 0) return dlopen(path, RTLD_NOW);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    void *library = dlopen(names[i], RTLD_NOW);
    if (library != NULL) return library;
  }
  return NULL;
}

const char *blas_open(void **handle) {
  void *library = load();
  if (library == NULL) {
    snprintf(reason, sizeof reason, "no cublasLt: %s; install it, or name it by LONGLORA_CUBLASLT",
             dlerror());
    return reason;
  }
#define FUNCTION(name, parameters)                                                                 \
  *(void **)&name = dlsym(library, #name);                                                         \
  if (name == NULL) return "cublasLt lacks " #name ": it is too old";
  FUNCTIONS
#undef FUNCTION
  int status = cublasLtCreate(handle);
  if (status != 0) {
    snprintf(reason, sizeof reason, "cublasLt does not start: status %d", status);
    return reason;
  }
  return NULL;
}

void blas_close(void *handle) { cublasLtDestroy(handle); }

typedef struct {
  void *operation, *a, *b, *c;
  heuristic choice;
} plan;

void blas_drop(void *p) {
  plan *x = p;
  if (x->operation != NULL) cublasLtMatmulDescDestroy(x->operation);
  if (x->a != NULL) cublasLtMatrixLayoutDestroy(x->a);
  if (x->b != NULL) cublasLtMatrixLayoutDestroy(x->b);
  if (x->c != NULL) cublasLtMatrixLayoutDestroy(x->c);
  free(x);
}

// choose asks for the fastest way that fits into the workspace and takes operands of this alignment:
// without a word cublasLt takes them to be multiples of 256 bytes.
static int choose(void *handle, plan *x, const blas_shape *s) {
  void *preference = NULL;
  int found = 0, status = cublasLtMatmulPreferenceCreate(&preference);
  if (status != 0) return status;
  status = cublasLtMatmulPreferenceSetAttribute(preference, PREFERENCE_WORKSPACE, &s->workspace,
                                                sizeof s->workspace);
  const uint32_t aligns[] = {s->a_align, s->b_align, s->c_align, s->c_align};
  for (int i = 0; i < 4 && status == 0; i++) {
    status = cublasLtMatmulPreferenceSetAttribute(preference, PREFERENCE_ALIGN_A + i, &aligns[i],
                                                  sizeof aligns[i]);
  }
  if (status == 0) {
    status = cublasLtMatmulAlgoGetHeuristic(handle, x->operation, x->a, x->b, x->c, x->c,
                                            preference, 1, &x->choice, &found);
  }
  cublasLtMatmulPreferenceDestroy(preference);
  return status == 0 && found == 0 ? STATUS_NOT_SUPPORTED : status;
}

int blas_plan(void *handle, const blas_shape *s, void **result) {
  plan *x = calloc(1, sizeof *x);
  int status = cublasLtMatmulDescCreate(&x->operation, COMPUTE_32F, TYPE_32F);
  if (status == 0) {
    status = cublasLtMatmulDescSetAttribute(x->operation, DESC_TRANSA, &s->turn_a, sizeof(int));
  }
  if (status == 0) {
    status = cublasLtMatmulDescSetAttribute(x->operation, DESC_TRANSB, &s->turn_b, sizeof(int));
  }
  if (status == 0) {
    status = cublasLtMatrixLayoutCreate(&x->a, s->type_ab, s->turn_a ? s->k : s->m,
                                        s->turn_a ? s->m : s->k, s->a_stride);
  }
  if (status == 0) {
    status = cublasLtMatrixLayoutCreate(&x->b, s->type_ab, s->turn_b ? s->n : s->k,
                                        s->turn_b ? s->k : s->n, s->b_stride);
  }
  if (status == 0) status = cublasLtMatrixLayoutCreate(&x->c, s->type_c, s->m, s->n, s->c_stride);
  if (status == 0) status = choose(handle, x, s);
  if (status != 0) {
    blas_drop(x);
    return status;
  }
  *result = x;
  return 0;
}

int blas_run(void *handle, void *p, float alpha, CUdeviceptr a, CUdeviceptr b, float beta,
             CUdeviceptr c, CUdeviceptr workspace, size_t size, CUstream stream) {
  plan *x = p;
  return cublasLtMatmul(handle, x->operation, &alpha, (const void *)a, x->a, (const void *)b, x->b,
                        &beta, (const void *)c, x->c, (void *)c, x->c, &x->choice.algo,
                        (void *)workspace, size, stream);
}
