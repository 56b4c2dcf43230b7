"""Tokens a second of reading prompts and of greedy decoding, one sequence and eight together, beside
llama.cpp with the same weights and cores, interleaved in one run, as JSON lines. Called by
scripts/bench/streams. Arguments: precisions (f32, bf16)."""

import json
import os
import statistics
import subprocess
import sys

ROUNDS, THREADS, PROMPT, STEPS = int(os.environ.get("ROUNDS", "3")), 2, 512, 32
HERE, WORK = os.path.dirname(os.path.abspath(__file__)), "build/bench-cpu"


def folder():
    """Returns the folder of a model of 110M parameters, which is made from a seed if it is not there:
    that of cpu.py."""
    path = f"{WORK}/110M"
    if not os.path.exists(f"{path}/config.json"):
        import torch
        import transformers
        torch.manual_seed(7)
        transformers.LlamaForCausalLM(transformers.LlamaConfig(
            vocab_size=32000, hidden_size=768, num_hidden_layers=12, intermediate_size=2048,
            num_attention_heads=12, num_key_value_heads=12, max_position_embeddings=2048,
            tie_word_embeddings=True)).save_pretrained(path)
    return os.path.realpath(path)


class Peer:
    """A process that answers questions by lines."""

    def __init__(self, *command):
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, q):
        self.p.stdin.write(json.dumps(q) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise SystemExit(f"a peer ended at {q}")
        return json.loads(line)


def measure(peers, q):
    """Returns the tokens a second of each peer, and the least share of tokens that are the same."""
    times, alike = {name: [] for name in peers}, []
    for _ in range(ROUNDS):
        answers = {name: p.ask(q) for name, p in peers.items()}
        for name, a in answers.items():
            times[name].append(a["seconds"])
        a, b = (x["tokens"] for x in answers.values())
        alike.append(sum(x == y for x, y in zip(a, b)) / len(a))
    tokens = PROMPT if q["work"] == "prefill" else q["streams"]
    return {name: tokens / statistics.median(t) for name, t in times.items()}, min(alike)


def main():
    model = folder()
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
