"""Writes a small LLaMA model with a byte-level BPE tokenizer as GGUF, for llama.cpp's server.

Usage: teacher_gguf.py HF-MODEL-DIR OUT.gguf CONTEXT
"""

import json
import pathlib
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file


def spaced(piece):
    """A piece with the byte-level sign for a space, which llama.cpp's gpt2 tokenizer knows."""
    return piece.replace("\u2581", "\u0120")


def main():
    source, target, context = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    config = json.loads((source / "config.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    w = gguf.GGUFWriter(target, "llama")
    w.add_name(source.name)
    w.add_context_length(context)
    w.add_embedding_length(config["hidden_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(kv_heads)
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_rope_dimension_count(config["hidden_size"] // heads)
    w.add_rope_freq_base(config.get("rope_theta", 10000.0))
    w.add_file_type(gguf.LlamaFileType.ALL_F32)

    tokenizer = json.loads((source / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    added = {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
    size = config["vocab_size"]
    tokens, types = [f"[PAD{i}]" for i in range(size)], [gguf.TokenType.UNUSED] * size
    for text, i in vocab.items():
        tokens[i], types[i] = spaced(text), gguf.TokenType.NORMAL
    for text, i in added.items():
        tokens[i], types[i] = text, gguf.TokenType.CONTROL
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    merges = [spaced(m) for m in merges]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges(merges)
    for name, add in (("bos", w.add_bos_token_id), ("eos", w.add_eos_token_id)):
        if config.get(f"{name}_token_id") is not None:
            add(config[f"{name}_token_id"])
    w.add_chat_template("{% for m in messages %}{{ m.content }}\n{% endfor %}")

    tensors = load_file(source / "model.safetensors")
    embedding = tensors.get("model.embed_tokens.weight", tensors.get("lm_head.weight"))
    tensors["model.embed_tokens.weight"] = embedding
    tensors.setdefault("lm_head.weight", embedding)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, tensor in sorted(tensors.items()):
        data = tensor.astype(np.float32)
        for key, n in (("q_proj", heads), ("k_proj", kv_heads)):
            if f"self_attn.{key}.weight" in name:  # llama.cpp rotates pairs of neighbours
                data = data.reshape(n, 2, data.shape[0] // n // 2, -1).swapaxes(1, 2).reshape(data.shape)
        w.add_tensor(names.get_name(name.removesuffix(".weight")) + ".weight", np.ascontiguousarray(data))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
