// A CUDA driver without a GPU: the functions of libcuda.so.1 that package driver calls, over the
// emulator. Streams are queues that nothing empties until somebody waits, so that a missing wait
// shows. It counts its calls, and fails where it is told to (emulator_fail).
#include "emulator.h"
#include "errors.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>

using emulator::Index;

namespace {

std::map<std::string, int> calls;
std::map<std::string, std::pair<int, int>> failures; // by name: which call fails, and how
std::string message;                                 // of the last kernel that went wrong
int lost;                                            // what every call returns after that
int devices = 1, capability = 90;
size_t capacity = size_t(2) << 30, used;

struct Block {
  char *base;
  size_t mapped, bytes;
};
std::map<uint64_t, Block> memory;      // device memory by its address
std::map<void *, size_t> pinned;       // of the host

// A graph is what was captured: nodes with those that come before them. side says that a node was
// captured on another stream than the one that began.
struct Node {
  std::function<void()> work;
  std::vector<Node *> before;
  bool side;
  const void *function; // of a kernel
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
  struct Stream *origin;
};
struct Exec {
  std::vector<Node> nodes;
  std::map<const Node *, size_t> place; // of the graph's nodes
};

struct Stream {
  std::deque<std::function<void()>> queue;
  unsigned long done = 0, queued = 0;
  Graph *capture = nullptr;
  std::vector<Node *> last; // what the next node comes after
};
struct Event {
  Stream *stream = nullptr;
  unsigned long at = 0;
  Graph *capture = nullptr;
  std::vector<Node *> last;
};
std::map<Stream *, std::unique_ptr<Stream>> streams;

struct Module {
  std::string text;
};
struct Function {
  const emulator::Kernel *kernel;
  int shared = 48 << 10;
};

// enter counts a call and says whether it fails.
int enter(const char *name) {
  int n = ++calls[name];
  auto f = failures.find(name);
  if (f != failures.end() && f->second.first == n) return f->second.second;
  return lost;
}
#define ENTER                                                                                      \
  if (int error = enter(__func__)) return error

void drain(Stream *s, unsigned long until) {
  while (s->done < until && !s->queue.empty()) {
    auto work = std::move(s->queue.front());
    s->queue.pop_front();
    s->done++;
    if (!lost) work();
  }
}
void push(void *stream, std::function<void()> work, const void *function = nullptr) {
  auto s = static_cast<Stream *>(stream);
  if (s->capture != nullptr) {
    auto node = new Node{std::move(work), s->last, s != s->capture->origin, function};
    s->capture->nodes.emplace_back(node);
    s->last = {node};
    return;
  }
  s->queue.push_back(std::move(work));
  s->queued++;
}

// play does a graph's nodes in an order that they allow: copies beside the kernels as late as may be,
// or, backward, as early.
void play(const Exec &g) {
  std::vector<bool> done(g.nodes.size());
  bool early = emulator::current_order() == emulator::Order::backward;
  for (size_t left = g.nodes.size(); left > 0 && !lost; left--) {
    size_t next = g.nodes.size();
    for (size_t i = 0; i < g.nodes.size(); i++) {
      if (done[i]) continue;
      bool ready = true;
      for (auto b : g.nodes[i].before) ready = ready && done[g.place.at(b)];
      if (!ready) continue;
      if (next == g.nodes.size()) next = i;
      if (g.nodes[i].side == early) {
        next = i;
        break;
      }
    }
    done[next] = true;
    g.nodes[next].work();
  }
}

// capturing reports whether a capture forbids what makes the host wait.
bool capturing() {
  for (auto &s : streams) {
    if (s.second->capture != nullptr) return true;
  }
  return false;
}

// BLOCKING counts a call that makes the host wait for the device, or may.
#define BLOCKING                                                                                   \
  calls["blocking"]++;                                                                             \
  if (capturing()) return CAPTURE_UNSUPPORTED

bool is_pinned(const void *p, size_t n) {
  auto at = pinned.upper_bound(const_cast<void *>(p));
  if (at == pinned.begin()) return false;
  --at;
  return static_cast<const char *>(p) + n <= static_cast<char *>(at->first) + at->second;
}

// on_device reports whether n bytes at p lie in one block of device memory.
bool on_device(uint64_t p, size_t n) {
  auto at = memory.upper_bound(p);
  if (at == memory.begin()) return false;
  --at;
  return p + n <= at->first + at->second.bytes;
}

void break_down(int error, const std::string &why) {
  lost = error;
  message = why;
}

// kernel_work is a kernel's launch, with a copy of its arguments.
std::function<void()> kernel_work(Function *f, Index grid, Index block, unsigned shared,
                                  void **arguments) {
  auto body = f->kernel->bind(arguments);
  std::string name = f->kernel->name;
  return [=] {
    std::string error = emulator::launch(grid, block, shared, body);
    if (!error.empty()) break_down(LAUNCH_FAILED, name + ": " + error);
  };
}

} // namespace

