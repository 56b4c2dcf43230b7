"""Shifted sparse attention without wrap-around, written from its definition with masks, as an
attention implementation of transformers. It shares no code and no method with the project."""

import torch
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "definition"


def start(i, group, shifted):
    """The first key that query i sees."""
    s = group // 2
    if not shifted:
        return i // group * group
    return 0 if i < s else s + (i - s) // group * group


def visible(tokens, heads, group):
    """[heads, tokens, tokens]: which keys (last axis) each query sees. group 0: all before it."""
    mask = torch.zeros(heads, tokens, tokens, dtype=torch.bool)
    for head in range(heads):
        for i in range(tokens):
            first = start(i, group, head >= heads // 2) if group else 0
            mask[head, i, first : i + 1] = True
    return mask


def windowed(mask, window):
    """Of the keys in a mask those that lie in a window: of so many keys, the query's own the last."""
    i = torch.arange(mask.shape[1])
    return mask & (i[None, :] > i[:, None] - window)


def attention(
    module, query, key, value, attention_mask, scaling, dropout=0.0, softcap=None, **kwargs
):
    """Eager attention in the precision of its inputs, under module.visible."""
    repeat = query.shape[1] // key.shape[1]
    k = key.repeat_interleave(repeat, dim=1)
    v = value.repeat_interleave(repeat, dim=1)
    scores = (query @ k.transpose(2, 3)) * scaling
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    scores = scores.masked_fill(~module.visible[None], float("-inf"))
    out = torch.softmax(scores, dim=-1) @ v
    return out.transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register(NAME, attention)
ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, lambda *args, **kwargs: None)


def install(model, tokens, group):
    """Makes a model made with attn_implementation=NAME attend over that many tokens."""
    c = model.config
    mask = visible(tokens, c.num_attention_heads, group)
    window = getattr(c, "sliding_window", None)
    types = getattr(c, "layer_types", None) or ["sliding_attention"] * c.num_hidden_layers
    for layer, kind in zip(model.base_model.layers, types):
        local = window and kind == "sliding_attention"
        inner = layer.attention if hasattr(layer, "attention") else layer.self_attn
        inner.visible = windowed(mask, window) if local else mask
