// Segmented causal attention with shared key heads, forward and backward, on tensor cores (doc.go
// has the formulas). The pattern is data: for each group of heads a table gives, for each position,
// the first key that a query there sees, and the end of the segment that a key lies in. A tile of
// queries goes through the keys from its first query's first to its last query; a tile of keys
// through the queries from its own position to the end of its last key's segment. No key is copied
// for a query head, nothing is rolled or padded.
//
// The gradient is two kernels: one for the keys, one for the queries, and each number is summed by
// one thread in one order. So runs are equal bit by bit, at the price of computing the scores
// twice: seven products in place of five.
//
// dim, the size of a head, is at most D, the size that a kernel is made for: the rest of a tile's
// columns is zero.
#include "../cuda/source/vocabulary.cuh"

// Rows is a tensor [tokens, heads, dim]: strides in elements.
struct Rows {
  bf16 *data;
  i64 token, head;
};

// Call is the argument of all kernels here; Go's struct attentionCall has the same layout.
struct Call {
  Rows q, k, v, o, dq, dk, dv, dout;
  float *lse, *delta; // [heads, queries]
  const int *first;   // [groups, keys]: the first key that a query at this position sees
  const int *last;    // [groups, keys]: the end, exclusive, of the segment that this key lies in
  const int *group;   // [heads]
  i64 queries, keys, heads, shared, dim;
  i64 offset;  // query 0's position among the keys
  i64 aligned; // 1: rows begin at multiples of 16 bytes, and dim is a multiple of 8
  float scale, padding;
};

#define NEVER from_bits(0xff800000u) // minus infinity
#define NAN_ from_bits(0x7fffffffu)

// Tile is rows of D brain floats in shared memory. The pitch spreads eight rows over all banks.
template <int D> struct Tile {
  bf16 *data;
  static constexpr int pitch = D + 8;

  // left is where this lane's row lies for the left operand, of the 16x16 matrix at row and column.
  DEVICE_METHOD const bf16 *left(int row, int column) const {
    int lane = threadIdx.x % 32;
    return data + (row + lane / 8 % 2 * 8 + lane % 8) * pitch + column + lane / 16 * 8;
  }
  // right is the same for the right operand whose columns are the tile's rows; turned, for that
  // whose rows are the tile's rows, left will do.
  DEVICE_METHOD const bf16 *right(int row, int column) const {
    int lane = threadIdx.x % 32;
    return data + (row + lane / 16 * 8 + lane % 8) * pitch + column + lane / 8 % 2 * 8;
  }
};

// Stages are two tiles of so many rows: one is filled while the other is used.
template <int D, int rows> struct Stages {
  bf16 *data;
  DEVICE_METHOD Tile<D> operator[](int stage) const {
    return {data + stage * (rows * Tile<D>::pitch)};
  }
};

// fill starts loading rows [from, from+rows) of a head, zeros from end on.
template <int D, int rows, int threads>
DEVICE void fill(Tile<D> to, const bf16 *head, i64 stride, i64 from, i64 end, int dim,
                 bool aligned) {
  constexpr int parts = D / 8;
  for (int i = threadIdx.x; i < rows * parts; i += threads) {
    int row = i / parts, column = i % parts * 8;
    bf16 *at = to.data + row * Tile<D>::pitch + column;
    bool there = from + row < end;
    if (aligned) {
      bool valid = there && column < dim;
      copy16(at, valid ? head + (from + row) * stride + column : head, valid);
      continue;
    }
    for (int e = 0; e < 8; e++) {
      at[e].bits = there && column + e < dim ? head[(from + row) * stride + column + e].bits : 0;
    }
  }
}

// product computes c += a bᵀ for 16 rows of a and n rows of b, over D columns.
template <int D, int n>
DEVICE void product(float (*c)[4], Tile<D> a, int row, Tile<D> b) {
  UNROLL for (int k = 0; k < D / 16; k++) {
    uint32_t left[4];
    load_matrices(left, a.left(row, 16 * k));
    UNROLL for (int j = 0; j < n / 16; j++) {
      uint32_t right[4];
      load_matrices(right, b.right(16 * j, 16 * k));
      mma(c[2 * j], left, right[0], right[1]);
      mma(c[2 * j + 1], left, right[2], right[3]);
    }
  }
}