extern "C" {

// Control, for tests.
void emulator_fail(const char *name, int call, int error) {
  if (call == 0) failures.erase(name);
  else failures[name] = {calls[name] + call, error};
}
int emulator_calls(const char *name) { return calls[name]; }
void emulator_order(int order) { emulator::set_order(static_cast<emulator::Order>(order)); }
void emulator_skip(const char *place) { emulator::skip_barrier(place); }
void emulator_device(int count, int capability_, unsigned long long bytes) {
  devices = count, capability = capability_, capacity = bytes;
}
void emulator_recover(void) { lost = 0, message.clear(); }
const char *emulator_message(void) { return message.c_str(); }
const char *emulator_barriers(void) {
  static std::string all;
  all.clear();
  for (auto &place : emulator::barriers()) all += place + "\n";
  return all.c_str();
}

int cuInit(unsigned) { ENTER; return 0; }
int cuDriverGetVersion(int *version) { ENTER; *version = 12040; return 0; }
int cuGetErrorString(int error, const char **text) {
  for (auto &e : error_names) {
    if (e.code == error) return *text = e.text, 0;
  }
  return INVALID_VALUE;
}
int cuDeviceGetCount(int *n) { ENTER; *n = devices; return 0; }
int cuDeviceGet(int *device, int ordinal) {
  ENTER;
  if (ordinal < 0 || ordinal >= devices) return INVALID_DEVICE;
  *device = ordinal;
  return 0;
}
int cuDeviceGetName(char *name, int size, int) { ENTER; strncpy(name, "Emulator", size); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { ENTER; *bytes = capacity; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
  ENTER;
  switch (attribute) {
  case 16: *value = 4; return 0;                 // multiprocessors
  case 75: *value = capability / 10; return 0;   // compute capability, major and minor
  case 76: *value = capability % 10; return 0;
  case 97: *value = 227 << 10; return 0;         // shared memory of a block that asks for it
  }
  return INVALID_VALUE;
}
int cuDevicePrimaryCtxRetain(void **context, int) { ENTER; *context = &devices; return 0; }
int cuDevicePrimaryCtxRelease_v2(int) { ENTER; return 0; }
int cuCtxSetCurrent(void *) { ENTER; return 0; }
int cuCtxSynchronize(void) {
  ENTER;
  BLOCKING;
  for (auto &s : streams) drain(s.first, s.second->queued);
  return lost;
}

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  ENTER;
  *free = capacity - used, *total = capacity;
  return 0;
}
int cuMemAlloc_v2(uint64_t *p, size_t bytes) {
  ENTER;
  BLOCKING;
  if (bytes == 0) return INVALID_VALUE;
  if (bytes > capacity - used) return OUT_OF_MEMORY;
  size_t page = sysconf(_SC_PAGESIZE), size = (bytes + page - 1) / page * page;
  char *base = static_cast<char *>(mmap(nullptr, size + page, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (base == MAP_FAILED) return OUT_OF_MEMORY;
  mprotect(base + size, page, PROT_NONE);
  // Aligned to 256 bytes, as near to the page that faults as that allows.
  char *at = base + (size - bytes) / 256 * 256;
  memset(at, 0xff, std::min(bytes, size_t(64) << 20));
  *p = reinterpret_cast<uint64_t>(at);
  memory[*p] = {base, size + page, bytes};
  used += bytes;
  return 0;
}
int cuMemFree_v2(uint64_t p) {
  ENTER;
  BLOCKING;
  auto at = memory.find(p);
  if (at == memory.end()) return INVALID_VALUE;
  for (auto &s : streams) drain(s.first, s.second->queued);
  munmap(at->second.base, at->second.mapped);
  used -= at->second.bytes;
  memory.erase(at);
  return 0;
}
int cuMemHostAlloc(void **p, size_t bytes, unsigned) {
  ENTER;
  BLOCKING;
  *p = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (*p == nullptr) return OUT_OF_MEMORY;
  memset(*p, 0xff, bytes);
  pinned[*p] = bytes;
  return 0;
}
int cuMemFreeHost(void *p) {
  ENTER;
  BLOCKING;
  if (pinned.erase(p) == 0) return INVALID_VALUE;
  for (auto &s : streams) drain(s.first, s.second->queued);
  free(p);
  return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t n, void *stream) {
  ENTER;
  if (!on_device(to, n)) return INVALID_VALUE;
  if (is_pinned(from, n)) {
    push(stream, [=] { memcpy(reinterpret_cast<void *>(to), from, n); });
    return 0;
  }
  BLOCKING; // memory that is not pinned
  std::vector<char> copy(static_cast<const char *>(from), static_cast<const char *>(from) + n);
  push(stream, [=] { memcpy(reinterpret_cast<void *>(to), copy.data(), n); });
  return 0;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, void *stream) {
  ENTER;
  if (!on_device(from, n)) return INVALID_VALUE;
  if (!is_pinned(to, n)) {
    BLOCKING;
  }
  push(stream, [=] { memcpy(to, reinterpret_cast<void *>(from), n); });
  return 0;
}
int cuMemsetD8Async(uint64_t p, unsigned char value, size_t n, void *stream) {
  ENTER;
  if (!on_device(p, n)) return INVALID_VALUE;
  push(stream, [=] { memset(reinterpret_cast<void *>(p), value, n); });
  return 0;
}

int cuStreamCreate(void **stream, unsigned) {
  ENTER;
  auto s = std::make_unique<Stream>();
  *stream = s.get();
  streams[s.get()] = std::move(s);
  return 0;
}
int cuStreamDestroy_v2(void *stream) {
  ENTER;
  streams.erase(static_cast<Stream *>(stream));
  return 0;
}
int cuStreamSynchronize(void *stream) {
  ENTER;
  BLOCKING;
  auto s = static_cast<Stream *>(stream);
  drain(s, s->queued);
  return lost;
}
int cuEventCreate(void **event, unsigned) { ENTER; *event = new Event; return 0; }
int cuEventDestroy_v2(void *event) { ENTER; delete static_cast<Event *>(event); return 0; }
int cuEventRecord(void *event, void *stream) {
  ENTER;
  auto s = static_cast<Stream *>(stream);
  *static_cast<Event *>(event) = {s, s->queued, s->capture, s->last};
  return 0;
}
int cuEventSynchronize(void *event) {
  ENTER;
  auto e = static_cast<Event *>(event);
  if (e->capture != nullptr) return CAPTURED_EVENT;
  if (e->stream != nullptr) {
    if (e->stream->done < e->at) calls["waiting"]++;
    drain(e->stream, e->at);
  }
  return lost;
}
int cuStreamWaitEvent(void *stream, void *event, unsigned) {
  ENTER;
  Event e = *static_cast<Event *>(event);
  auto s = static_cast<Stream *>(stream);
  if (e.capture == nullptr && s->capture != nullptr) return CAPTURE_ISOLATION;
  if (e.capture != nullptr) {
    if (s->capture != nullptr && s->capture != e.capture) return CAPTURE_ISOLATION;
    s->capture = e.capture;
    s->last.insert(s->last.end(), e.last.begin(), e.last.end());
    return 0;
  }
  if (e.stream != nullptr) push(stream, [=] { drain(e.stream, e.at); });
  return 0;
}

int cuStreamBeginCapture_v2(void *stream, int) {
  ENTER;
  auto s = static_cast<Stream *>(stream);
  if (s->capture != nullptr) return ILLEGAL_STATE;
  s->capture = new Graph;
  s->capture->origin = s;
  s->last.clear();
  return 0;
}
// All that joined the capture must come before the end of the stream that began.
int cuStreamEndCapture(void *stream, void **graph) {
  int error = enter(__func__); // even if it fails, the capture has ended
  auto s = static_cast<Stream *>(stream);
  Graph *g = s->capture;
  if (g == nullptr) return ILLEGAL_STATE;
  std::map<Node *, bool> joined;
  std::vector<Node *> open = s->last;
  while (!open.empty()) {
    Node *n = open.back();
    open.pop_back();
    if (joined[n]) continue;
    joined[n] = true;
    open.insert(open.end(), n->before.begin(), n->before.end());
  }
  for (auto &other : streams) {
    if (other.second->capture != g) continue;
    for (auto n : other.second->last) {
      if (!joined[n] && !error) error = CAPTURE_UNJOINED;
    }
    other.second->capture = nullptr;
    other.second->last.clear();
  }
  *graph = error ? nullptr : g;
  return error;
}
int cuStreamGetCaptureInfo_v2(void *stream, int *status, uint64_t *, void **, void ***last,
                              size_t *n) {
  ENTER;
  auto s = static_cast<Stream *>(stream);
  *status = s->capture != nullptr;
  *last = reinterpret_cast<void **>(s->last.data());
  *n = s->last.size();
  return 0;
}
int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long) {
  ENTER;
  auto e = new Exec;
  for (auto &n : static_cast<Graph *>(graph)->nodes) {
    e->place[n.get()] = e->nodes.size();
    e->nodes.push_back(*n);
  }
  *exec = e;
  return 0;
}
int cuGraphExecKernelNodeSetParams_v2(void *exec, void *node, const void *parameters) {
  ENTER;
  struct Parameters {
    Function *function;
    unsigned grid[3], block[3], shared;
    void **arguments;
  } const *p = static_cast<const Parameters *>(parameters);
  auto e = static_cast<Exec *>(exec);
  auto at = e->place.find(static_cast<Node *>(node));
  if (at == e->place.end() || e->nodes[at->second].function != p->function) return INVALID_VALUE;
  e->nodes[at->second].work = kernel_work(p->function, {p->grid[0], p->grid[1], p->grid[2]},
                                          {p->block[0], p->block[1], p->block[2]}, p->shared,
                                          p->arguments);
  return 0;
}
// A launch has the arguments that the nodes have now.
int cuGraphLaunch(void *exec, void *stream) {
  ENTER;
  push(stream, [e = *static_cast<Exec *>(exec)] { play(e); });
  return 0;
}
int cuGraphExecDestroy(void *exec) { ENTER; delete static_cast<Exec *>(exec); return 0; }
int cuGraphDestroy(void *graph) { ENTER; delete static_cast<Graph *>(graph); return 0; }
int cuEventElapsedTime(float *ms, void *, void *) { ENTER; *ms = 0; return 0; }

// A module is PTX: what its text lacks cannot be launched, whatever the emulator has.
int cuModuleLoadDataEx(void **module, const void *image, unsigned, int *, void **) {
  ENTER;
  std::string text(static_cast<const char *>(image));
  size_t at = text.find(".target sm_");
  if (at == std::string::npos) return INVALID_PTX;
  int target = atoi(text.c_str() + at + 11);
  if (target > capability) return NO_BINARY_FOR_GPU;
  *module = new Module{text};
  return 0;
}
int cuModuleLoadData(void **module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}
int cuModuleUnload(void *module) { ENTER; delete static_cast<Module *>(module); return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  ENTER;
  auto &text = static_cast<Module *>(module)->text;
  size_t at = text.find(".entry " + std::string(name) + "(");
  const emulator::Kernel *k = emulator::find(name);
  if (at == std::string::npos || k == nullptr) return NOT_FOUND;
  size_t parameters = 0, end = text.find(")", at);
  while ((at = text.find(".param", at + 1)) < end) parameters++;
  if (parameters != k->parameters) return INVALID_SOURCE; // the PTX is of another source
  *function = new Function{k};
  return 0;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  ENTER;
  if (attribute != 8 || value > 227 << 10) return INVALID_VALUE;
  static_cast<Function *>(function)->shared = value;
  return 0;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void *stream, void **arguments, void **) {
  ENTER;
  auto f = static_cast<Function *>(function);
  if (gx == 0 || gy == 0 || gz == 0 || gx > 0x7fffffffu || gy > 65535 || gz > 65535) {
    return INVALID_VALUE;
  }
  if (bx * by * bz > f->kernel->threads || int(shared) > f->shared) return INVALID_VALUE;
  push(stream, kernel_work(f, {gx, gy, gz}, {bx, by, bz}, shared, arguments), f);
  return 0;
}

// cublasLt: what package driver asks of it, row by row.
struct Operation {
  int turn[2] = {0, 0}; // of a and b
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride;
};
int cublasLtCreate(void **handle) { ENTER; *handle = &calls; return 0; }
int cublasLtDestroy(void *) { ENTER; return 0; }
int cublasLtMatmulDescCreate(void **d, int compute, int scale) {
  ENTER;
  if (compute != 68 || scale != 0) return 15; // float32 sums and factors
  *d = new Operation;
  return 0;
}
int cublasLtMatmulDescDestroy(void *d) { ENTER; delete static_cast<Operation *>(d); return 0; }
int cublasLtMatmulDescSetAttribute(void *d, int attribute, const void *value, size_t size) {
  ENTER;
  if (attribute < 3 || attribute > 4 || size != 4) return 7;
  memcpy(&static_cast<Operation *>(d)->turn[attribute - 3], value, 4);
  return 0;
}
int cublasLtMatrixLayoutCreate(void **l, int type, uint64_t rows, uint64_t columns,
                               int64_t stride) {
  ENTER;
  if (stride < int64_t(rows)) return 7;
  *l = new Layout{type, rows, columns, stride};
  return 0;
}
int cublasLtMatrixLayoutDestroy(void *l) { ENTER; delete static_cast<Layout *>(l); return 0; }
struct Preference {
  uint32_t align[4] = {256, 256, 256, 256}; // of a, b, c, d
};
int cublasLtMatmulPreferenceCreate(void **p) { ENTER; *p = new Preference; return 0; }
int cublasLtMatmulPreferenceDestroy(void *p) {
  ENTER;
  delete static_cast<Preference *>(p);
  return 0;
}
int cublasLtMatmulPreferenceSetAttribute(void *p, int attribute, const void *value, size_t size) {
  ENTER;
  if (attribute == 1 && size == 8) return 0; // workspace
  if (attribute < 5 || attribute > 8 || size != 4) return 7;
  memcpy(&static_cast<Preference *>(p)->align[attribute - 5], value, 4);
  return 0;
}
struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
// The algorithm remembers the alignment that it was chosen for.
int cublasLtMatmulAlgoGetHeuristic(void *, void *, void *, void *, void *, void *,
                                   void *preference, int, Heuristic *results, int *n) {
  ENTER;
  *results = {};
  for (int i = 0; i < 4; i++) {
    results->algorithm[i] = static_cast<Preference *>(preference)->align[i];
  }
  *n = 1;
  return 0;
}
int cublasLtMatmul(void *, void *operation, const float *alpha, uint64_t a, void *la, uint64_t b,
                   void *lb, const float *beta, uint64_t c, void *lc, uint64_t d, void *,
                   const uint64_t *align, void *, size_t, void *stream) {
  ENTER;
  if (a % align[0] != 0 || b % align[1] != 0 || c % align[2] != 0 || d % align[3] != 0) return 7;
  Operation o = *static_cast<Operation *>(operation);
  Layout A = *static_cast<Layout *>(la), B = *static_cast<Layout *>(lb),
         C = *static_cast<Layout *>(lc);
  float factor = *alpha, keep = *beta;
  uint64_t inner = o.turn[0] ? A.rows : A.columns;
  if ((o.turn[0] ? A.columns : A.rows) != C.rows || (o.turn[1] ? B.columns : B.rows) != inner ||
      (o.turn[1] ? B.rows : B.columns) != C.columns || c != d) {
    return 7;
  }
  for (auto [p, l] : {std::pair{a, A}, {b, B}, {c, C}}) {
    size_t n = ((l.columns - 1) * l.stride + l.rows) * (l.type == 0 ? 4 : 2);
    if (!on_device(p, n)) return 7;
  }
  push(stream, [=] {
    auto at = [](uint64_t p, const Layout &l, bool turned, uint64_t row, uint64_t column) {
      uint64_t i = turned ? row * l.stride + column : column * l.stride + row;
      if (l.type == 0) return reinterpret_cast<const float *>(p)[i];
      return from_bits(uint32_t(reinterpret_cast<const uint16_t *>(p)[i]) << 16);
    };
    std::vector<float> left(C.rows * inner), right(inner * C.columns);
    for (uint64_t k = 0; k < inner; k++) {
      for (uint64_t i = 0; i < C.rows; i++) left[i * inner + k] = at(a, A, o.turn[0], i, k);
      for (uint64_t j = 0; j < C.columns; j++) right[j * inner + k] = at(b, B, o.turn[1], k, j);
    }
    for (uint64_t j = 0; j < C.columns; j++) {
      for (uint64_t i = 0; i < C.rows; i++) {
        float sums[8] = {};
        const float *x = &left[i * inner], *y = &right[j * inner];
        for (uint64_t k = 0; k < inner; k++) sums[k % 8] += x[k] * y[k];
        float sum = 0;
        for (float s : sums) sum += s;
        float old = keep == 0 ? 0 : keep * at(c, C, false, i, j);
        uint64_t place = j * C.stride + i;
        if (C.type == 0) reinterpret_cast<float *>(c)[place] = factor * sum + old;
        else reinterpret_cast<uint16_t *>(c)[place] = round_bf16(factor * sum + old);
      }
    }
  });
  return 0;
}

} // extern "C"
