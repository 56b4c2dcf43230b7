"""Writes trainer/rope/testdata/transformers.json: inverse frequencies, attention factors and table
entries of every kind of rotary embedding, computed by transformers' LlamaRotaryEmbedding."""

import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from common import testdata, write_json

SCALINGS = [
    None,
    {"rope_type": "linear", "factor": 4.0},
    {"rope_type": "linear", "factor": 3.0},
    {"rope_type": "dynamic", "factor": 4.0},
    {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 512},
    {"rope_type": "yarn", "factor": 3.0, "original_max_position_embeddings": 512,
     "beta_fast": 20.0, "beta_slow": 2.0, "truncate": False},
    {"rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 512,
     "mscale": 0.8, "mscale_all_dim": 1.2},
    {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 512,
     "attention_factor": 1.25},
    {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 512,
     "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    {"rope_type": "longrope", "original_max_position_embeddings": 512},
    {"rope_type": "longrope", "original_max_position_embeddings": 512, "factor": 4.0},
]

# Head sizes: a power of two, whose exponents are exact, and others. Lengths: below and above the
# context of 2,048 (or 512, where scaled), and far out.
SHAPES = [(64, 10000.0), (48, 500000.0), (10, 1000000.0)]
LENGTHS = [256, 2048, 32768]


def case(head_dim, theta, scaling, length):
    scaling = dict(scaling) if scaling else None
    if scaling and scaling["rope_type"] == "longrope":
        scaling["short_factor"] = [1 + j / 16 for j in range(head_dim // 2)]
        scaling["long_factor"] = [2 + j * j / 8 for j in range(head_dim // 2)]
    fields = {"rope_theta": theta, "rope_scaling": scaling, "max_position_embeddings": 2048}
    config = LlamaConfig(
        hidden_size=2 * head_dim, num_attention_heads=2, head_dim=head_dim,
        **{k: dict(v) if isinstance(v, dict) else v for k, v in fields.items()},
    )
    rotary = LlamaRotaryEmbedding(config)
    positions = torch.arange(length)[None]
    cos, sin = rotary(torch.zeros(1), positions)
    rows = [1, length // 3, length - 1]
    half = head_dim // 2
    return {
        "config": fields, "head_dim": head_dim, "length": length,
        "inv_freq": rotary.inv_freq.tolist(), "scale": float(rotary.attention_scaling),
        "rows": rows,
        "cos": [cos[0, m, :half].tolist() for m in rows],
        "sin": [sin[0, m, :half].tolist() for m in rows],
    }


cases = []
for head_dim, theta in SHAPES:
    for scaling in SCALINGS:
        for length in LENGTHS:
            kind = scaling["rope_type"] if scaling else "default"
            if length != 32768 and kind not in ("dynamic", "longrope"):
                continue  # does not depend on the length
            cases.append(case(head_dim, theta, scaling, length))
write_json(testdata("trainer/rope", "transformers.json"), {"cases": cases})