// accumulate computes c += a b for 16 rows of a, which is n columns of sums as mma leaves them, and
// the first n rows of b. The two layouts are the same: sums become an operand without moving.
template <int D, int n> DEVICE void accumulate(float (*c)[4], float (*a)[4], Tile<D> b) {
  UNROLL for (int k = 0; k < n / 16; k++) {
    uint32_t left[4] = {
        pair(a[2 * k][0], a[2 * k][1]), pair(a[2 * k][2], a[2 * k][3]),
        pair(a[2 * k + 1][0], a[2 * k + 1][1]), pair(a[2 * k + 1][2], a[2 * k + 1][3])};
    UNROLL for (int j = 0; j < D / 16; j++) {
      uint32_t right[4];
      load_matrices_turned(right, b.left(16 * k, 16 * j));
      mma(c[2 * j], left, right[0], right[1]);
      mma(c[2 * j + 1], left, right[2], right[3]);
    }
  }
}

// clear zeroes n fragments.
template <int n> DEVICE void clear(float (*c)[4]) {
  UNROLL for (int i = 0; i < n; i++) {
    UNROLL for (int e = 0; e < 4; e++) c[i][e] = 0;
  }
}

// store rounds 16 rows of sums to a head's rows from row on, those before end, times factor. Two
// columns are written at once where rows are aligned.
template <int D>
DEVICE void store(bf16 *head, i64 stride, i64 row, i64 end, int dim, bool aligned, float (*c)[4],
                  const float *factor) {
  int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  UNROLL for (int half = 0; half < 2; half++) {
    i64 at = row + g + 8 * half;
    if (at >= end) continue;
    UNROLL for (int j = 0; j < D / 8; j++) {
      int column = 8 * j + 2 * t;
      float low = c[j][2 * half] * factor[half], high = c[j][2 * half + 1] * factor[half];
      bf16 *to = head + at * stride + column;
      if (aligned && column < dim) {
        *(uint32_t *)to = pair(low, high);
        continue;
      }
      if (column < dim) put(to, low);
      if (column + 1 < dim) put(to + 1, high);
    }
  }
}

// ---- Forward: a block is 128 queries of a head; each of 8 warps has 16 of them.

#define FORWARD_QUERIES 128
#define FORWARD_KEYS 64
#define FORWARD_THREADS 256

// hide takes what is no number out of the values of a tile that not all queries see whole: the
// product would spread it to queries that do not see it, since 0 times it is not 0. bad receives
// which keys have any, and bad[FORWARD_KEYS] whether one has; the queries that see one get NaN
// (spread).
template <int D> DEVICE void hide(Tile<D> values, int *bad) {
  for (int i = threadIdx.x; i <= FORWARD_KEYS; i += FORWARD_THREADS) bad[i] = 0;
  barrier();
  for (int i = threadIdx.x; i < FORWARD_KEYS * D; i += FORWARD_THREADS) {
    bf16 *at = values.data + i / D * Tile<D>::pitch + i % D;
    if (!finite(value(*at))) {
      at->bits = 0;
      bad[i / D] = bad[FORWARD_KEYS] = 1;
    }
  }
  barrier();
}

template <int D>
DEVICE void spread(float (*o)[4], const int *bad, i64 from, const i64 *low, const i64 *position) {
  if (!bad[FORWARD_KEYS]) return;
  for (int key = 0; key < FORWARD_KEYS; key++) {
    for (int half = 0; half < 2; half++) {
      if (!bad[key] || from + key < low[half] || from + key > position[half]) continue;
      UNROLL for (int j = 0; j < D / 8; j++) o[j][2 * half] = o[j][2 * half + 1] = NAN_;
    }
  }
}

