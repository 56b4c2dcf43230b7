//go:build gpu

package emulator

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

static void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }
static int present(void) { return find("emulator_order") != NULL; }
static void fail(const char *name, int call, int error) {
  if (present()) ((void (*)(const char *, int, int))find("emulator_fail"))(name, call, error);
}
static int calls(const char *name) {
  return present() ? ((int (*)(const char *))find("emulator_calls"))(name) : 0;
}
static void order(int n) {
  if (present()) ((void (*)(int))find("emulator_order"))(n);
}
static void skip(const char *place) {
  if (present()) ((void (*)(const char *))find("emulator_skip"))(place);
}
static void device(int n, int capability, unsigned long long bytes) {
  ((void (*)(int, int, unsigned long long))find("emulator_device"))(n, capability, bytes);
}
static void recover(void) {
  if (present()) ((void (*)(void))find("emulator_recover"))();
}
static const char *text(const char *name) {
  return present() ? ((const char *(*)(void))find(name))() : "";
}
*/
import "C"

import (
	"strings"
	"unsafe"
)

// Order is that in which the threads of a block get their turn. Results must not depend on it.
type Order int

// The orders: the first warp as far as it can get, then the next; the last warp first, and copies
// to shared memory arrive at once instead of when they are awaited; all threads in turn, shuffled.
const (
	Forward Order = iota
	Backward
	Shuffled
)

// Orders returns every order.
func Orders() []Order { return []Order{Forward, Backward, Shuffled} }

// Present reports whether the emulator is the driver of this process.
func Present() bool { return C.present() != 0 }

// SetOrder sets the order of the following launches. A GPU has its own.
func SetOrder(o Order) { C.order(C.int(o)) }

// Fail lets the call-th of the following calls of a function of the driver fail; 0: none.
func Fail(function string, call, code int) {
	withString(function, func(s *C.char) { C.fail(s, C.int(call), C.int(code)) })
}

// Calls returns how often a function was called since the start.
func Calls(function string) (n int) {
	withString(function, func(s *C.char) { n = int(C.calls(s)) })
	return n
}

// SkipBarrier lets threads pass the barrier at a place without waiting; "": none.
func SkipBarrier(place string) { withString(place, func(s *C.char) { C.skip(s) }) }

// Barriers returns the places of all barriers that were passed since the start, as "FILE:LINE".
func Barriers() []string { return strings.Fields(text("emulator_barriers")) }

// SetDevice sets the number of devices, their compute capability times ten, and their memory.
func SetDevice(n, capability int, bytes uint64) {
	C.device(C.int(n), C.int(capability), C.ulonglong(bytes))
}

// Recover makes a device that a failed kernel lost work again.
func Recover() { C.recover() }

// Message says what the last kernel that failed did wrong; "": nothing, or a GPU, which does not say.
func Message() string { return text("emulator_message") }

func text(function string) (s string) {
	withString(function, func(name *C.char) { s = C.GoString(C.text(name)) })
	return s
}

func withString(s string, f func(*C.char)) {
	c := C.CString(s)
	defer C.free(unsafe.Pointer(c))
	f(c)
}
