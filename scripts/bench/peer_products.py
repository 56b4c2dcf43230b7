"""Times other libraries for kernels/measure: a JSON question a line, an answer a line."""

import functools
import json
import sys
import time

import numpy as np
import threadpoolctl
import torch


def best(f, seconds):
    """Returns the shortest time of f, after one call that does not count."""
    f()
    least, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        f()
        least = min(least, time.perf_counter() - begin)
    return least


def operand(rows, cols, transposed):
    x = np.random.default_rng(1).standard_normal((cols, rows) if transposed else (rows, cols))
    x = x.astype(np.float32)
    return x.T if transposed else x


@functools.lru_cache(maxsize=8)
def product(library, m, n, k, form):
    a, b = operand(m, k, form[0] == "T"), operand(k, n, form[1] == "T")
    if library == "openblas":
        c = np.empty((m, n), np.float32)
        return lambda: np.matmul(a, b, out=c)
    a, b = torch.from_numpy(a), torch.from_numpy(b)
    if library == "onednn":
        # Inductor's operator; it wants rows of both operands contiguous along k, a gift to it.
        a, b = a.contiguous(), b.t().contiguous()
        return lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")
    if library == "onednn_bf16":
        a, b = a.bfloat16(), b.bfloat16()
        c = torch.empty(m, n, dtype=torch.bfloat16)
        return lambda: torch.mm(a, b, out=c)
    if library == "mkl":
        c = torch.empty(m, n)
        return lambda: torch.mm(a, b, out=c)
    raise ValueError(f"unknown library {library!r}")


@functools.lru_cache(maxsize=8)
def attention(backward, t, h, kv, d):
    torch.manual_seed(1)
    q, k, v = (torch.randn(1, n, t, d, requires_grad=True) for n in (h, kv, kv))

    def forward():
        return torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=h != kv)

    if not backward:
        def run():
            with torch.no_grad():
                forward()
        return run
    out = forward()
    do = torch.randn_like(out)
    return lambda: torch.autograd.grad(out, (q, k, v), do, retain_graph=True)


def answer(q):
    torch.set_num_threads(q["threads"])
    with threadpoolctl.threadpool_limits(q["threads"], "blas"):
        if q["op"] == "mm":
            f = product(q["library"], q["m"], q["n"], q["k"], q["form"])
        else:
            f = attention(q["op"] == "attention_grad", q["t"], q["h"], q["kv"], q["d"])
        return {"seconds": best(f, q["seconds"])}


for line in sys.stdin:
    try:
        print(json.dumps(answer(json.loads(line))), flush=True)
    except (RuntimeError, ValueError, KeyError) as e:
        print(json.dumps({"seconds": 0, "error": str(e)}), flush=True)
