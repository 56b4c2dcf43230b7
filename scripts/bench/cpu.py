"""Training steps of trainer against PyTorch, interleaved in one run, as JSON lines. Arguments:
the names of figures; none: all. Called by scripts/bench/cpu."""

import json
import os
import statistics
import subprocess
import sys

import torch
import transformers

THREADS = 2
ROUNDS = int(os.environ.get("ROUNDS", "5"))
HERE = os.path.dirname(os.path.abspath(__file__))
WORK = "build/bench-cpu"
SHAPES = {"15M": (288, 6, 6, 768), "110M": (768, 12, 12, 2048)}


def folder(name):
    """Returns the folder of a model, which is made from a seed unless it is a shared one."""
    if name == "656K":
        return os.path.realpath("../shared/data/models/TinyStories-656K-hf")
    path = f"{WORK}/{name}"
    if not os.path.exists(f"{path}/config.json"):
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


def ours():
    return Peer(f"{WORK}/measure")


def pytorch():
    # -P: transformers would take the kernels.py beside it for a package of that name.
    return Peer(sys.executable, "-P", f"{HERE}/torch_step.py")


def question(model, context, attention, **more):
    return dict(model=folder(model), context=context, attention=attention, threads=THREADS,
                steps=1, precision="f32", **more)


def variants(precisions, compiled=True):
    return [dict(precision=p, compile=c, checkpoint=k, chunked=False)
            for p in precisions for c in ([False, True] if compiled else [False])
            for k in (False, True)]


def step_ratio(name, model, context, attention, precision, peers):
    """The median of our step's time against that of the fastest variant of PyTorch."""
    mine, torch_ = ours(), pytorch()
    q = question(model, context, attention)
    us = dict(q, precision=precision, recompute=False)
    first = mine.ask(**us)["loss"]
    alive = {}
    for v in variants(peers):
        a = torch_.ask(**dict(q, **v))
        label = f"{v['precision']}{'+compile' * v['compile']}{'+checkpoint' * v['checkpoint']}"
        if "error" in a:
            print(f"{name}: {label}: {a['error']}", file=sys.stderr)
            continue
        if v["precision"] == "f32" == precision and abs(a["loss"] - first) > 1e-4 * first:
            raise SystemExit(f"{name}: {label}: loss {a['loss']}, ours {first}: unequal work")
        alive[label] = v
    times, own = {k: [] for k in alive}, []
    for _ in range(ROUNDS):
        own.append(mine.ask(**us)["seconds"])
        for k, v in alive.items():
            times[k].append(torch_.ask(**dict(q, **v))["seconds"])
    mine.close()
    torch_.close()
    medians = {k: statistics.median(t) for k, t in times.items()}
    best = min(medians, key=medians.get)
    t = statistics.median(own)
    report(name, medians[best] / t, seconds=round(t, 4), peer=best,
           peers={k: round(v, 4) for k, v in medians.items()})


def s2_ratio(name, context):
    mine, times = ours(), {"s2": [], "full": []}
    for k in times:
        mine.ask(**question("15M", context, k, recompute=True))
    for _ in range(min(ROUNDS, 3)):
        for k in times:
            times[k].append(mine.ask(**question("15M", context, k, recompute=True))["seconds"])
    mine.close()
    medians = {k: statistics.median(t) for k, t in times.items()}
    report(name, medians["full"] / medians["s2"], seconds=medians)


def memory(name, context):
    """Peaks of separate processes, one step each: PyTorch checkpoints its layers."""
    def peak(p, **q):
        a = p.ask(**q)
        p.close()
        if "error" in a:
            raise SystemExit(f"{name}: {a['error']}")
        return a["peak_kib"] / 1024
    q = question("15M", context, "s2")
    us = peak(ours(), **dict(q, recompute=True))
    for suffix, chunked in (("_chunked_loss", True), ("", False)):
        them = peak(pytorch(), **dict(q, compile=False, checkpoint=True, chunked=chunked))
        report(name + suffix, us / them, mib=round(us, 1), peer_mib=round(them, 1))


def report(name, value, **more):
    print(json.dumps(dict(name=name, value=round(value, 3), **more)), flush=True)


FIGURES = {
    "sft_15M_s2_2048_vs_torch_f32":
        lambda n: step_ratio(n, "15M", 2048, "s2", "f32", ["f32"]),
    "sft_15M_s2_2048_bf16_vs_torch_best":
        lambda n: step_ratio(n, "15M", 2048, "s2", "bf16", ["f32", "bf16"]),
    "sft_656K_s2_8192_vs_torch_f32":
        lambda n: step_ratio(n, "656K", 8192, "s2", "f32", ["f32"]),
    "sft_110M_full_1024_vs_torch_f32":
        lambda n: step_ratio(n, "110M", 1024, "full", "f32", ["f32"]),
    "s2_vs_full_8192": lambda n: s2_ratio(n, 8192),
    "s2_vs_full_32768": lambda n: s2_ratio(n, 32768),
    "peak_memory_32768_vs_torch": lambda n: memory(n, 32768),
}

names = sys.argv[1:] or list(FIGURES)
for name in names:
    if name not in FIGURES:
        raise SystemExit(f"no figure {name!r}; there are {', '.join(FIGURES)}")
for name in names:
    FIGURES[name](name)
