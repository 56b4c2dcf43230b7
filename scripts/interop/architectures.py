"""Models of every family from transformers to the trainer and back: seeded random weights, saved as
transformers saves them, and an adapter as PEFT saves it.

architectures.py FOLDER: for each family the logits of `trainer eval logits` on the folder, and with the
adapter, against transformers and PEFT; of `trainer export --for transformers`, loaded by transformers,
and `--for peft`, loaded by PEFT, against PEFT's; and of `--for llamacpp`, read by the trainer, and by
transformers where it reads GGUF.
"""

import json
import os
import subprocess
import sys

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
TRAINER = os.environ["TRAINER"]
LIMIT = 1e-4
GGUF = {"llama", "mistral", "qwen2", "qwen3"}


def shape(kind, fields):
    """A larger shape of a family than the oracle's: whole blocks, a window shorter than the text."""
    c = {k: v for k, v in fields.items() if v is not None}
    c.update(vocab_size=512, hidden_size=64, intermediate_size=96, max_position_embeddings=512)
    c.update(num_attention_heads=4, **({} if kind == "gpt_neox" else {"num_key_value_heads": 2}))
    if "head_dim" in c:
        c["head_dim"] = 16
    if kind == "qwen3":
        c["head_dim"] = 128  # transformers reads no other from GGUF files of Qwen 3
    if kind in GGUF:  # what GGUF can say
        c.update(attention_bias=False, mlp_bias=False, use_sliding_window=False)
        c.pop("rope_scaling", None)
        if kind == "mistral":
            c["sliding_window"] = None
    return AutoConfig.for_model(kind, **c)


def run(*arguments):
    subprocess.run([TRAINER, *arguments], check=True, stdout=subprocess.DEVNULL)


def ours(at, ids, *options):
    with open(at("ids.json"), "w") as f:
        json.dump(ids, f)
    run("eval", "logits", "--ids", at("ids.json"), "--out", at("ours.npy"), *options)
    return np.load(at("ours.npy"))


def theirs(model, ids):
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([ids])).logits[0].float().numpy()


def load(folder, **options):
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", **options)


def compare(what, got, want):
    worst = float(np.abs(got - want).max())
    print(f"  {what}: logits of {np.abs(want).max():.1f} at most differ by {worst:.1e}")
    if not worst <= LIMIT:
        raise SystemExit(f"{what}: logits differ by {worst}, more than {LIMIT}")


def main(folder):
    from families import FAMILIES
    for kind, (targets, _, norms, fields, _) in FAMILIES.items():
        print(kind + ":")
        here = os.path.join(folder, kind)
        os.makedirs(here)
        at = lambda name: os.path.join(here, name)
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(
            shape(kind, fields), attn_implementation="eager", dtype=torch.float32)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p), alpha=0.1)
        model.save_pretrained(at("base"))
        ids = np.random.default_rng(0).integers(0, 512, 100).tolist()
        compare("base", ours(at, ids, "--model", at("base")), theirs(model, ids))
        over = get_peft_model(model, LoraConfig(
            r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM",
            init_lora_weights=False, modules_to_save=norms))
        with torch.no_grad():
            for n, p in over.named_parameters():
                if "modules_to_save" in n:
                    p.add_(torch.randn_like(p), alpha=0.1)
        over.save_pretrained(at("adapter"))
        want = theirs(over, ids)
        both = ("--model", at("base"), "--adapter", at("adapter"))
        compare("adapter", ours(at, ids, *both), want)
        run("export", "--for", "transformers", *both, "--out", at("merged"))
        compare("merged, transformers", theirs(load(at("merged")), ids), want)
        run("export", "--for", "peft", *both, "--out", at("again"))
        compare("adapter written again, PEFT",
                theirs(PeftModel.from_pretrained(load(at("base")), at("again")), ids), want)
        if kind not in GGUF:
            out = subprocess.run(
                [TRAINER, "export", "--for", "llamacpp", *both, "--out", at("x.gguf")],
                capture_output=True, text=True)
            assert out.returncode == 1 and "are not written" in out.stderr, out.stderr
            continue
        run("export", "--for", "llamacpp", *both, "--tokenizer", "none", "--dtype", "f32",
            "--out", at("m.gguf"))
        compare("f32.gguf, read by the trainer", ours(at, ids, "--model", at("m.gguf")), want)
        compare("f32.gguf, read by transformers", theirs(load(here, gguf_file="m.gguf"), ids), want)


main(sys.argv[1])
