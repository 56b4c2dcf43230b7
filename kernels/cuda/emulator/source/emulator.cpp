#include "emulator.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sys/mman.h>
#include <unistd.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulator {

Index thread, block, block_size, grid_size;

namespace {

constexpr size_t stack_size = 128 << 10;

// A fiber is a stack and where it was left. On x86-64 a switch saves the registers that a call
// preserves; elsewhere ucontext does it.
#if defined(__x86_64__)
typedef void *Context;
extern "C" void emulator_switch(Context *from, Context to);
asm(R"(
.text
.type emulator_switch, @function
emulator_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size emulator_switch, .-emulator_switch
)");
void prepare(Context &c, char *stack, void (*entry)()) {
  // entry begins as if called: the stack is 8 off a multiple of 16.
  void **top = reinterpret_cast<void **>(stack + stack_size - 16);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  c = top;
}
void change(Context &from, Context &to) { emulator_switch(&from, to); }
#else
typedef ucontext_t Context;
void prepare(Context &c, char *stack, void (*entry)()) {
  getcontext(&c);
  c.uc_stack.ss_sp = stack;
  c.uc_stack.ss_size = stack_size;
  c.uc_link = nullptr;
  makecontext(&c, entry, 0);
}
void change(Context &from, Context &to) { swapcontext(&from, &to); }
#endif

struct Copy {
  void *to;
  const void *from;
  bool valid;
};

void arrive(const Copy &c) {
  if (c.valid) std::memcpy(c.to, c.from, 16);
  else std::memset(c.to, 0, 16);
}

struct Fiber {
  Context context;
  std::unique_ptr<char[]> stack{new char[stack_size]};
  bool done;
  Index thread;
  std::vector<std::vector<Copy>> copies; // batches; the last one is open
};

// The exchange has two sets of lanes: a lane can be one exchange ahead of the slowest, never two.
struct Warp {
  Lane lanes[2][32];
  int arrived = 0;
  unsigned turn = 0;
};

struct Block {
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  Context main;
  const std::function<void()> *body = nullptr;
  int current = 0, arrived = 0, alive = 0;
  unsigned turn = 0;
  unsigned long progress = 0;
  std::string error;
} state;

Order order = Order::forward;
std::string skipped;
std::set<std::pair<std::string, int>> seen;

// Pages holds shared memory so that it ends at a page that faults.
struct Pages {
  char *base = nullptr;
  size_t size = 0;
  char *begin = nullptr;
  void fill(size_t bytes) {
    size_t page = sysconf(_SC_PAGESIZE), need = (bytes + page - 1) / page * page;
    if (need > size || base == nullptr) {
      if (base != nullptr) munmap(base, size + page);
      base = static_cast<char *>(
          mmap(nullptr, need + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      mprotect(base + need, page, PROT_NONE);
      size = need;
    }
    begin = base + size - bytes;
    memset(begin, 0xff, bytes);
  }
} pages;

void leave() { change(state.fibers[state.current].context, state.main); }

void entry() {
  (*state.body)();
  state.fibers[state.current].done = true;
  state.alive--;
  state.progress++;
  leave();
}

// fail ends the whole block: it never returns to the fiber.
void fail(const std::string &why) {
  state.error = why;
  leave();
}

std::string base_name(const std::string &path) { return path.substr(path.rfind('/') + 1); }

float low(uint32_t x) { return from_bits(x << 16); }
float high(uint32_t x) { return from_bits(x & 0xffff0000u); }

// multiply does m16n8k16 for a warp. With g = lane/4 and t = lane%4, PTX ISA 9.7.14 lays: A's rows
// g and g+8, columns 2t, 2t+1 and the same +8; B's rows as A's columns, column g; C's rows g and
// g+8, columns 2t, 2t+1.
void multiply(Lane *lanes) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; lane++) {
    int g = lane / 4, t = lane % 4;
    for (int e = 0; e < 4; e++) {
      int row = g + e % 2 * 8, column = 2 * t + e / 2 * 8;
      a[row][column] = low(lanes[lane].in[e]);
      a[row][column + 1] = high(lanes[lane].in[e]);
    }
    for (int e = 0; e < 2; e++) {
      b[2 * t + 8 * e][g] = low(lanes[lane].in[4 + e]);
      b[2 * t + 8 * e + 1][g] = high(lanes[lane].in[4 + e]);
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    for (int e = 0; e < 4; e++) {
      int row = lane / 4 + e / 2 * 8, column = 2 * (lane % 4) + e % 2;
      float sum = 0;
      for (int k = 0; k < 16; k++) sum += a[row][k] * b[k][column];
      lanes[lane].out[e] = to_bits(sum);
    }
  }
}

// load gives each lane its part of four 8x8 matrices: lane l brings row l%8 of matrix l/8, and gets
// of each matrix row g, columns 2t and 2t+1; turned: column g, rows 2t and 2t+1.
void load(Lane *lanes, bool turned) {
  const uint16_t *rows[32];
  for (int lane = 0; lane < 32; lane++) {
    std::memcpy(&rows[lane], lanes[lane].in, 8);
    if (reinterpret_cast<uintptr_t>(rows[lane]) % 16 != 0) {
      fail("load_matrices: a row is not aligned to 16 bytes");
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    int g = lane / 4, t = lane % 4;
    for (int m = 0; m < 4; m++) {
      uint32_t first = turned ? rows[8 * m + 2 * t][g] : rows[8 * m + g][2 * t];
      uint32_t second = turned ? rows[8 * m + 2 * t + 1][g] : rows[8 * m + g][2 * t + 1];
      lanes[lane].out[m] = first | second << 16;
    }
  }
}

// turns lists the fibers in groups: a group runs until none of it can go on, then the next. The
// groups are the warps, first to last or last to first; or all fibers are one group, shuffled by a
// generator that depends on the block alone.
std::vector<std::vector<int>> turns(int n) {
  std::vector<std::vector<int>> groups;
  if (order == Order::shuffled) {
    std::vector<int> all(n);
    for (int i = 0; i < n; i++) all[i] = i;
    uint64_t x = 88172645463325252ull + block.x + 7919ull * block.y;
    for (int i = n - 1; i > 0; i--) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      std::swap(all[i], all[x % (i + 1)]);
    }
    return {all};
  }
  for (int i = 0; i < n; i += 32) {
    std::vector<int> warp(32);
    for (int lane = 0; lane < 32; lane++) warp[lane] = i + lane;
    groups.push_back(warp);
  }
  if (order == Order::backward) {
    std::reverse(groups.begin(), groups.end());
    for (auto &g : groups) std::reverse(g.begin(), g.end());
  }
  return groups;
}

// run_group gives each fiber of a group its turn until none goes on.
void run_group(const std::vector<int> &group) {
  unsigned long before;
  do {
    before = state.progress;
    for (int i : group) {
      if (state.fibers[i].done) continue;
      state.current = i;
      thread = state.fibers[i].thread;
      change(state.main, state.fibers[i].context);
      if (!state.error.empty()) return;
    }
  } while (state.progress != before && state.alive > 0);
}

std::string run_block(int n) {
  state.arrived = 0;
  state.alive = n;
  state.error.clear();
  state.warps.assign((n + 31) / 32, Warp());
  for (int i = 0; i < n; i++) {
    Fiber &f = state.fibers[i];
    f.done = false;
    f.thread = {unsigned(i) % block_size.x, unsigned(i) / block_size.x % block_size.y,
                unsigned(i) / (block_size.x * block_size.y)};
    f.copies.assign(1, {});
    prepare(f.context, f.stack.get(), entry);
  }
  auto all = turns(n);
  while (state.alive > 0) {
    unsigned long before = state.progress;
    for (auto &group : all) {
      run_group(group);
      if (!state.error.empty()) return state.error;
    }
    if (state.progress == before) return "deadlock: threads of a block wait for each other for ever";
  }
  if (state.arrived != 0) return "a barrier that not all threads of the block reached";
  return "";
}

std::map<std::string, Kernel> &registry() {
  static std::map<std::string, Kernel> all;
  return all;
}

} // namespace

void set_order(Order o) { order = o; }
Order current_order() { return order; }
void skip_barrier(const std::string &place) { skipped = place; }

std::vector<std::string> barriers() {
  std::vector<std::string> all;
  for (auto &place : seen) all.push_back(place.first + ":" + std::to_string(place.second));
  return all;
}

bool add(Kernel k) { return registry().emplace(k.name, k).second; }
const Kernel *find(const std::string &name) {
  auto at = registry().find(name);
  return at == registry().end() ? nullptr : &at->second;
}

std::string launch(Index grid, Index size, size_t shared, const std::function<void()> &body) {
  int n = size.x * size.y * size.z;
  if (n % 32 != 0) return "a block of " + std::to_string(n) + " threads: no whole warps";
  grid_size = grid;
  block_size = size;
  state.body = &body;
  if (int(state.fibers.size()) < n) state.fibers.resize(n);
  for (unsigned z = 0; z < grid.z; z++) {
    for (unsigned y = 0; y < grid.y; y++) {
      for (unsigned x = 0; x < grid.x; x++) {
        block = {x, y, z};
        pages.fill(shared);
        std::string error = run_block(n);
        if (!error.empty()) return error;
      }
    }
  }
  return "";
}

Lane *exchange(const uint32_t *in, int words, Work work) {
  Warp &w = state.warps[state.current / 32];
  unsigned turn = w.turn;
  Lane *lanes = w.lanes[turn % 2];
  std::memcpy(lanes[state.current % 32].in, in, 4 * words);
  if (++w.arrived < 32) {
    while (w.turn == turn) leave();
    return lanes;
  }
  if (work == Work::mma) multiply(lanes);
  if (work == Work::matrices || work == Work::turned) load(lanes, work == Work::turned);
  w.arrived = 0;
  w.turn++;
  state.progress++;
  return lanes;
}

void block_barrier(const char *file, int line) {
  std::string name = base_name(file);
  seen.insert({name, line});
  if (!skipped.empty() && skipped == name + ":" + std::to_string(line)) return;
  unsigned turn = state.turn;
  if (++state.arrived == state.alive) {
    state.arrived = 0;
    state.turn++;
    state.progress++;
    return;
  }
  while (state.turn == turn) leave();
}

char *shared() { return pages.begin; }

void start_copy(void *to, const void *from, bool valid) {
  if (reinterpret_cast<uintptr_t>(to) % 16 != 0 ||
      (valid && reinterpret_cast<uintptr_t>(from) % 16 != 0)) {
    fail("copy16: an address is not aligned to 16 bytes");
  }
  Copy c = {to, from, valid};
  if (order == Order::backward) return arrive(c); // as early as may be; else as late
  state.fibers[state.current].copies.back().push_back(c);
}
void commit() { state.fibers[state.current].copies.emplace_back(); }
void await(int but) {
  auto &batches = state.fibers[state.current].copies;
  while (int(batches.size()) - 1 > but) {
    for (auto &c : batches.front()) arrive(c);
    batches.erase(batches.begin());
  }
}

} // namespace emulator
