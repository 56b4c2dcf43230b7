"""Writes trainer/merge/testdata/methods: a small LLaMA, adapters over it of PEFT's methods, saved by PEFT,
and what PEFT merges each to."""

import copy
import json
import os
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from common import testdata

ROOT = testdata("trainer/merge", "methods")
CONFIG = dict(
    vocab_size=12, hidden_size=8, intermediate_size=10, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, head_dim=6, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# name, whether embedding and head are tied, fields of LoraConfig
CASES = [
    ("dora", False, dict(r=3, lora_alpha=6, target_modules=ALL, use_dora=True, modules_to_save=["norm"])),
    ("modules", False, dict(
        r=3, lora_alpha=6, target_modules=["v_proj", "model.layers.1.mlp.up_proj", "lm_head", "embed_tokens"],
        use_rslora=True, rank_pattern={"layers.0.self_attn.v_proj": 5, "v_proj": 2},
        alpha_pattern={"lm_head": 3})),
    ("pattern", False, dict(r=2, lora_alpha=2, target_modules=r".*\.1\.(self_attn\.[qk]|mlp\.up)_proj")),
    ("layers", False, dict(
        r=2, lora_alpha=2, target_modules=["q_proj", "k_proj"], layers_to_transform=[1],
        exclude_modules=["self_attn.k_proj"])),
    ("tokens", False, dict(
        r=2, lora_alpha=2, target_modules=["q_proj"], trainable_token_indices=[11, 3])),
    ("tokens-both", False, dict(
        r=2, lora_alpha=2, target_modules=["q_proj"],
        trainable_token_indices={"embed_tokens": [0, 5], "lm_head": [7, 2, 9]})),
    ("tokens-tied", True, dict(
        r=2, lora_alpha=2, target_modules=["q_proj"], trainable_token_indices=[11, 3])),
]


def save(case, bases):
    name, tied, fields = case
    model = get_peft_model(copy.deepcopy(bases[tied]), LoraConfig(task_type="CAUSAL_LM", **fields))
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.3 * torch.randn_like(p))
    folder = os.path.join(ROOT, name)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    path = os.path.join(folder, "adapter_config.json")
    with open(path) as f:
        config = json.load(f)
    config["base_model_name_or_path"] = "base-tied" if tied else "base"
    for key in ("target_modules", "modules_to_save"):  # sets, in any order
        if isinstance(config[key], list):
            config[key] = sorted(config[key])
    with open(path, "w") as f:
        json.dump(config, f, indent=2)
    state = model.merge_and_unload().state_dict()
    if tied:
        assert torch.equal(state["lm_head.weight"], state["model.embed_tokens.weight"])
        del state["lm_head.weight"]
    save_file({k: v.contiguous() for k, v in state.items()}, os.path.join(folder, "merged.safetensors"))


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    bases = {}
    for tied in (False, True):
        torch.manual_seed(3)
        bases[tied] = LlamaForCausalLM(LlamaConfig(tie_word_embeddings=tied, **CONFIG))
        with torch.no_grad():
            for p in bases[tied].parameters():
                p.copy_(torch.randn_like(p) * 0.3 + (p.dim() == 1))
        folder = os.path.join(ROOT, "base-tied" if tied else "base")
        bases[tied].save_pretrained(folder)
        os.remove(os.path.join(folder, "generation_config.json"))
    for case in CASES:
        save(case, bases)
    print("wrote trainer/merge/testdata/methods")


main()