template <int D> DEVICE void forward(const Call &c) {
  constexpr int queries = FORWARD_QUERIES, keys = FORWARD_KEYS, threads = FORWARD_THREADS;
  constexpr int size = keys * Tile<D>::pitch;
  bf16 *memory = (bf16 *)shared_memory();
  int *bad = (int *)(memory + 4 * size);
  int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, dim = (int)c.dim;
  i64 head = blockIdx.y;
  // The last queries see most: they begin first.
  i64 start = c.offset + (i64)(gridDim.x - 1 - blockIdx.x) * queries;
  i64 end = least(start + queries, c.offset + c.queries);
  const int *first = c.first + c.group[head] * c.keys;
  i64 begin = first[start], all = first[end - 1];
  const bf16 *k = c.k.data + head / c.shared * c.k.head;
  const bf16 *v = c.v.data + head / c.shared * c.v.head;

  bool aligned = c.aligned != 0;
  // low and position bound the keys that this thread's two rows see.
  i64 low[2], position[2];
  uint32_t q[D / 16][4];
  UNROLL for (int half = 0; half < 2; half++) {
    i64 p = start + 16 * warp + g + 8 * half;
    position[half] = p;
    low[half] = p < end ? first[p] : end;
    const bf16 *row = c.q.data + (p - c.offset) * c.q.token + head * c.q.head;
    UNROLL for (int i = 0; i < D / 16; i++) {
      UNROLL for (int e = 0; e < 2; e++) {
        int column = 16 * i + 2 * t + 8 * e;
        if (aligned) {
          q[i][half + 2 * e] = p < end && column < dim ? *(const uint32_t *)(row + column) : 0;
          continue;
        }
        uint32_t one = p < end && column < dim ? row[column].bits : 0;
        uint32_t two = p < end && column + 1 < dim ? row[column + 1].bits : 0;
        q[i][half + 2 * e] = one | two << 16;
      }
    }
  }

  float o[D / 8][4], top[2] = {NEVER, NEVER}, sum[2] = {0, 0};
  clear<D / 8>(o);
  float factor = c.scale * LOG2E;
  Stages<D, keys> key_tiles = {memory}, value_tiles = {memory + 2 * size};
  fill<D, keys, threads>(key_tiles[0], k, c.k.token, begin, end, dim, aligned);
  fill<D, keys, threads>(value_tiles[0], v, c.v.token, begin, end, dim, aligned);
  commit_copies();
  int stage = 0;
  for (i64 from = begin; from < end; from += keys, stage ^= 1) {
    if (from + keys < end) {
      fill<D, keys, threads>(key_tiles[stage ^ 1], k, c.k.token, from + keys, end, dim, aligned);
      fill<D, keys, threads>(value_tiles[stage ^ 1], v, c.v.token, from + keys, end, dim, aligned);
      commit_copies();
      await_copies<1>();
    } else {
      await_copies<0>();
    }
    barrier();
    bool partial = from < all || from + keys - 1 > start; // not every query sees every key
    if (partial) hide<D>(value_tiles[stage], bad);

    float s[keys / 8][4];
    clear<keys / 8>(s);
    UNROLL for (int i = 0; i < D / 16; i++) {
      UNROLL for (int j = 0; j < keys / 16; j++) {
        uint32_t right[4];
        load_matrices(right, key_tiles[stage].right(16 * j, 16 * i));
        mma(s[2 * j], q[i], right[0], right[1]);
        mma(s[2 * j + 1], q[i], right[2], right[3]);
      }
    }
    float most[2] = {top[0], top[1]};
    UNROLL for (int j = 0; j < keys / 8; j++) {
      UNROLL for (int e = 0; e < 4; e++) {
        i64 key = from + 8 * j + 2 * t + e % 2;
        bool seen = !partial || (low[e / 2] <= key && key <= position[e / 2]);
        s[j][e] = seen ? s[j][e] * factor : NEVER;
        most[e / 2] = larger(most[e / 2], s[j][e]);
      }
    }
    UNROLL for (int half = 0; half < 2; half++) {
      most[half] = larger(most[half], shuffle_xor(most[half], 1));
      most[half] = larger(most[half], shuffle_xor(most[half], 2));
      float base = most[half] == NEVER ? 0 : most[half]; // no key seen yet
      float shrink = power2(top[half] - base);
      top[half] = most[half];
      sum[half] *= shrink;
      UNROLL for (int j = 0; j < D / 8; j++) {
        o[j][2 * half] *= shrink;
        o[j][2 * half + 1] *= shrink;
      }
      UNROLL for (int j = 0; j < keys / 8; j++) {
        UNROLL for (int e = 2 * half; e < 2 * half + 2; e++) {
          s[j][e] = power2(s[j][e] - base);
          sum[half] += s[j][e];
        }
      }
    }
    accumulate<D, keys>(o, s, value_tiles[stage]);
    if (partial) spread<D>(o, bad, from, low, position);
    barrier();
  }

  float share[2];
  UNROLL for (int half = 0; half < 2; half++) {
    sum[half] += shuffle_xor(sum[half], 1);
    sum[half] += shuffle_xor(sum[half], 2);
    share[half] = 1 / sum[half];
    i64 p = position[half];
    if (t == 0 && p < end) {
      c.lse[head * c.queries + p - c.offset] = (top[half] + logarithm2(sum[half])) * LN2;
    }
  }
  store<D>(c.o.data + head * c.o.head, c.o.token, start + 16 * warp - c.offset, end - c.offset, dim,
           aligned, o, share);
}

