"""Holds a step's loss and gradients of the GPU engine against PyTorch's, on the card that is here.

Reads what trainer/device/measure -compare wrote. The judge is transformers' LLaMA in float64 with
LoRA written out; the measure is the same model in bfloat16 by PyTorch: a tensor's gradient may be at
most twice as far from float64's as PyTorch's bfloat16 is, plus 2^-8 of its own size, both as root mean
squares. Prints one JSON object; exits with 1 if a tensor is too far.

    python scripts/bench/gpu_step.py FOLDER [--device cpu]
"""

import argparse
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM

ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj")


def segmented(group):
    """Attention as the trainer defines S2: no group wraps around. group None: full attention."""

    def attend(module, query, key, value, attention_mask, scaling=None, **_):
        heads, tokens = query.shape[1], query.shape[2]
        key, value = (x.repeat_interleave(heads // x.shape[1], dim=1) for x in (key, value))
        i = torch.arange(tokens, device=query.device)
        first = torch.zeros(heads, tokens, dtype=torch.long, device=query.device)
        if group:
            half = group // 2
            first[:heads // 2] = i // group * group
            first[heads // 2:] = torch.where(i < half, 0, half + (i - half) // group * group)
        seen = (i[None, None] >= first[:, :, None]) & (i[None, None] <= i[None, :, None])
        scores = (query @ key.transpose(2, 3)) * scaling
        scores = scores.masked_fill(~seen[None], float("-inf"))
        weights = torch.softmax(scores.float() if scores.dtype != torch.float64 else scores, dim=-1)
        return (weights.to(value.dtype) @ value).transpose(1, 2).contiguous(), None

    return attend


class Adapted(torch.nn.Module):
    """A linear layer with LoRA, whose inner activation is float32 at least, as the engine's is."""

    def __init__(self, base, a, b, scale):
        super().__init__()
        self.base, self.scale = base, scale
        self.a, self.b = torch.nn.Parameter(a), torch.nn.Parameter(b)

    def forward(self, x):
        low = x.to(self.a.dtype) @ self.a.T @ self.b.T * self.scale
        return self.base(x) + low.to(x.dtype)


def gradients(folder, batch, dtype, device):
    """Loss and gradients of what is trained, by the engine's names."""
    weights = load_file(folder / "weights.safetensors")
    config = LlamaConfig(max_position_embeddings=len(batch["ids"]), use_cache=False,
                         tie_word_embeddings=False, attention_bias=False, **batch["config"])
    group = batch["group"] if batch["attention"] == "s2" else None
    AttentionInterface.register("segmented", segmented(group))
    config._attn_implementation = "segmented"
    model = LlamaForCausalLM(config).to(dtype)
    state = {n: w.to(dtype) for n, w in weights.items() if "lora_" not in n}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and not [m for m in missing if "rotary" not in m], (missing, unexpected)
    high = torch.float64 if dtype == torch.float64 else torch.float32
    trained = {}
    for i, layer in enumerate(model.model.layers):
        for name in ADAPTED:
            full = f"model.layers.{i}.self_attn.{name}"
            found = {n: w for n, w in weights.items() if n.startswith(full + ".") and "lora_" in n}
            a, b = sorted(found)
            adapted = Adapted(getattr(layer.self_attn, name), found[a].to(high), found[b].to(high),
                              batch["scale"])
            setattr(layer.self_attn, name, adapted)
            trained |= {a: adapted.a, b: adapted.b}
    trained |= {n: p for n, p in model.named_parameters() if "embed_tokens" in n or "norm" in n}
    model = model.to(device)
    ids = torch.tensor(batch["ids"], device=device)[None]
    logits = model(input_ids=ids).logits[0]
    logits = logits.to(high)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(batch["targets"], device=device).long())
    loss.backward()
    return loss.item(), {n: p.grad.detach().double().cpu() for n, p in trained.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    batch = json.loads((args.folder / "batch.json").read_text())
    ours = load_file(args.folder / "gradients.safetensors")
    loss, exact = gradients(args.folder, batch, torch.float64, args.device)
    peer_loss, peer = gradients(args.folder, batch, torch.bfloat16, args.device)
    root = lambda x: x.pow(2).mean().sqrt().item()  # noqa: E731
    worst, far = 0.0, []
    assert set(ours) == set(exact), set(ours) ^ set(exact)
    for name, want in exact.items():
        error = root(ours[name].double() - want)
        allowed = 2 * root(peer[name] - want) + 2**-8 * root(want)
        worst = max(worst, error / allowed)
        if not error <= allowed:
            far.append(f"{name}: {error:.3g} of {root(want):.3g}, allowed {allowed:.3g}")
    difference = abs(batch["loss"] - loss)
    if not difference <= 2 * abs(peer_loss - loss) + 2**-8 * loss:
        far.append(f"loss {batch['loss']}, want {loss}, PyTorch's bfloat16 {peer_loss}")
    print(json.dumps({"tensors": len(exact), "loss": batch["loss"], "float64": loss,
                      "bfloat16": peer_loss, "worst_of_allowed": worst, "too_far": far}))
    sys.exit(1 if far else 0)


if __name__ == "__main__":
    main()
