"""Encoding speed on one thread against Hugging Face tokenizers, on the same text in one run.

Each engine reads 16 MB in documents of 1 KB, 1 MB and 16 MB, starts cold and keeps its caches. Both
run three times in turn; the best time of each counts. The numbers of ids must agree.

usage: tokenizer.py THROUGHPUT TOKENIZER TEXT... (THROUGHPUT: the built internal/tokenizer/throughput)
"""

import json
import os
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer  # noqa: E402

TOTAL = 16_000_000
SIZES = {"1KB": 1_000, "1MB": 1_000_000, "16MB": TOTAL}


def cut(data, size):
    """Cuts UTF-8 as throughput does: between characters, at or after size bytes."""
    pieces, i = [], 0
    while len(data) - i > size:
        n = i + size
        while n < len(data) and data[n] & 0xC0 == 0x80:
            n += 1
        pieces.append(data[i:n].decode())
        i = n
    return pieces + [data[i:].decode()]


def ours(program, tokenizer, path, size):
    environment = dict(os.environ, GOMAXPROCS="1")
    out = subprocess.run([program, tokenizer, path, str(size)], env=environment, check=True,
                         capture_output=True, text=True).stdout.split()
    return float(out[0]), int(out[1])


def peer(tokenizer, documents):
    engine = Tokenizer.from_file(tokenizer)
    begun, n = time.perf_counter(), 0
    for d in documents:
        n += len(engine.encode(d, add_special_tokens=False).ids)
    return time.perf_counter() - begun, n


def report(name, ours, peer):
    print(json.dumps({"name": name, "ours": round(ours, 2), "peer": round(peer, 2), "unit": "MB/s",
                      "ratio": round(ours / peer, 2)}), flush=True)


def main():
    program, tokenizer, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
    kind = os.path.basename(os.path.dirname(os.path.abspath(tokenizer)))
    for text in texts:
        with open(text, "rb") as f:
            data = f.read().decode("utf-8", "replace").encode()
        while len(data) < TOTAL:
            data += data
        data = data[:TOTAL].decode("utf-8", "ignore").encode()
        with tempfile.NamedTemporaryFile() as f:
            f.write(data)
            f.flush()
            speeds = {}
            for label, size in SIZES.items():
                documents = cut(data, size)
                best = {"ours": float("inf"), "peer": float("inf")}
                for _ in range(3 if size < TOTAL else 2):
                    t, n = ours(program, tokenizer, f.name, size)
                    best["ours"] = min(best["ours"], t)
                    t, m = peer(tokenizer, documents)
                    best["peer"] = min(best["peer"], t)
                    if n != m:
                        sys.exit(f"{kind} {text} {label}: {n} ids, the peer has {m}")
                a, b = (len(data) / 1e6 / best[k] for k in ("ours", "peer"))
                speeds[label] = a
                name = os.path.splitext(os.path.basename(text))[0]
                report(f"tokenize_{kind}_{name}_{label}_vs_hf", a, b)
            report(f"tokenize_{kind}_{name}_flatness_16MB_vs_1KB", speeds["16MB"], speeds["1KB"])


main()
