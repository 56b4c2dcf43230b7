// The driver's errors that the emulator gives, or that a test may want it to give.
#pragma once

enum {
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  INVALID_DEVICE = 101,
  INVALID_SOURCE = 300,
  NO_BINARY_FOR_GPU = 209,
  INVALID_PTX = 218,
  ILLEGAL_STATE = 401,
  NOT_FOUND = 500,
  LAUNCH_FAILED = 719,
  CAPTURE_UNSUPPORTED = 900,
  CAPTURE_UNJOINED = 904,
  CAPTURE_ISOLATION = 905,
  CAPTURED_EVENT = 907,
};

static const struct {
  int code;
  const char *text;
} error_names[] = {
    {INVALID_VALUE, "invalid argument"},
    {OUT_OF_MEMORY, "out of memory"},
    {INVALID_DEVICE, "invalid device ordinal"},
    {INVALID_SOURCE, "device kernel image is invalid"},
    {NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"},
    {INVALID_PTX, "a PTX JIT compilation failed"},
    {NOT_FOUND, "named symbol not found"},
    {214, "uncorrectable ECC error encountered"},
    {700, "an illegal memory access was encountered"},
    {LAUNCH_FAILED, "unspecified launch failure"},
    {CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing"},
    {CAPTURE_UNJOINED, "capturing stream has unjoined work"},
    {CAPTURE_ISOLATION, "dependency created on uncaptured work in another stream"},
    {222, "the provided PTX was compiled with an unsupported toolchain"},
};