// ---- delta = Σ do·o: a warp for each query of a head.

KERNEL(128, attention_delta, Call c) {
  i64 at = (i64)blockIdx.x * 4 + threadIdx.x / 32, head = at / c.queries, i = at % c.queries;
  if (head >= c.heads) return;
  const bf16 *o = c.o.data + i * c.o.token + head * c.o.head;
  const bf16 *dout = c.dout.data + i * c.dout.token + head * c.dout.head;
  float sum = 0;
  for (int e = threadIdx.x % 32; e < c.dim; e += 32) sum += value(o[e]) * value(dout[e]);
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
  if (threadIdx.x % 32 == 0) c.delta[at] = sum;
}

// ---- Gradient by the queries: a block is 64 queries of a head, 16 a warp.

#define QUERY_GRADIENT_QUERIES 64
#define QUERY_GRADIENT_KEYS 32
#define GRADIENT_THREADS 128

template <int D> DEVICE void query_gradient(const Call &c) {
  constexpr int queries = QUERY_GRADIENT_QUERIES, keys = QUERY_GRADIENT_KEYS;
  constexpr int threads = GRADIENT_THREADS, pitch = Tile<D>::pitch;
  bf16 *memory = (bf16 *)shared_memory();
  Tile<D> q = {memory}, dout = {memory + queries * pitch};
  memory += 2 * queries * pitch;
  Stages<D, keys> key_tiles = {memory}, value_tiles = {memory + 2 * keys * pitch};
  int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, dim = (int)c.dim;
  i64 head = blockIdx.y;
  i64 start = c.offset + (i64)(gridDim.x - 1 - blockIdx.x) * queries;
  i64 end = least(start + queries, c.offset + c.queries);
  const int *first = c.first + c.group[head] * c.keys;
  i64 begin = first[start], all = first[end - 1];
  const bf16 *k = c.k.data + head / c.shared * c.k.head;
  const bf16 *v = c.v.data + head / c.shared * c.v.head;
  bool aligned = c.aligned != 0;

  fill<D, queries, threads>(q, c.q.data + head * c.q.head, c.q.token, start - c.offset,
                            end - c.offset, dim, aligned);
  fill<D, queries, threads>(dout, c.dout.data + head * c.dout.head, c.dout.token, start - c.offset,
                            end - c.offset, dim, aligned);
  fill<D, keys, threads>(key_tiles[0], k, c.k.token, begin, end, dim, aligned);
  fill<D, keys, threads>(value_tiles[0], v, c.v.token, begin, end, dim, aligned);
  commit_copies();
  i64 low[2], position[2];
  float lse[2], delta[2];
  UNROLL for (int half = 0; half < 2; half++) {
    i64 p = start + 16 * warp + g + 8 * half, at = head * c.queries + p - c.offset;
    position[half] = p;
    low[half] = p < end ? first[p] : end;
    lse[half] = p < end ? c.lse[at] * LOG2E : 0;
    delta[half] = p < end ? c.delta[at] : 0;
  }
  float dq[D / 8][4];
  clear<D / 8>(dq);
  int stage = 0;
  for (i64 from = begin; from < end; from += keys, stage ^= 1) {
    if (from + keys < end) {
      fill<D, keys, threads>(key_tiles[stage ^ 1], k, c.k.token, from + keys, end, dim, aligned);
      fill<D, keys, threads>(value_tiles[stage ^ 1], v, c.v.token, from + keys, end, dim, aligned);
      commit_copies();
      await_copies<1>();
    } else {
      await_copies<0>();
    }
    barrier();
    bool partial = from < all || from + keys - 1 > start;
    float s[keys / 8][4], dp[keys / 8][4];
    clear<keys / 8>(s);
    clear<keys / 8>(dp);
    product<D, keys>(s, q, 16 * warp, key_tiles[stage]);
    product<D, keys>(dp, dout, 16 * warp, value_tiles[stage]);
    UNROLL for (int j = 0; j < keys / 8; j++) {
      UNROLL for (int e = 0; e < 4; e++) {
        i64 key = from + 8 * j + 2 * t + e % 2;
        bool seen = !partial || (low[e / 2] <= key && key <= position[e / 2]);
        float p = power2(s[j][e] * (c.scale * LOG2E) - lse[e / 2]);
        s[j][e] = seen ? p * (dp[j][e] - delta[e / 2]) * c.scale : 0;
      }
    }
    accumulate<D, keys>(dq, s, key_tiles[stage]);
    barrier();
  }
  float one[2] = {1, 1};
  store<D>(c.dq.data + head * c.dq.head, c.dq.token, start + 16 * warp - c.offset, end - c.offset,
           dim, aligned, dq, one);
}

