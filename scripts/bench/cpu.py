"""Figures of the CPU engine against its peers, interleaved in one run, as JSON lines. Arguments: the
names of figures; none: all. Called by scripts/bench/cpu.

PyTorch has up to eight variants (precision, compiled, checkpointed). Each is tried once by itself;
what that gives is kept in build/bench-cpu/screen.json, so that a run times only those that may be
the fastest. A run of one figure that would take longer than $LIMIT seconds (280) stops between two
trials, says so and exits with 3: run it again, it goes on from there. A run of several takes the
time that it needs, unless $LIMIT bounds each of them; a figure that fails does not end the others."""

import json
import os
import statistics
import sys
import time

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(HERE)  # python -P leaves it out
from peers import ROUNDS, THREADS, WORK, Peer, folder  # noqa: E402

LIMIT = float(os.environ.get("LIMIT", "280" if len(sys.argv) == 2 else "inf"))
BEGUN = time.monotonic()
SCREEN = f"{WORK}/screen.json"
# A variant that was so much slower than the fastest when tried is not timed again.
HOPELESS = 1.6


class Unfinished(Exception):
    """There is no time left for what comes next."""


def left(seconds):
    """Raises Unfinished unless so many seconds are left."""
    if time.monotonic() - BEGUN + seconds > LIMIT:
        raise Unfinished


def ours():
    return Peer(f"{WORK}/measure")


def pytorch():
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.path.abspath(f"{WORK}/inductor"))
    return Peer(sys.executable, "-P", f"{HERE}/peer_step.py")


def llama_cpp():
    return Peer(os.environ["LLAMA_PYTHON"], "-P", f"{HERE}/peer_decode.py")


def question(model, context, attention, **more):
    return dict(model=folder(model), context=context, attention=attention, threads=THREADS,
                **{"steps": 1, "precision": "f32", **more})


def variants(precisions):
    for p in precisions:
        for c in (False, True):
            for k in (False, True):
                label = f"{p}{'+compile' * c}{'+checkpoint' * k}"
                yield label, dict(precision=p, compile=c, checkpoint=k, chunked=False)


def screened(q, precisions):
    """Returns the variants that may be the fastest, after a trial of those never tried."""
    known = json.load(open(SCREEN)) if os.path.exists(SCREEN) else {}
    keys = {}
    for label, v in variants(precisions):
        key = json.dumps([torch.__version__, os.path.basename(q["model"]), q["context"],
                          q["attention"], label])
        keys[label] = (key, v)
        if key in known:
            continue
        left(150 if v["compile"] else 40)
        with pytorch() as p:
            first = p.ask(**dict(q, **v))  # compiles
            known[key] = first if "error" in first else p.ask(**dict(q, **v, steps=2))
            known[key]["loss"] = first.get("loss")
        with open(f"{SCREEN}.new", "w") as f:
            json.dump(known, f, indent=1)
        os.rename(f"{SCREEN}.new", SCREEN)
    results = {label: known[key] for label, (key, _) in keys.items()}
    for label, r in results.items():
        if "error" in r:
            print(f"{label}: {r['error']}", file=sys.stderr)
    good = {k: r for k, r in results.items() if "error" not in r}
    fastest = min(r["seconds"] for r in good.values())
    return {k: (keys[k][1], good[k]) for k in good if good[k]["seconds"] <= HOPELESS * fastest}


def step_ratio(name, model, context, attention, precision, precisions):
    """The median of our step's time against that of the fastest variant of PyTorch."""
    q = question(model, context, attention)
    candidates = screened(q, precisions)
    left(90 + 40 * len(candidates))
    us = dict(q, precision=precision)
    with ours() as mine, pytorch() as peer:
        first = mine.ask(**us)["loss"]
        times, own = {}, []
        for k, (v, _) in candidates.items():
            loss = peer.ask(**dict(q, **v))["loss"]
            if v["precision"] == "f32" == precision and abs(loss - first) > 1e-4 * first:
                raise SystemExit(f"{name}: {k}: loss {loss}, ours {first}: unequal work")
            times[k] = []
        for _ in range(ROUNDS):
            own.append(mine.ask(**us)["seconds"])
            for k in times:
                times[k].append(peer.ask(**dict(q, **candidates[k][0]))["seconds"])
    medians = {k: statistics.median(t) for k, t in times.items()}
    best = min(medians, key=medians.get)
    t = statistics.median(own)
    report(name, medians[best] / t, seconds=round(t, 4), peer=best,
           peers={k: round(v, 4) for k, v in medians.items()})


