"""Times training steps of PyTorch for scripts/bench/cpu.py: transformers' LLaMA, PEFT's LoRA on
q, k, v, o with embedding and norms trained, and scaled_dot_product_attention on the groups of
shifted sparse attention by views (no wrap-around). A JSON question a line, an answer a line."""

import json
import resource
import sys
import time

import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch.utils.checkpoint import checkpoint
from transformers.modeling_utils import AttentionInterface

sdpa = torch.nn.functional.scaled_dot_product_attention


def groups(x, size):
    """[1, H, N, D] as [N/size, H, size, D]: a view."""
    _, h, n, d = x.shape
    return x.view(h, n // size, size, d).transpose(0, 1)


def grouped(q, k, v, size, scale):
    o = sdpa(groups(q, size), groups(k, size), groups(v, size), is_causal=True, scale=scale)
    return o.transpose(0, 1).reshape(1, q.shape[1], q.shape[2], q.shape[3])


def s2(module, q, k, v, attention_mask, scaling=None, dropout=0.0, **kwargs):
    h, n = q.shape[1], q.shape[2]
    rep = h // k.shape[1]
    if rep > 1:
        k, v = k.repeat_interleave(rep, 1), v.repeat_interleave(rep, 1)
    size = n // 4
    s, half = size // 2, h // 2
    plain = grouped(q[:, :half], k[:, :half], v[:, :half], size, scaling)
    q, k, v = q[:, half:], k[:, half:], v[:, half:]
    ends = [sdpa(q[:, :, a:b], k[:, :, a:b], v[:, :, a:b], is_causal=True, scale=scaling)
            for a, b in ((0, s), (n - s, n))]
    middle = grouped(q[:, :, s:n - s], k[:, :, s:n - s], v[:, :, s:n - s], size, scaling)
    shifted = torch.cat([ends[0], middle, ends[1]], 2)
    return torch.cat([plain, shifted], 1).transpose(1, 2), None


AttentionInterface.register("s2", s2)


def full(module, q, k, v, attention_mask, scaling=None, dropout=0.0, **kwargs):
    o = sdpa(q, k, v, is_causal=True, scale=scaling, enable_gqa=q.shape[1] != k.shape[1])
    return o.transpose(1, 2), None


AttentionInterface.register("plain_full", full)


def chunk_loss(head, h, y):
    return torch.nn.functional.cross_entropy(head(h).float(), y, reduction="sum")


class Subject:
    def __init__(self, q):
        torch.manual_seed(1)
        name = "s2" if q["attention"] == "s2" else "plain_full"
        dtype = torch.bfloat16 if q["precision"] == "bf16_weights" else torch.float32
        base = transformers.LlamaForCausalLM.from_pretrained(
            q["model"], attn_implementation=name, dtype=dtype)
        if q["context"] > base.config.max_position_embeddings:
            factor = -(-q["context"] // base.config.max_position_embeddings)
            base.model.rotary_emb.inv_freq /= factor
        self.m = get_peft_model(base, LoraConfig(
            r=8, lora_alpha=16, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
        for name, p in self.m.named_parameters():
            if "embed" in name or "norm" in name:
                p.requires_grad_(True)
        self.lm = self.m.get_base_model()
        self.lm.config.use_cache = False
        if q["checkpoint"]:
            self.lm.gradient_checkpointing_enable({"use_reentrant": False})
        self.m.train()
        self.q = q
        n, vocab = q["context"], base.config.vocab_size
        self.ids = torch.tensor([[(t * 7919 + 13) % vocab for t in range(n)]])
        self.trained = [p for p in self.m.parameters() if p.requires_grad]
        self.adam = torch.optim.AdamW(self.trained, 2e-5, (0.9, 0.95), weight_decay=0, fused=True)
        self.loss = torch.compile(self.forward) if q["compile"] else self.forward

    def forward(self, ids):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.q["precision"] == "bf16"):
            h = self.lm.model(input_ids=ids, use_cache=False).last_hidden_state[0, :-1]
            y = ids[0, 1:]
            if not self.q["chunked"]:
                return chunk_loss(self.lm.lm_head, h, y) / len(y)
            parts = [checkpoint(chunk_loss, self.lm.lm_head, a, b, use_reentrant=False)
                     for a, b in zip(h.split(512), y.split(512))]
            return sum(parts) / len(y)

    def step(self):
        loss = self.loss(self.ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        return loss.item()


def main():
    subjects = {}
    for line in sys.stdin:
        q = json.loads(line)
        steps = q.pop("steps")
        torch.set_num_threads(q["threads"])
        key = json.dumps(q, sort_keys=True)
        try:
            if key not in subjects:
                subjects[key] = Subject(q)
            start = time.perf_counter()
            for _ in range(steps):
                loss = subjects[key].step()
            answer = {"seconds": (time.perf_counter() - start) / steps, "loss": loss,
                      "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
        except Exception as e:  # a variant that PyTorch cannot run is no contender
            answer = {"error": f"{type(e).__name__}: {str(e)[:300]}"}
        print(json.dumps(answer), flush=True)


main()
