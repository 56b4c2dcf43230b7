// The vocabulary for the processor: a thread of a block is a fiber, and one block runs at a time. A
// fiber runs until it must wait for others: at a barrier for its block, at a shuffle or a matrix
// instruction for its warp. What the hardware leaves undefined is made visible: shared memory
// begins as NaN and ends where it ends, copies arrive when they are awaited and not before, and a
// block whose threads wait for each other for ever is an error.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace emulator {

struct Index {
  unsigned x, y, z;
};
extern Index thread, block, block_size, grid_size;

// Launch runs a grid. It returns "", or what went wrong.
std::string launch(Index grid, Index block, size_t shared, const std::function<void()> &body);

// Order is that in which the fibers of a block get their turn: warp after warp, each as far as it
// can get, in either direction; or all of them in turn, shuffled. Backward, copies to shared memory
// arrive at once, else when they are awaited.
enum class Order { forward, backward, shuffled };
void set_order(Order);
Order current_order();

// A barrier of this file's name and line is skipped; "": none.
void skip_barrier(const std::string &place);
// The places of barriers that were passed since the start, "FILE:LINE" each.
std::vector<std::string> barriers();

// Kernel is a kernel by its name: the most threads of a block, the number of its parameters, and
// how to bind it to CUDA's array of arguments, which are copied.
struct Kernel {
  std::string name;
  unsigned threads;
  size_t parameters;
  std::function<std::function<void()>(void **)> bind;
};
const Kernel *find(const std::string &name);
bool add(Kernel);

template <class... A, size_t... I>
std::function<void()> bound(void (*f)(A...), void **arguments, std::index_sequence<I...>) {
  std::tuple<std::decay_t<A>...> copy{*static_cast<std::decay_t<A> *>(arguments[I])...};
  return [f, copy] { std::apply(f, copy); };
}
template <class... A> Kernel kernel(const char *name, unsigned threads, void (*f)(A...)) {
  return {name, threads, sizeof...(A), [f](void **arguments) {
            return bound(f, arguments, std::index_sequence_for<A...>{});
          }};
}

// The warp's exchange: each lane brings what it has, the last one to come does the work for all.
struct Lane {
  uint32_t in[8];
  uint32_t out[8];
};
enum class Work { none, matrices, turned, mma };
Lane *exchange(const uint32_t *in, int words, Work); // all 32 lanes

void block_barrier(const char *file, int line);
char *shared();
void start_copy(void *to, const void *from, bool valid);
void commit();
void await(int but);

template <class T> T shuffle(T v, int mask) {
  uint32_t words[sizeof(T) / 4];
  std::memcpy(words, &v, sizeof v);
  Lane *lanes = exchange(words, sizeof(T) / 4, Work::none);
  T other;
  std::memcpy(&other, lanes[(thread.x % 32) ^ mask].in, sizeof other);
  return other;
}

} // namespace emulator

#define threadIdx emulator::thread
#define blockIdx emulator::block
#define blockDim emulator::block_size
#define gridDim emulator::grid_size

#define DEVICE static inline
#define DEVICE_METHOD inline
#define KERNEL(threads, name, ...)                                                                 \
  static void name(__VA_ARGS__);                                                                   \
  static const bool added_##name = emulator::add(emulator::kernel(#name, threads, name));          \
  static void name(__VA_ARGS__)
#define UNROLL

DEVICE void barrier(const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulator::block_barrier(file, line);
}
DEVICE float shuffle_xor(float v, int mask) { return emulator::shuffle(v, mask); }
DEVICE int shuffle_xor(int v, int mask) { return emulator::shuffle(v, mask); }
DEVICE double shuffle_xor(double v, int mask) { return emulator::shuffle(v, mask); }

DEVICE float from_bits(uint32_t x) {
  float f;
  std::memcpy(&f, &x, 4);
  return f;
}
DEVICE uint32_t to_bits(float f) {
  uint32_t x;
  std::memcpy(&x, &f, 4);
  return x;
}
DEVICE uint16_t round_bf16(float f) {
  uint32_t x = to_bits(f);
  if ((x & 0x7fffffffu) > 0x7f800000u) return 0x7fff; // the hardware's NaN
  return (x + 0x7fff + (x >> 16 & 1)) >> 16;
}
DEVICE float power2(float x) { return exp2f(x); }
DEVICE float logarithm2(float x) { return log2f(x); }
DEVICE float square_root(float x) { return sqrtf(x); }
DEVICE double square_root(double x) { return sqrt(x); }
DEVICE float larger(float a, float b) { return fmaxf(a, b); }
DEVICE bool finite(float x) { return (to_bits(x) & 0x7f800000u) != 0x7f800000u; }

DEVICE void mma(float *c, const uint32_t *a, uint32_t b0, uint32_t b1) {
  uint32_t in[6] = {a[0], a[1], a[2], a[3], b0, b1};
  emulator::Lane *lanes = emulator::exchange(in, 6, emulator::Work::mma);
  for (int e = 0; e < 4; e++) c[e] += from_bits(lanes[threadIdx.x % 32].out[e]);
}
DEVICE void load_matrices(uint32_t *r, const void *row) {
  uint32_t in[2];
  std::memcpy(in, &row, 8);
  emulator::Lane *lanes = emulator::exchange(in, 2, emulator::Work::matrices);
  std::memcpy(r, lanes[threadIdx.x % 32].out, 16);
}
DEVICE void load_matrices_turned(uint32_t *r, const void *row) {
  uint32_t in[2];
  std::memcpy(in, &row, 8);
  emulator::Lane *lanes = emulator::exchange(in, 2, emulator::Work::turned);
  std::memcpy(r, lanes[threadIdx.x % 32].out, 16);
}
DEVICE void copy16(void *to, const void *from, bool valid) {
  emulator::start_copy(to, from, valid);
}
DEVICE void commit_copies() { emulator::commit(); }
template <int n> DEVICE void await_copies() { emulator::await(n); }
DEVICE char *shared_memory() { return emulator::shared(); }