// ---- Gradient by the keys: a block is 64 keys of a key head, 16 a warp.

#define KEY_GRADIENT_KEYS 64
#define KEY_GRADIENT_QUERIES 32

// Turn is a tile of queries of a head: those from position p on.
struct Turn {
  i64 head, p, end;
};

// next moves to the next queries that see keys of the tile [from, to); past the last head there are
// none.
DEVICE void begin_head(const Call &c, Turn &turn, i64 from, i64 to, i64 heads) {
  for (; turn.head < heads; turn.head++) {
    turn.p = most(from, c.offset);
    turn.end = least(c.last[c.group[turn.head] * c.keys + to - 1], c.offset + c.queries);
    if (turn.p < turn.end) return;
  }
}
DEVICE void next(const Call &c, Turn &turn, i64 from, i64 to, i64 heads) {
  turn.p += KEY_GRADIENT_QUERIES;
  if (turn.p < turn.end) return;
  turn.head++;
  begin_head(c, turn, from, to, heads);
}

// Columns is what the gradient needs to know of each query of a tile.
struct Columns {
  float lse[KEY_GRADIENT_QUERIES], delta[KEY_GRADIENT_QUERIES];
  int first[KEY_GRADIENT_QUERIES];
};

template <int D>
DEVICE void fill_queries(const Call &c, const Turn &turn, Tile<D> q, Tile<D> dout,
                         Columns *columns) {
  constexpr int queries = KEY_GRADIENT_QUERIES, threads = GRADIENT_THREADS;
  bool aligned = c.aligned != 0;
  fill<D, queries, threads>(q, c.q.data + turn.head * c.q.head, c.q.token, turn.p - c.offset,
                            turn.end - c.offset, (int)c.dim, aligned);
  fill<D, queries, threads>(dout, c.dout.data + turn.head * c.dout.head, c.dout.token,
                            turn.p - c.offset, turn.end - c.offset, (int)c.dim, aligned);
  if (threadIdx.x < queries) {
    i64 p = turn.p + threadIdx.x, at = turn.head * c.queries + p - c.offset;
    bool there = p < turn.end;
    columns->lse[threadIdx.x] = there ? c.lse[at] * LOG2E : 0;
    columns->delta[threadIdx.x] = there ? c.delta[at] : 0;
    // Of the queries that are not there, no key is seen.
    columns->first[threadIdx.x] = there ? c.first[c.group[turn.head] * c.keys + p] : (int)c.keys;
  }
  commit_copies();
}

