"""Prints the figures of scripts/bench/shards as JSON lines.

Usage: shards.py DATASET BENCH.txt
"""

import json
import re
import sys
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet


def mean(read, seconds=2.0):
    """Returns the mean processor time of a read, tried for some seconds."""
    reads, start, end = 0, time.process_time(), time.perf_counter() + seconds
    while not reads or time.perf_counter() < end:
        read()
        reads += 1
    return (time.process_time() - start) / reads


def main():
    dataset, lines = Path(sys.argv[1]), Path(sys.argv[2]).read_text()
    manifest = json.loads((dataset / "manifest.json").read_text())
    files = [dataset / f["path"] for f in manifest["files"]]
    tokens = sum(f["tokens"] for f in manifest["files"])
    pyarrow.set_cpu_count(1)

    def read():
        for f in files:
            pyarrow.parquet.read_table(f, use_threads=False, pre_buffer=True)

    peer = tokens / mean(read) / 1e6
    ours = float(re.search(r"([\d.]+) Mtok/cpu-s", lines)[1])
    ms = {name: float(n) / 1e6
          for name, n in re.findall(r"Benchmark(FirstBatch|Resume)\S*\s+\d+\s+([\d.]+) ns/op", lines)}
    out = [
        {"name": "shard_decode_Mtok_s", "ours": ours, "unit": "Mtok/s"},
        {"name": "shard_read_vs_pyarrow", "ours": ours, "peer": round(peer, 1), "unit": "Mtok/s",
         "ratio": round(ours / peer, 2), "peer_name": f"pyarrow {pyarrow.__version__}, one thread"},
        {"name": "shard_first_batch", "ours": round(ms["FirstBatch"], 2), "unit": "ms"},
        {"name": "shard_resume_1e6", "ours": round(ms["Resume"], 2), "unit": "ms"},
    ]
    for line in out:
        print(json.dumps(line))


main()
