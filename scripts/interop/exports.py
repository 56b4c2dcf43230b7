"""Loads what `trainer export` wrote in transformers and PEFT, and compares logits with the trainer's.

exports.py BASE FOLDER ROPE: the base of a run, and a folder with the exports transformers, peft,
vllm and TYPE.gguf of it. Leaves in FOLDER what exports_llama.py holds against llama.cpp.
"""

import glob
import json
import os
import subprocess
import sys

import numpy as np
import torch
import transformers
from peft import PeftModel
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT = 2e-3


def ours(folder, ids, *options):
    """The trainer's logits."""
    source, out = os.path.join(folder, "ids.json"), os.path.join(folder, "ours.npy")
    with open(source, "w") as f:
        json.dump(ids, f)
    command = [os.environ["TRAINER"], "eval", "logits", "--ids", source, "--out", out]
    subprocess.run(command + list(options), check=True)
    return np.load(out)


def load(folder, config=None):
    return AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation="eager")


def theirs(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].numpy()


def compare(what, got, want):
    worst = float(np.abs(got - want).max())
    print(f"  {what}: {got.shape[0]} tokens, logits of {np.abs(want).max():.1f} at most differ by "
          f"{worst:.1e}")
    if not worst <= LIMIT:
        raise SystemExit(f"{what}: logits differ by {worst}, more than {LIMIT}")


def texts():
    """Lines of all kinds, for tokenizers: code, prose, other scripts, spaces, what looks special."""
    lines = ["", " ", "  two", "a  b   c", "\ttab\n\nnew", "don't I'll WE'RE", "123456789 3.14",
             "naïve café", "日本語のテキスト", "emoji 🙂👍🏽", "…—“quoted”", "x=1;y<=2&&z!=3",
             "    return nil\n}\n", "<|end_of_text|>", "trailing space ", "CamelCaseIdentifier_with_9"]
    for path in sorted(glob.glob(os.path.join(ROOT, "kernels", "*.go")))[:4]:
        with open(path) as f:
            lines.append(f.read())
    return lines


def main(base, folder, rope):
    at = lambda name: os.path.join(folder, name)
    source = base if base != "base" else os.path.join(ROOT, "trainer/base/files")
    print(f"{os.path.basename(source) if base != 'base' else 'base'}, {rope}:")
    config = AutoConfig.from_pretrained(at("transformers"))
    before = AutoConfig.from_pretrained(source).max_position_embeddings
    assert config.rope_parameters["rope_type"] == rope, config.rope_parameters
    assert config.rope_parameters["factor"] == 2048 / before, config.rope_parameters
    rng = np.random.default_rng(0)
    ids = rng.integers(3, config.vocab_size, 1500).tolist()
    want = ours(folder, ids, "--model", at("transformers"))
    merged = theirs(load(at("transformers")), ids)
    compare("merged, transformers", want, merged)
    corrected = AutoConfig.from_pretrained(at("peft"))
    over = PeftModel.from_pretrained(load(source, corrected), at("peft")).eval()
    compare("adapter, PEFT", want, theirs(over, ids))
    lone = PeftModel.from_pretrained(load(at("vllm/base")), at("vllm/adapter")).eval()
    assert not lone.peft_config["default"].modules_to_save, lone.peft_config
    compare("patched base and LoRA alone, PEFT", want, theirs(lone, ids))
    mine = ours(folder, ids, "--model", at("vllm/base"), "--adapter", at("vllm/adapter"))
    compare("the same, trainer", mine, merged)
    if rope == "dynamic":
        return
    compare("f32.gguf, read by the trainer", ours(folder, ids, "--model", at("f32.gguf")), merged)
    np.save(at("want.npy"), merged)
    for t in ("f16", "bf16", "q8_0"):
        np.save(at(f"{t}.npy"), ours(folder, ids, "--model", at(f"{t}.gguf")))
    cases = []
    if os.path.exists(at("transformers/tokenizer.json")):
        t = Tokenizer.from_file(at("transformers/tokenizer.json"))
        cases = [{"text": x, "ids": t.encode(x, add_special_tokens=False).ids} for x in texts()]
    with open(at("case.json"), "w") as f:
        json.dump({"ids": ids, "cases": cases}, f)


main(*sys.argv[1:])
