"""What the benchmarks of the CPU engine share: models, and processes that answer questions."""

import json
import os
import subprocess
import sys

THREADS = 2
ROUNDS = int(os.environ.get("ROUNDS", "3"))
WORK = "build/bench-cpu"
SHAPES = {"15M": (288, 6, 6, 768), "110M": (768, 12, 12, 2048)}


def folder(name):
    """Returns the folder of a model, which is made from a seed unless it is a shared one."""
    if name == "656K":
        return os.path.realpath("../shared/data/models/TinyStories-656K-hf")
    path = f"{WORK}/{name}"
    if not os.path.exists(f"{path}/config.json"):
        import torch  # takes seconds
        import transformers

        hidden, layers, heads, ffn = SHAPES[name]
        torch.manual_seed(7)
        transformers.LlamaForCausalLM(transformers.LlamaConfig(
            vocab_size=32000, hidden_size=hidden, num_hidden_layers=layers, intermediate_size=ffn,
            num_attention_heads=heads, num_key_value_heads=heads, max_position_embeddings=2048,
            tie_word_embeddings=True)).save_pretrained(path)
    return os.path.realpath(path)


class Peer:
    """A process that answers questions by lines."""

    def __init__(self, *command):
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=sys.stderr, text=True)

    def ask(self, **q):
        self.p.stdin.write(json.dumps(q) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise SystemExit(f"a peer ended at {q}")
        return json.loads(line)

    def close(self):
        self.p.stdin.close()
        self.p.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
