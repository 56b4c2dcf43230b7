"""Compares the trainer's logits with those of transformers and PEFT.

models.py BASE ADAPTER MERGED ROPE: a base, an adapter that the trainer wrote, and what it merged.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT = 2e-3


def ours(ids, *options):
    """The trainer's logits."""
    with tempfile.TemporaryDirectory() as work:
        source, out = os.path.join(work, "ids.json"), os.path.join(work, "logits.npy")
        with open(source, "w") as f:
            json.dump(ids, f)
        command = [os.path.join(ROOT, "bin/trainer"), "eval", "logits", "--ids", source, "--out", out]
        subprocess.run(command + list(options), check=True)
        return np.load(out)


def theirs(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].numpy()


def load(folder, config=None):
    return AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation="eager")


def compare(what, got, want):
    worst = float(np.abs(got - want).max())
    print(f"  {what}: {got.shape[0]} tokens, logits of {np.abs(want).max():.1f} at most differ by "
          f"{worst:.1e}")
    if not worst <= LIMIT:
        raise SystemExit(f"{what}: logits differ by {worst}, more than {LIMIT}")


def check_config(config, rope, before):
    """The extended context and the kind are written, and the context before it is kept."""
    assert config.rope_parameters["rope_type"] == rope, config.rope_parameters
    assert config.rope_parameters["factor"] == 4, config.rope_parameters
    assert config.original_max_position_embeddings == before, config
    longer = before if rope == "dynamic" else 4 * before
    assert config.max_position_embeddings == longer, config


def peft_adapter(base, folder):
    """An adapter by PEFT alone, with values that matter."""
    model = get_peft_model(load(base), LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM",
        modules_to_save=["embed_tokens", "input_layernorm", "post_attention_layernorm", "norm"],
        ensure_weight_tying=True))
    torch.manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.02 * torch.randn_like(p))
    model.save_pretrained(folder)
    return model.eval()


def main(base, adapter, merged, rope):
    name = os.path.basename(base)
    print(f"{name}, {rope}:")
    original = AutoConfig.from_pretrained(base)
    vocab, context = original.vocab_size, original.max_position_embeddings
    rng = np.random.default_rng(0)
    ids = rng.integers(0, vocab, 4 * context).tolist()
    model = load(merged)
    check_config(model.config, rope, context)
    if original.tie_word_embeddings:
        assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    corrected = AutoConfig.from_pretrained(adapter)
    check_config(corrected, rope, context)
    for n in (4 * context, 4 * context // 3):
        model = load(merged)  # anew: dynamic frequencies stay at the longest text seen
        compare("merged, transformers", ours(ids[:n], "--model", merged), theirs(model, ids[:n]))
        over = PeftModel.from_pretrained(load(base, corrected), adapter).eval()
        mine = ours(ids[:n], "--model", base, "--adapter", adapter)
        compare("adapter, PEFT", mine, theirs(over, ids[:n]))
    if rope != "linear":
        return
    compare("base, transformers", ours(ids[:context], "--model", base),
            theirs(load(base), ids[:context]))
    with tempfile.TemporaryDirectory() as folder:
        foreign = peft_adapter(base, folder)
        compare("PEFT's own adapter", ours(ids[:context], "--model", base, "--adapter", folder),
                theirs(foreign, ids[:context]))


main(*sys.argv[1:])
