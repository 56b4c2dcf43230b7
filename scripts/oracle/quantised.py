"""Writes kernels/nf4/testdata and kernels/llmint8/testdata, matrices that bitsandbytes quantised, and
trainer/hf/testdata/quantised, models that transformers saved with such weights, with the logits of
the same models with the values that the weights stand for, in float64.
"""

import base64
import os
import shutil
import tempfile

import bitsandbytes
import bitsandbytes.functional as F
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from common import testdata, write_json

IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
KINDS = {
    "nf4": BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
    "nf4-single": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"),
    "fp4": BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
    "int8": BitsAndBytesConfig(load_in_8bit=True),
}


def text(tensor):
    return base64.b64encode(tensor.detach().contiguous().numpy().tobytes()).decode()


def matrices():
    torch.manual_seed(0)
    w = torch.randn(64, 331) * 0.05
    w[3, 100:200] = 0  # a whole block
    w[5] = 0
    q, state = F.quantize_4bit(w, blocksize=64, compress_statistics=True, quant_type="nf4")
    single, plain = F.quantize_4bit(w, blocksize=64, compress_statistics=False, quant_type="nf4")
    assert torch.equal(q, single)
    write_json(testdata("kernels/nf4", "bitsandbytes.json"), {
        "bitsandbytes": bitsandbytes.__version__, "shape": list(w.shape), "values": text(w), "codes": text(q),
        "map": text(F.create_dynamic_map()), "table": text(state.code), "absmax": text(plain.absmax),
        "scales": text(state.absmax), "second": text(state.state2.absmax), "mean": state.offset.item(),
        "dequantised": text(F.dequantize_4bit(q, state)), "single": text(F.dequantize_4bit(single, plain)),
    })
    codes, stats, _ = F.int8_vectorwise_quant(w)
    write_json(testdata("kernels/llmint8", "bitsandbytes.json"), {
        "bitsandbytes": bitsandbytes.__version__, "shape": list(w.shape), "values": text(w),
        "codes": text(codes), "scales": text(stats), "dequantised": text(F.int8_vectorwise_dequant(codes, stats)),
    })


def dequantised(stored, name):
    """The values that a stored weight stands for, None if it is not quantised."""
    module = name.removesuffix(".weight")
    if module + ".SCB" in stored:
        return F.int8_vectorwise_dequant(stored[name], stored[module + ".SCB"])
    parts = {k: v for k, v in stored.items() if k.startswith(name + ".")}
    if not parts:
        return None
    state = F.QuantState.from_dict({k.removeprefix(name + "."): v for k, v in parts.items()}, device="cpu")
    return F.dequantize_4bit(stored[name], state)


def logits(base, folder):
    """Those of base with the values that the weights of a folder stand for."""
    plain = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32).double().eval()
    stored, replaced = load_file(os.path.join(folder, "model.safetensors")), 0
    with torch.no_grad():
        for name, p in plain.named_parameters():
            values = dequantised(stored, name)
            if values is not None:
                p.copy_(values)
                replaced += 1
        assert replaced == 14, replaced
        return plain(input_ids=torch.tensor([IDS])).logits[0].float()


def models():
    root = testdata("trainer/hf", "quantised")
    shutil.rmtree(root, ignore_errors=True)
    torch.manual_seed(1)
    base = LlamaForCausalLM(LlamaConfig(
        vocab_size=12, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=32, max_position_embeddings=32, tie_word_embeddings=False,
        bos_token_id=1, eos_token_id=2))
    with torch.no_grad():
        for p in base.parameters():
            p.copy_(torch.randn_like(p) * 0.2 + (p.dim() == 1))
    expected = {}
    with tempfile.TemporaryDirectory() as folder:
        base.save_pretrained(folder)
        for kind, config in KINDS.items():
            model = AutoModelForCausalLM.from_pretrained(
                folder, quantization_config=config, device_map="cpu", dtype=torch.float32)
            out = os.path.join(root, kind)
            model.save_pretrained(out)
            os.remove(os.path.join(out, "generation_config.json"))
            expected[kind] = text(logits(folder, out))
    write_json(os.path.join(root, "logits.json"), {"ids": IDS, "logits": expected})


matrices()
models()
