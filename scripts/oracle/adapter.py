"""Writes trainer/peft/testdata: two small adapters, saved by PEFT, over a tied and an untied LLaMA.

Element i of the k-th tensor of a file, in order of names and counted from 1, is k + i/1024.
"""

import os
import shutil

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from transformers import LlamaConfig, LlamaForCausalLM

from common import testdata, write_json


def model(tied):
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=12, hidden_size=8, intermediate_size=10, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, head_dim=6, tie_word_embeddings=tied,
            max_position_embeddings=32,
        )
    )


def adapter(tied):
    modules = ["embed_tokens", "input_layernorm", "post_attention_layernorm", "norm"]
    if tied:
        modules.append("lm_head")
    config = LoraConfig(
        r=3, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
        modules_to_save=modules, task_type="CAUSAL_LM",
    )
    return get_peft_model(model(tied), config)


def number(state):
    """Fills the tensors of an adapter; a head that is saved beside the embedding is equal to it."""
    with torch.no_grad():
        for k, name in enumerate(sorted(state)):
            t = state[name]
            t.copy_((k + 1 + torch.arange(t.numel()) / 1024).view_as(t))
        head = "base_model.model.lm_head.weight"
        if head in state:
            state[head].copy_(state["base_model.model.model.embed_tokens.weight"])


def save(tied, name):
    m = adapter(tied)
    number(get_peft_model_state_dict(m))
    folder = testdata("trainer/peft", name)
    shutil.rmtree(folder, ignore_errors=True)
    m.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))


save(True, "tied")
save(False, "untied")
write_json(testdata("trainer/peft", "versions.json"), {})
