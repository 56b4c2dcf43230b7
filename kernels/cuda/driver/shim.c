//go:build gpu

// The driver's functions, found when the program runs and not when it is linked, so that one binary
// runs on machines with and without a driver. Each name is a jump through a slot. The slots point
// at refuse until libcuda.so.1 is loaded, before main; where it cannot be, cuInit succeeds and
// there are no devices. LONGLORA_CUDA_DRIVER names another library to load: the emulator, in tests.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define SUCCESS 0
#define NO_DEVICE 100

static char reason[512];

// shim_reason returns why there is no driver, or "".
const char *shim_reason(void) { return reason; }

static int refuse(void) { return NO_DEVICE; }

#define FUNCTION(name) void *shim_slot_##name = (void *)refuse;
#include "functions.h"
#undef FUNCTION

#if defined(__x86_64__)
#define FUNCTION(name)                                                                             \
  __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n"                      \
          "  jmp *shim_slot_" #name "(%rip)\n.size " #name ", .-" #name "\n");
#elif defined(__aarch64__)
#define FUNCTION(name)                                                                             \
  __asm__(".text\n.globl " #name "\n.type " #name ", %function\n" #name ":\n"                      \
          "  adrp x16, shim_slot_" #name "\n  ldr x16, [x16, :lo12:shim_slot_" #name "]\n"         \
          "  br x16\n.size " #name ", .-" #name "\n");
#else
#error "the shim knows x86-64 and arm64"
#endif
#include "functions.h"
#undef FUNCTION

static int init_without_driver(unsigned int flags) {
  (void)flags;
  return SUCCESS;
}
static int no_devices(int *count) {
  *count = 0;
  return SUCCESS;
}
static int no_version(int *version) {
  *version = 0;
  return SUCCESS;
}

extern void *shim_slot_cuInit, *shim_slot_cuDeviceGetCount, *shim_slot_cuDriverGetVersion;

// without makes the driver one that has no devices.
static void without(void) {
  shim_slot_cuInit = (void *)init_without_driver;
  shim_slot_cuDeviceGetCount = (void *)no_devices;
  shim_slot_cuDriverGetVersion = (void *)no_version;
}

__attribute__((constructor)) static void load(void) {
  const char *path = getenv("LONGLORA_CUDA_DRIVER");
  if (path == NULL || *path == 0) path = "libcuda.so.1";
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (library == NULL) {
    snprintf(reason, sizeof reason, "no NVIDIA driver: %s", dlerror());
    without();
    return;
  }
  void *found;
#define FUNCTION(name)                                                                             \
  found = dlsym(library, #name);                                                                   \
  if (found != NULL) shim_slot_##name = found;
#include "functions.h"
#undef FUNCTION
  // cu ends the process if cuInit fails, so it is asked here first.
  int error = ((int (*)(unsigned int))shim_slot_cuInit)(0);
  if (error != SUCCESS) {
    snprintf(reason, sizeof reason, "the NVIDIA driver does not start: error %d%s", error,
             error == 803   ? ", its library and its kernel module have different versions"
             : error == 100 ? ", no device"
                            : "");
    without();
  }
}
