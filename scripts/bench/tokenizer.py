"""Encoding speed on one thread against other engines, on the same text in one run.

Each engine encodes 16 MB in documents of 1 KB, 1 MB and 16 MB, starts cold and keeps its caches, in a
process of its own. They take turns, three times; of each the best processor time counts, so that other
work on the machine weighs little. Hugging Face's engine takes documents of 1 MB and more, with which it is
slow, once, and its newest release none of those. The ids must be those of Hugging Face tokenizers; where another engine's differ, its line
says so.

usage: tokenizer.py THROUGHPUT TOKENIZER TEXT... (THROUGHPUT: the built internal/tokenizer/throughput)

PYTHON's tokenizers is the peer "hf". With PEERS, the Python of an environment that has the packages of
scripts/bench/tokenizer-requirements.txt, "newest" (a later release of it) and "gigatoken" run too.
ENGINES and SIZES (1KB 1MB 16MB) choose some of them.
"""

import json
import os
import subprocess
import sys
import tempfile

TOTAL = 16_000_000
SIZES = {"1KB": 1_000, "1MB": 1_000_000, "16MB": TOTAL}
LABELS = os.environ.get("SIZES", "1KB 1MB 16MB").split()
ROUNDS = 3
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_tokenizer.py")


def engines(program):
    commands = {"ours": [program], "hf": [sys.executable, PEER, "hf"]}
    if peers := os.environ.get("PEERS"):
        commands["newest"] = [peers, PEER, "hf"]
        commands["gigatoken"] = [peers, PEER, "gigatoken"]
    chosen = os.environ.get("ENGINES", " ".join(commands)).split()
    return {name: command for name, command in commands.items() if name == "ours" or name in chosen}


def encode(command, tokenizer, path, size):
    """Returns seconds and, to compare, the number of ids and their digest."""
    environment = dict(os.environ, GOMAXPROCS="1")
    done = subprocess.run([*command, tokenizer, path, str(size)], env=environment, check=True,
                          capture_output=True, text=True)
    seconds, n, digest = done.stdout.split()
    return float(seconds), (int(n), digest)


def report(name, ours, peer, **more):
    print(json.dumps({"name": name, "ours": round(ours, 2), "peer": round(peer, 2), "unit": "MB/s",
                      "ratio": round(ours / peer, 2), **more}), flush=True)


def compare(commands, tokenizer, path, label):
    """Returns MB/s of each engine, and the engines whose ids are not ours."""
    best, differ = {}, {}
    for n in range(ROUNDS):
        want = None
        for engine, command in commands.items():
            if label != "1KB" and (engine == "newest" or n > 0 and engine == "hf"):
                continue
            seconds, ids = encode(command, tokenizer, path, SIZES[label])
            want = want or ids
            if ids != want:
                differ[engine] = {"ids": ids[0], "our_ids": want[0]}
            best[engine] = min(best.get(engine, float("inf")), seconds)
    size = os.path.getsize(path) / 1e6
    return {engine: size / t for engine, t in best.items()}, differ


def measure(program, tokenizer, path, name):
    speeds = {}
    for label in LABELS:
        speeds[label], differ = compare(engines(program), tokenizer, path, label)
        if "hf" in differ:
            sys.exit(f"{name} {label}: other ids than Hugging Face tokenizers: {differ['hf']}")
        for peer in list(speeds[label])[1:]:
            report(f"tokenize_{name}_{label}_vs_{peer}", speeds[label]["ours"], speeds[label][peer],
                   **({"ids_differ": differ[peer]} if peer in differ else {}))
    if {"1KB", "16MB"} <= speeds.keys():
        report(f"tokenize_{name}_flatness_16MB_vs_1KB", speeds["16MB"]["ours"], speeds["1KB"]["ours"])


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
            name = os.path.splitext(os.path.basename(text))[0]
            measure(program, tokenizer, f.name, f"{kind}_{name}")


main()
