"""Writes trainer/parity/testdata/family-*: logits, loss, gradients and ten AdamW steps of small models
of every family, by PyTorch, transformers and PEFT, as parity.py does it for LLaMA.

The first case of a family trains everything under its own attention, the second LoRA on all linear
layers, embedding and norms under shifted sparse attention.
"""

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

import attention
import parity
from formula import token_ids

TOKENS, GROUP, RANK = 61, 14, 2
LINEAR, NORMS = parity.EVERYWHERE, parity.NORMS
GEMMA = NORMS + ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
HEADS = ["q_norm", "k_norm"]
SHAPE = {
    "vocab_size": 47, "hidden_size": 20, "intermediate_size": 26, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
    "max_position_embeddings": 128,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}

# model_type: LoRA's targets, embedding, norms; the config; what the second case changes of it
FAMILIES = {
    "llama": (LINEAR, "embed_tokens", NORMS, {
        **SHAPE, "head_dim": 6, "attention_bias": True, "mlp_bias": True,
    }, {"num_key_value_heads": 4, "mlp_bias": False, "tie_word_embeddings": True}),
    "mistral": (LINEAR, "embed_tokens", NORMS, {
        **SHAPE, "head_dim": 10, "sliding_window": 9, "tie_word_embeddings": False,
        "rope_theta": 1000000.0,
    }, {"sliding_window": 5, "num_key_value_heads": 1}),
    "qwen2": (LINEAR, "embed_tokens", NORMS, {
        **SHAPE, "hidden_size": 24, "tie_word_embeddings": True, "use_sliding_window": True,
        "sliding_window": 7, "max_window_layers": 1, "rope_theta": 1000000.0,
    }, {"use_sliding_window": False, "tie_word_embeddings": False, "rope_scaling": YARN}),
    "qwen3": (LINEAR, "embed_tokens", NORMS + HEADS, {
        **SHAPE, "num_attention_heads": 3, "num_key_value_heads": 1, "hidden_size": 16,
        "head_dim": 14, "tie_word_embeddings": False, "rope_theta": 1000000.0,
    }, {"attention_bias": True, "tie_word_embeddings": True, "num_attention_heads": 2}),
    "gpt_neox": (["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"], "embed_in",
                 ["input_layernorm", "post_attention_layernorm", "final_layer_norm"], {
        "vocab_size": 47, "hidden_size": 24, "intermediate_size": 30, "num_hidden_layers": 2,
        "num_attention_heads": 3, "layer_norm_eps": 1e-5, "max_position_embeddings": 128,
        "hidden_act": "gelu", "rotary_pct": 0.25, "rotary_emb_base": 10000,
        "use_parallel_residual": True, "tie_word_embeddings": False,
    }, {"use_parallel_residual": False, "hidden_act": "gelu_new", "rotary_pct": 0.75,
        "attention_bias": False, "rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
    "gemma2": (LINEAR, "embed_tokens", GEMMA, {
        **SHAPE, "num_hidden_layers": 3, "head_dim": 8, "sliding_window": 11,
        "query_pre_attn_scalar": 6, "attn_logit_softcapping": 0.8, "final_logit_softcapping": 2.0,
        "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True,
    }, {"attention_bias": True, "sliding_window": 4, "attn_logit_softcapping": 50.0,
        "tie_word_embeddings": False}),
    "gemma3_text": (LINEAR, "embed_tokens", GEMMA + HEADS, {
        **SHAPE, "num_hidden_layers": 3, "head_dim": 8, "sliding_window": 11,
        "sliding_window_pattern": 2, "query_pre_attn_scalar": 10, "rope_theta": 1000000.0,
        "rope_local_base_freq": 10000.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True,
    }, {"layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
        "rope_scaling": None, "final_logit_softcapping": 3.0}),
}
LR = 4e-3


def exact_plus(self, x):
    """Gemma's RMSNorm without its rounding to float32."""
    return (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)) * (1 + self.weight)


def exactly(m, dtype):
    """Keeps the norms of a model in double precision from rounding to float32 within."""
    if dtype != torch.float64:
        return
    for module in m.modules():
        name = type(module).__name__
        if name.endswith("RMSNorm"):
            exact = exact_plus if name.startswith("Gemma") else parity.exact_norm
            module.forward = exact.__get__(module)


def own_name(kind, name):
    """The name of a parameter in the project: that of published checkpoints, which transformers may
    rename when it loads them."""
    name = parity.own_name(name)
    return "embed_out.weight" if kind == "gpt_neox" and name == "lm_head.weight" else name


def config_of(kind, fields):
    """A configuration without a token for padding, whose embedding PyTorch would not train: the
    project's sequences have no padding."""
    c = AutoConfig.for_model(kind, **{k: v for k, v in fields.items() if v is not None})
    c.pad_token_id = None
    return c


def build(kind, fields, group, targets, full, dtype):
    m = AutoModelForCausalLM.from_config(
        config_of(kind, fields), attn_implementation=attention.NAME, dtype=torch.float32
    )
    attention.install(m, TOKENS, group)
    if targets:
        m = get_peft_model(m, LoraConfig(
            r=RANK, lora_alpha=2 * RANK, target_modules=targets, task_type="CAUSAL_LM",
            modules_to_save=full, ensure_weight_tying=m.config.tie_word_embeddings,
        ))
    with torch.no_grad():
        for name, p in m.named_parameters():
            parity.fill(own_name(kind, name), p, plus=kind.startswith("gemma"))
    m = m.to(dtype).train()
    exactly(m, dtype)
    trained = {own_name(kind, n): p for n, p in m.named_parameters() if p.requires_grad}
    return m, trained


def main():
    for kind, (targets, embed, norms, fields, changes) in FAMILIES.items():
        ids = token_ids("ids", TOKENS, fields["vocab_size"])
        for suffix, c, group, lora in [
            ("full", fields, 0, None), ("lora-s2", {**fields, **changes}, GROUP, targets),
        ]:
            run = lambda dtype: parity.descend(
                *build(kind, c, group, lora, [embed] + norms, dtype), ids, LR
            )
            exact, rounded = run(torch.float64), run(torch.float32)
            assert exact["losses"][-1] < 0.95 * exact["losses"][0], (kind, exact["losses"])
            parity.save(f"family-{kind}-{suffix}", exact, rounded, {
                "config": {"model_type": kind, **{k: v for k, v in c.items() if v is not None}},
                "group": group, "targets": lora or [], "rank": RANK if lora else 0, "lr": LR,
                "ids": ids,
            })


if __name__ == "__main__":
    main()