def own_ratio(name, questions, rounds=ROUNDS):
    """The median time of the second question's work against that of the first. What each does first
    is not timed: memory that was never touched costs a step of 32,768 tokens seconds."""
    times = [[], []]
    with ours() as mine:
        for q in questions:
            mine.ask(**q)
        for _ in range(rounds):
            for q, t in zip(questions, times):
                t.append(mine.ask(**q)["seconds"])
    a, b = map(statistics.median, times)
    report(name, b / a, seconds=[round(a, 4), round(b, 4)])


def s2_ratio(name, context, **more):
    left(220 if context > 8192 else 100)
    own_ratio(name, [question("15M", context, a, recompute=context < 32768) for a in ("s2", "full")],
              **more)


def memory(name, context, chunked):
    """Peaks of separate processes, one step each: PyTorch checkpoints its layers."""
    left(200)
    q = question("15M", context, "s2")
    peaks = []
    for peer, more in ((ours, dict(recompute=True)),
                       (pytorch, dict(compile=False, checkpoint=True, chunked=chunked))):
        with peer() as p:
            a = p.ask(**dict(q, **more))
        if "error" in a:
            raise SystemExit(f"{name}: {a['error']}")
        peaks.append(a["peak_kib"] / 1024)
    report(name, peaks[0] / peaks[1], mib=[round(p, 1) for p in peaks])


def floor(name, precision):
    """What a step's products take by themselves, attention at the same speed, of the whole step."""
    q = question("15M", 2048, "s2", precision=precision)
    with ours() as mine:
        times, flops = {"step": [], "products": []}, {}
        for k in times:
            mine.ask(**dict(q, work=k))
        for _ in range(2 * ROUNDS):
            for k in times:
                a = mine.ask(**dict(q, work=k))
                times[k].append(a["seconds"])
                flops[k] = a["flops"]
    t = {k: statistics.median(v) for k, v in times.items()}
    least = t["products"] * flops["step"] / flops["products"]
    report(name, least / t["step"], seconds=round(t["step"], 4), floor=round(least, 4),
           gflops={k: round(flops[k] / t[k] / 1e9, 1) for k in t})


def decode(name, precision):
    """Tokens a second against llama.cpp's, the best of interleaved turns: waiting threads that spin
    lose most when others use the processor."""
    left(100)
    q = dict(question("110M", 64, "full", precision=precision), work="decode", steps=32)
    times = [[], []]
    with ours() as mine, llama_cpp() as peer:
        a, b = mine.ask(**q), peer.ask(**q)
        if precision == "f32" and a["tokens"] != b["tokens"]:
            raise SystemExit(f"{name}: {a['tokens']}, llama.cpp {b['tokens']}: unequal work")
        for _ in range(2 * ROUNDS):
            times[0].append(mine.ask(**q)["seconds"])
            times[1].append(peer.ask(**q)["seconds"])
    a, b = map(min, times)
    report(name, b / a, milliseconds=[round(1000 * a, 2), round(1000 * b, 2)])


def report(name, value, **more):
    load = round(os.getloadavg()[0], 1)
    print(json.dumps(dict(name=name, value=round(value, 3), **more, load=load)), flush=True)


ENGINES = [question("15M", 2048, "s2", engine=e) for e in ("native", "gorgonia")]
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
    "s2_vs_full_32768": lambda n: s2_ratio(n, 32768, rounds=1),
    "peak_memory_32768_vs_torch": lambda n: memory(n, 32768, False),
    "peak_memory_32768_vs_torch_chunked_loss": lambda n: memory(n, 32768, True),
    "step_share_of_gemm_floor": lambda n: floor(n, "f32"),
    "step_share_of_bf16_gemm_floor": lambda n: floor(n, "bf16"),
    "decode_110M_vs_llamacpp": lambda n: decode(n, "f32"),
    "decode_110M_vs_llamacpp_bf16": lambda n: decode(n, "bf16"),
    "gorgonia_step_vs_native": lambda n: own_ratio(n, ENGINES),
}

names = sys.argv[1:] or list(FIGURES)
for name in names:
    if name not in FIGURES:
        raise SystemExit(f"no figure {name!r}; there are {', '.join(FIGURES)}")
unfinished, failed = [], []
for name in names:
    try:
        BEGUN = time.monotonic() if len(names) > 1 else BEGUN
        FIGURES[name](name)
    except Unfinished:
        unfinished.append(name)
    except (Exception, SystemExit) as e:
        if len(names) == 1:
            raise
        failed.append(name)
        print(f"{name}: {e}", file=sys.stderr, flush=True)
if failed:
    print(f"failed: {' '.join(failed)}", file=sys.stderr)
if unfinished:
    print(f"no time left for {' '.join(unfinished)}: run again with these names, or a higher LIMIT",
          file=sys.stderr)
sys.exit(1 if failed else 3 if unfinished else 0)
