"""Tokens a second of reading prompts and of greedy decoding, one sequence and eight together, beside
llama.cpp with the same weights and cores, interleaved in one run, as JSON lines. Called by
scripts/bench/streams. Arguments: precisions (f32, bf16)."""

import json
import os
import statistics
import sys

from peers import ROUNDS, THREADS, WORK, Peer, folder

PROMPT, STEPS = 512, 32
HERE = os.path.dirname(os.path.abspath(__file__))


def measure(peers, q):
    """Returns the tokens a second of each peer, and the least share of tokens that are the same."""
    times, alike = {name: [] for name in peers}, []
    for _ in range(ROUNDS):
        answers = {name: p.ask(**q) for name, p in peers.items()}
        for name, a in answers.items():
            times[name].append(a["seconds"])
        a, b = (x["tokens"] for x in answers.values())
        alike.append(sum(x == y for x, y in zip(a, b)) / len(a))
    tokens = PROMPT if q["work"] == "prefill" else q["streams"]
    return {name: tokens / statistics.median(t) for name, t in times.items()}, min(alike)


def main():
    model = folder("110M")
    peers = {"ours": Peer(f"{WORK}/measure"),
             "llama.cpp": Peer(os.environ["LLAMA_PYTHON"], f"{HERE}/peer_streams.py")}
    for precision in sys.argv[1:] or ["f32", "bf16"]:
        for work, streams in (("prefill", 1), ("streams", 1), ("streams", 8)):
            rate, alike = measure(peers, {
                "work": work, "model": model, "context": PROMPT, "precision": precision, "threads": THREADS,
                "streams": streams, "steps": 1 if work == "prefill" else STEPS})
            print(json.dumps({
                "figure": f"{'prefill' if work == 'prefill' else 'decode'}_{streams}_{precision}",
                "model": os.path.basename(model), "prompt": PROMPT, "streams": streams, "precision": precision,
                "tokens_per_second": {k: round(v, 1) for k, v in rate.items()},
                "ratio": round(rate["ours"] / rate["llama.cpp"], 3), "rounds": ROUNDS,
                "equal_tokens": round(alike, 3), "load": round(os.getloadavg()[0], 1)}), flush=True)


main()
