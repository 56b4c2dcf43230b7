"""Compares the trainer's logits over a base and an adapter with PEFT's: methods.py BASE NAME RUN.

The time of a step is the least of the run's. Weights of few bits are held against their values by
trainer/open's tests, and only timed here."""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)
transformers.logging.disable_progress_bar()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT = 2e-3


def main(base, name, run):
    with open(os.path.join(run, "metrics.jsonl")) as f:
        seconds = min(json.loads(line)["seconds"] for line in f)
    if name in ("nf4", "int8"):
        print(f"{name}: {seconds:.2f} s a step")
        return
    adapter = os.path.join(run, "adapter")
    config = AutoConfig.from_pretrained(adapter)
    ids = np.random.default_rng(0).integers(0, config.vocab_size, 200).tolist()
    ids[:40] = range(5, 45)
    with tempfile.TemporaryDirectory() as work:
        source, out = os.path.join(work, "ids.json"), os.path.join(work, "logits.npy")
        with open(source, "w") as f:
            json.dump(ids, f)
        subprocess.run([os.path.join(ROOT, "bin/trainer"), "eval", "logits", "--ids", source, "--out", out,
                        "--model", base, "--adapter", run], check=True)
        ours = np.load(out)
    model = AutoModelForCausalLM.from_pretrained(base, config=config, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter).eval()
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor([ids])).logits[0].numpy()
    worst = float(np.abs(ours - theirs).max())
    print(f"{name}: {seconds:.2f} s a step, logits of {np.abs(theirs).max():.1f} at most differ by {worst:.1e}")
    if not worst <= LIMIT:
        raise SystemExit(f"{name}: logits differ by {worst}, more than {LIMIT}")


main(*sys.argv[1:])
