"""Numbers by formula, the same in Python and in Go (trainer/parity/formula_test.go), so that large
arrays need not be stored."""

import numpy as np

MASK = (1 << 64) - 1


def _hash(name, n):
    """SplitMix64 (Steele et al. 2014) of the indices [0, n), seeded by FNV-1a of name."""
    seed = 0xCBF29CE484222325
    for b in name.encode():
        seed = ((seed ^ b) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def uniform(name, n):
    """n multiples of 2^-23 in [-1, 1), exact in float32."""
    return (_hash(name, n) >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1


def token_ids(name, n, vocab):
    """n ids below vocab."""
    return ((_hash(name, n) >> np.uint64(33)) % np.uint64(vocab)).astype(np.int64).tolist()


BUCKETS = 1024


def sketch(name, values):
    """A tensor of up to BUCKETS elements as it is; a larger one as a count sketch (Charikar et al.
    2002): element i is added, with a random sign, to a random bucket. The map is linear, and the L2
    norm of a sketch estimates that of the tensor with a relative error of sqrt(1/(2·BUCKETS))."""
    v = np.asarray(values, dtype=np.float64).ravel()
    if len(v) <= BUCKETS:
        return v.astype(np.float32)
    h = _hash("sketch:" + name, len(v))
    sign = np.where(h >> np.uint64(63), -1.0, 1.0)
    bucket = (h % np.uint64(BUCKETS)).astype(np.int64)
    return np.bincount(bucket, weights=sign * v, minlength=BUCKETS).astype(np.float32)