template <int D> DEVICE void key_gradient(const Call &c) {
  constexpr int queries = KEY_GRADIENT_QUERIES, keys = KEY_GRADIENT_KEYS;
  constexpr int threads = GRADIENT_THREADS, pitch = Tile<D>::pitch;
  bf16 *memory = (bf16 *)shared_memory();
  Tile<D> k = {memory}, v = {memory + keys * pitch};
  memory += 2 * keys * pitch;
  Stages<D, queries> query_tiles = {memory}, dout_tiles = {memory + 2 * queries * pitch};
  Columns *columns = (Columns *)(memory + 4 * queries * pitch);
  int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4, dim = (int)c.dim;
  i64 key_head = blockIdx.y, from = (i64)blockIdx.x * keys, to = least(from + keys, c.keys);
  bool aligned = c.aligned != 0;
  fill<D, keys, threads>(k, c.k.data + key_head * c.k.head, c.k.token, from, to, dim, aligned);
  fill<D, keys, threads>(v, c.v.data + key_head * c.v.head, c.v.token, from, to, dim, aligned);

  float dk[D / 8][4], dv[D / 8][4];
  clear<D / 8>(dk);
  clear<D / 8>(dv);
  i64 heads = (key_head + 1) * c.shared;
  Turn turn = {key_head * c.shared, 0, 0};
  begin_head(c, turn, from, to, heads);
  if (turn.head < heads) fill_queries<D>(c, turn, query_tiles[0], dout_tiles[0], columns);
  int stage = 0;
  while (turn.head < heads) {
    Turn after = turn;
    next(c, after, from, to, heads);
    if (after.head < heads) {
      int other = stage ^ 1;
      fill_queries<D>(c, after, query_tiles[other], dout_tiles[other], columns + other);
      await_copies<1>();
    } else {
      await_copies<0>();
    }
    barrier();
    // Rows are keys, columns queries.
    float p[queries / 8][4], dp[queries / 8][4];
    clear<queries / 8>(p);
    clear<queries / 8>(dp);
    product<D, queries>(p, k, 16 * warp, query_tiles[stage]);
    product<D, queries>(dp, v, 16 * warp, dout_tiles[stage]);
    UNROLL for (int j = 0; j < queries / 8; j++) {
      UNROLL for (int e = 0; e < 4; e++) {
        int column = 8 * j + 2 * t + e % 2;
        i64 key = from + 16 * warp + g + e / 2 * 8;
        bool seen = columns[stage].first[column] <= key && key <= turn.p + column && key < to;
        float w = power2(p[j][e] * (c.scale * LOG2E) - columns[stage].lse[column]);
        p[j][e] = seen ? w : 0;
        dp[j][e] = seen ? w * (dp[j][e] - columns[stage].delta[column]) * c.scale : 0;
      }
    }
    accumulate<D, queries>(dv, p, dout_tiles[stage]);
    accumulate<D, queries>(dk, dp, query_tiles[stage]);
    barrier();
    turn = after;
    stage ^= 1;
  }
  await_copies<0>();
  float one[2] = {1, 1};
  store<D>(c.dk.data + key_head * c.dk.head, c.dk.token, from + 16 * warp, to, dim,
           aligned, dk, one);
  store<D>(c.dv.data + key_head * c.dv.head, c.dv.token, from + 16 * warp, to, dim,
           aligned, dv, one);
}

#define KERNELS(D)                                                                                 \
  KERNEL(FORWARD_THREADS, attention_forward_##D, Call c) { forward<D>(c); }                        \
  KERNEL(GRADIENT_THREADS, attention_query_gradient_##D, Call c) { query_gradient<D>(c); }         \
  KERNEL(GRADIENT_THREADS, attention_key_gradient_##D, Call c) { key_gradient<D>(c); }
KERNELS(32)
KERNELS(64)
KERNELS(128)
