"""Writes trainer/parity/testdata: logits, loss, gradients and ten AdamW steps of LLaMA models with
LoRA, by PyTorch, transformers and PEFT.

The golden values are float64's: PEFT's model in double precision, with RMSNorm kept from rounding to
float32 within. The same run in float32, by unmodified transformers, gives what precision alone
costs: `naive`, from which the tests derive their tolerances.
"""

import json
import sys

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama

import attention
from common import shared, testdata, write_json
from formula import sketch, token_ids, uniform

STEPS, LR, BETAS, CLIP = 10, 1e-3, (0.9, 0.95), 1.0
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
EVERYWHERE = ATTENTION + ["gate_proj", "up_proj", "down_proj"]
NORMS = ["input_layernorm", "post_attention_layernorm", "norm"]

SMALL = {
    "vocab_size": 61, "hidden_size": 40, "intermediate_size": 72, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 48, "rms_norm_eps": 1e-5,
    "max_position_embeddings": 96, "tie_word_embeddings": False, "rope_theta": 500000.0,
}
YARN = {"rope_type": "yarn", "factor": 3.0, "original_max_position_embeddings": 32}
LINEAR = {"rope_type": "linear", "factor": 4.0}
TINY = "TinyStories-656K-hf"

MODULES = {
    "use_rslora": True, "rank_pattern": {r"layers\.1\.self_attn\.q_proj": 5, "up_proj": 1},
    "alpha_pattern": {"lm_head": 3, r"self_attn\..*": 4},
}

# name, model (a folder, or the fields of a config), changes of its config, tokens, group (0: full
# attention), LoRA targets (none: all parameters are trained), rank, and where it is not the plain
# method: further fields of LoraConfig, and what is trained beside
CASES = [
    ("full-512", TINY, {}, 512, 0, ATTENTION, 8),
    ("s2-512", TINY, {}, 512, 128, ATTENTION, 8),
    ("s2-2048", TINY, {"rope_scaling": LINEAR, "max_position_embeddings": 2048}, 2048, 512,
     ATTENTION, 8),
    ("small-full-training", SMALL, {}, 77, 0, None, 0),
    ("small-s2-yarn", SMALL, {"rope_scaling": YARN}, 77, 15, EVERYWHERE, 3),
    ("small-tied-full-training", SMALL, {"tie_word_embeddings": True}, 77, 15, None, 0),
    ("small-dora", SMALL, {}, 77, 15, EVERYWHERE, 3, {"use_dora": True}, ["embed_tokens"] + NORMS),
    ("small-modules", SMALL, {}, 77, 0, EVERYWHERE + ["lm_head", "embed_tokens"], 3, MODULES, NORMS),
]


def exact_norm(self, x):
    """LlamaRMSNorm without its rounding to float32."""
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


ROUNDING_NORM = modeling_llama.LlamaRMSNorm.forward


def own_name(name):
    """The name of a PEFT parameter in the project: that of the plain model."""
    for part in ("base_model.model.", ".modules_to_save.default", ".default", ".base_layer"):
        name = name.replace(part, "")
    return name.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def own(name, values):
    """A tensor as the project has it: the embedding's first matrix by tokens."""
    return np.ascontiguousarray(values.T) if name.endswith("lora_embedding_A") else values


def fill(name, p, plus=False):
    """Gives a parameter its formula's values: norms around 1 (plus: around 0), LoRA's A in ±1/8 and B in
    ±1/16, others in ±1/4."""
    u = uniform(name, p.numel())
    if name.endswith("norm.weight"):
        u = u / 8 if plus else 1 + u / 8
    elif name.endswith("lora_magnitude_vector"):
        u = 1 + u / 8
    elif "lora_A" in name or "lora_embedding_A" in name:
        u = u / 8
    elif "lora_B" in name or "lora_embedding_B" in name:
        u = u / 16
    else:
        u = u / 4
    if name.endswith("lora_embedding_A"):
        p.copy_(torch.from_numpy(u).view_as(p.T).T)
    else:
        p.copy_(torch.from_numpy(u).view_as(p))


def build(source, changes, tokens, group, targets, rank, fields, beside, dtype):
    """The model of a case, and what is trained of it by name."""
    options = {"attn_implementation": attention.NAME, "dtype": torch.float32}
    changes = json.loads(json.dumps(changes))
    if isinstance(source, str):
        folder = shared("models", source)
        with open(f"{folder}/config.json") as f:
            config = LlamaConfig(**{**json.load(f), **changes})
        m = AutoModelForCausalLM.from_pretrained(folder, config=config, **options)
    else:
        m = LlamaForCausalLM._from_config(LlamaConfig(**{**source, **changes}), **options)
    attention.install(m, tokens, group)
    if targets:
        tied = m.config.tie_word_embeddings
        m = get_peft_model(m, LoraConfig(
            r=rank, lora_alpha=2 * rank, target_modules=targets, task_type="CAUSAL_LM",
            modules_to_save=beside, ensure_weight_tying=tied, **fields,
        ))
        if tied:
            assert m.get_input_embeddings().weight is m.get_output_embeddings().weight
    with torch.no_grad():
        for name, p in m.named_parameters():
            if not isinstance(source, str) or "lora_" in name:
                fill(own_name(name), p)
    m = m.to(dtype).train()
    trained = {own_name(n): p for n, p in m.named_parameters() if p.requires_grad}
    return m, trained


