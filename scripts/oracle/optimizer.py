"""Golden values of AdamW with moments in eight bits, by PyTorch and bitsandbytes' sets of values.

Writes trainer/optimizer/testdata/adamw8bit.json: both sets of 256 values, and ten steps of blockwise
8-bit AdamW on 600 parameters (two blocks and a part) with gradients of very unlike sizes. The step is
that of bitsandbytes' optimizer_update_8bit_blockwise; values are found by comparing with all 256, as
its kernels for GPUs do (its CPU's look them up in a coarse table and are far off for small ones). One
rule is added to its: a second moment that is not zero does not become zero.
"""

import json
import math

import bitsandbytes.functional as F
import torch

from common import testdata

N, STEPS, BLOCK = 600, 10, 256
LR, BETA1, BETA2, EPS, DECAY = 1e-2, 0.9, 0.95, 1e-8, 0.1


def gradient(step, i):
    """A pure function of small whole numbers, exact in float32."""
    k = (i * 7919 + step * 104729 + i * i * 31) % 2048 - 1024
    return k * 2.0 ** -(10 + (i % 5) * 3)


def encode(x, values, keeps):
    """Codes and greatest magnitudes of blocks."""
    codes, greatest = [], []
    for block in x.split(BLOCK):
        high = block.abs().max()
        of = block / high if high > 0 else block
        nearest = (of[:, None].double() - values[None].double()).abs().argmin(1)
        if keeps:
            zero = int((values == 0).nonzero())
            nearest[(nearest == zero) & (block != 0)] = zero + 1
        codes.append(nearest)
        greatest.append(high)
    return torch.cat(codes), torch.stack(greatest)


def decode(codes, greatest, values):
    return values[codes] * greatest.repeat_interleave(BLOCK)[: len(codes)]


def main():
    signed = F.create_dynamic_map(signed=True)
    positive = F.create_dynamic_map(signed=False)
    p = torch.tensor([((i * 37) % 128 - 64) / 64 for i in range(N)], dtype=torch.float32)
    start = p.tolist()
    m, v = torch.zeros(N), torch.zeros(N)
    for step in range(1, STEPS + 1):
        g = torch.tensor([gradient(step, i) for i in range(N)], dtype=torch.float32)
        m.mul_(BETA1).add_(g, alpha=1 - BETA1)
        v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
        denominator = (v.sqrt() / math.sqrt(1 - BETA2**step)).add_(EPS)
        p.mul_(1 - LR * DECAY).addcdiv_(m, denominator, value=-LR / (1 - BETA1**step))
        first, high1 = encode(m, signed, False)
        second, high2 = encode(v, positive, True)
        m, v = decode(first, high1, signed), decode(second, high2, positive)
    golden = dict(signed=signed.tolist(), positive=positive.tolist(), start=start, end=p.tolist(),
                  first=first.tolist(), second=second.tolist(), first_greatest=high1.tolist(),
                  second_greatest=high2.tolist(), steps=STEPS, lr=LR, beta1=BETA1, beta2=BETA2, eps=EPS,
                  decay=DECAY)
    with open(testdata("trainer/optimizer", "adamw8bit.json"), "w") as f:
        json.dump(golden, f)
        f.write("\n")


if __name__ == "__main__":
    main()
