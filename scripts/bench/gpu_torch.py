"""A LongLoRA step in PyTorch: the peer of trainer/device/measure, on the same card.

transformers' LLaMA of made-up weights in bfloat16, PEFT's LoRA (rank 8 on q, k, v, o) with embedding and
norms trained in full, scaled dot-product attention (cuDNN's or flash), S2 by views as its authors
have it. Two settings: "default" recomputes every layer, the peers' recipe; "best" recomputes nothing
where that fits, compiles the model and computes the loss in chunks, and falls back to recomputing.
Prints one JSON object a setting.

    python scripts/bench/gpu_torch.py --shape 7B --context 8192 --attention s2
    python scripts/bench/gpu_torch.py --shape tiny --context 256 --device cpu   # tries the script
"""

import argparse
import json
import time

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM

SHAPES = {
    "7B": dict(vocab_size=32000, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
               num_key_value_heads=32, intermediate_size=11008),
    "8B": dict(vocab_size=128256, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
               num_key_value_heads=8, intermediate_size=14336),
    "tiny": dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, intermediate_size=64),
}
LOSS_ROWS = 1024  # of the chunked loss


def s2_attention(module, query, key, value, attention_mask, scaling=None, **_):
    """Groups of a quarter of the row; half of the heads shifted by half a group, wrapping around."""
    batch, heads, tokens, dim = query.shape
    repeat = heads // key.shape[1]
    key, value = (x.repeat_interleave(repeat, dim=1) for x in (key, value))
    group = max(tokens // 4, 1)

    def fold(x):
        straight, shifted = x.chunk(2, dim=1)
        x = torch.cat([straight, shifted.roll(-(group // 2), dims=2)], dim=1)
        x = x.reshape(batch, heads, tokens // group, group, dim).transpose(1, 2)
        return x.reshape(-1, heads, group, dim)

    out = torch.nn.functional.scaled_dot_product_attention(
        fold(query), fold(key), fold(value), is_causal=True, scale=scaling)
    out = out.reshape(batch, tokens // group, heads, group, dim).transpose(1, 2)
    straight, shifted = out.reshape(batch, heads, tokens, dim).chunk(2, dim=1)
    out = torch.cat([straight, shifted.roll(group // 2, dims=2)], dim=1)
    return out.transpose(1, 2).contiguous(), None


def make(args):
    AttentionInterface.register("s2", s2_attention)
    config = LlamaConfig(max_position_embeddings=args.context, use_cache=False, **SHAPES[args.shape])
    config._attn_implementation = "s2" if args.attention == "s2" else "sdpa"
    torch.manual_seed(1)
    with torch.device(args.device):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(config)
        torch.set_default_dtype(torch.float32)
    lora = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"])
    model = get_peft_model(model, lora)
    for name, p in model.named_parameters():
        if "embed_tokens" in name or "norm" in name or "lora_" in name:
            p.requires_grad_(True)
            p.data = p.data.to(torch.float32 if "lora_" in name else torch.bfloat16)
    return model


def chunked_loss(hidden, head, targets):
    total = 0.0
    for i in range(0, hidden.shape[0], LOSS_ROWS):
        part = torch.utils.checkpoint.checkpoint(
            lambda h, t: torch.nn.functional.cross_entropy(head(h).float(), t, reduction="sum"),
            hidden[i:i + LOSS_ROWS], targets[i:i + LOSS_ROWS], use_reentrant=False)
        total = total + part
    return total / hidden.shape[0]


def measure(args, setting, recompute):
    model = make(args)
    if recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-5, betas=(0.9, 0.95), weight_decay=0,
                                  fused=args.device == "cuda")
    llama = model.get_base_model()
    body = torch.compile(llama.model) if setting == "best" and args.device == "cuda" else llama.model
    ids = (torch.arange(args.context, device=args.device) * 7919 % llama.config.vocab_size)[None]

    def step():
        if setting == "best":
            hidden = body(input_ids=ids).last_hidden_state[0]
            loss = chunked_loss(hidden[:-1], llama.lm_head, ids[0, 1:])
        else:
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def wait():
        if args.device == "cuda":
            torch.cuda.synchronize()

    for _ in range(2):
        step()
    wait()
    start = time.perf_counter()
    for _ in range(args.steps):
        loss = step()
    wait()
    seconds = (time.perf_counter() - start) / args.steps
    assert torch.isfinite(loss)
    peak = torch.cuda.max_memory_allocated() / 2**30 if args.device == "cuda" else None
    return args.context / seconds, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="7B")
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--attention", choices=["s2", "full"], default="s2")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    row = f"{args.shape}_{args.context // 1000}k_{args.attention}"
    backends = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION,
                SDPBackend.MATH]
    for setting, tries in [("default", [True]), ("best", [False, True])]:
        result = {"name": f"{row}_torch_{setting}", "unit": "tokens/s", "value": None}
        for recompute in tries:
            try:
                with sdpa_kernel(backends, set_priority=True):
                    value, peak = measure(args, setting, recompute)
                result |= {"value": value, "peak_gib": peak, "recompute": recompute}
                break
            except torch.OutOfMemoryError as e:
                result["error"] = str(e).splitlines()[0]
                torch.cuda.empty_cache()
        print(json.dumps(result | {"torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