def forward(m, ids):
    logits = m(input_ids=torch.tensor([ids])).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]))
    return logits, loss


def whole(case):
    """A case with all its members."""
    return case if len(case) > 7 else case + ({}, ["embed_tokens"] + NORMS)


def run(case, ids, dtype):
    """Everything that a case computes, as float64 arrays by name."""
    modeling_llama.LlamaRMSNorm.forward = exact_norm if dtype == torch.float64 else ROUNDING_NORM
    return descend(*build(*whole(case)[1:], dtype), ids, LR)


def descend(m, trained, ids, lr):
    """What a model's steps give, on ids."""
    before = {n: p.detach().clone() for n, p in trained.items()}
    optimizer = torch.optim.AdamW(trained.values(), lr=lr, betas=BETAS, eps=1e-8, weight_decay=0)
    out = {"losses": [], "norms": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        logits, loss = forward(m, ids)
        loss.backward()
        if step == 0:
            out["logits"] = logits.detach().double().numpy()
            out["gradient"] = {
                n: own(n, p.grad.double().numpy().copy()) for n, p in trained.items()}
        out["losses"].append(loss.item())
        out["norms"].append(torch.nn.utils.clip_grad_norm_(trained.values(), CLIP).item())
        optimizer.step()
    out["update"] = {
        n: own(n, (p.detach() - before[n]).double().numpy()) for n, p in trained.items()}
    return out


def distance(got, want):
    """Relative L2."""
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def save(name, exact, rounded, fields):
    """Writes a case: fields, and what was computed."""
    tokens = len(fields["ids"])
    rows = [0, 1, tokens // 3, tokens - 1]
    tensors = {"logits": exact["logits"][rows].astype(np.float32)}
    probe = uniform("probe", exact["logits"].shape[1])
    tensors["probe"] = (exact["logits"] @ probe).astype(np.float32)
    for kind in ("gradient", "update"):
        for n, v in exact[kind].items():
            tensors[f"{kind}.{n}"] = sketch(n, v)
    save_file(tensors, testdata("trainer/parity", name + ".safetensors"))
    write_json(testdata("trainer/parity", name + ".json"), {
        **fields, "rows": rows, "losses": exact["losses"], "norms": exact["norms"],
        "naive": naive(exact, rounded),
    })
    print(f"{name}: loss {exact['losses'][0]:.4f} -> {exact['losses'][-1]:.4f}",
          naive(exact, rounded))


def naive(exact, rounded):
    """What float32 costs PyTorch."""
    return {
        "logits": float(np.abs(exact["logits"] - rounded["logits"]).max()),
        "losses": max(abs(a / b - 1) for a, b in zip(rounded["losses"], exact["losses"])),
        "gradient": max(distance(rounded["gradient"][n], g) for n, g in exact["gradient"].items()),
        "update": max(distance(rounded["update"][n], u) for n, u in exact["update"].items()),
    }


def sample(tokens):
    """Stories by the model itself, one after another, 512 tokens each."""
    m = AutoModelForCausalLM.from_pretrained(shared("models", TINY), dtype=torch.float32)
    torch.manual_seed(1)
    ids = []
    while len(ids) < tokens:
        row = torch.tensor([[m.config.bos_token_id]])
        row = m.generate(row, do_sample=True, max_new_tokens=511, min_new_tokens=511, top_k=0)
        ids += row[0].tolist()
    return ids[:tokens]


def main(names):
    stories = sample(2048) if not names else None
    for case in CASES:
        name, source, changes, tokens, group, targets, rank, fields, beside = whole(case)
        if names and name not in names:
            continue
        small = not isinstance(source, str)
        ids = token_ids("ids", tokens, source["vocab_size"]) if small else stories[:tokens]
        exact, rounded = run(case, ids, torch.float64), run(case, ids, torch.float32)
        fell = 1 - exact["losses"][-1] / exact["losses"][0]
        assert fell >= 0.05, (name, exact["losses"])
        save(name, exact, rounded, {
            "model": "" if small else source, "config": {**source, **changes} if small else changes,
            "group": group, "targets": targets or [], "rank": rank,
            "fields": fields, "beside": beside if targets else [], "ids": ids,
        })


if __name__ == "__main__":
    main(sys.argv[1:])  # names of cases by formula; none: all cases
