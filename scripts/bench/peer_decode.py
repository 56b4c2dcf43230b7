"""Times greedy decoding by llama.cpp for scripts/bench/cpu.py: a JSON question a line, an answer a
line. Needs scripts/interop/teacher-requirements.txt. The model folder is written as GGUF first, in
the precision that is asked for."""

import ctypes
import json
import os
import pathlib
import sys
import time

import gguf
import llama_cpp
import numpy as np
from safetensors.numpy import load_file

TYPES = {"f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
         "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16)}


def write(folder, path, precision):
    config = json.loads((folder / "config.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    kind, file_type = TYPES[precision]
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(kv_heads)
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_rope_dimension_count(config["hidden_size"] // heads)
    w.add_rope_freq_base(config.get("rope_theta") or config["rope_parameters"]["rope_theta"])
    w.add_file_type(file_type)
    w.add_vocab_size(config["vocab_size"])
    w.add_tokenizer_model("none")
    tensors = load_file(folder / "model.safetensors")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, tensor in sorted(tensors.items()):
        data = tensor.astype(np.float32)
        for key, n in (("q_proj", heads), ("k_proj", kv_heads)):
            if f"self_attn.{key}.weight" in name:  # llama.cpp rotates pairs of neighbours
                data = data.reshape(n, 2, data.shape[0] // n // 2, -1).swapaxes(1, 2).reshape(data.shape)
        data = np.ascontiguousarray(data)
        to = names.get_name(name.removesuffix(".weight")) + ".weight"
        if data.ndim == 1 or precision == "f32":
            w.add_tensor(to, data)
        else:
            w.add_tensor(to, gguf.quants.quantize(data, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def load(folder, precision):
    """Loads a model folder, which is written as GGUF beside it unless that is there."""
    folder = pathlib.Path(folder)
    path = folder.parent / f"{folder.name}-{precision}.gguf"
    if not path.exists():
        write(folder, f"{path}.new", precision)
        os.rename(f"{path}.new", path)
    return llama_cpp.llama_model_load_from_file(
        str(path).encode(), llama_cpp.llama_model_default_params())


class Subject:
    def __init__(self, q):
        self.model = load(q["model"], q["precision"])
        p = llama_cpp.llama_context_default_params()
        p.n_ctx, p.n_threads, p.n_threads_batch = 2048, q["threads"], q["threads"]
        p.type_k = p.type_v = llama_cpp.GGML_TYPE_F32
        self.context = llama_cpp.llama_init_from_model(self.model, p)
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.prompt = [(t * 7919 + 13) % self.vocab for t in range(q["context"])]
        self.read(self.prompt)

    def read(self, ids):
        array = (ctypes.c_int32 * len(ids))(*ids)  # the batch only points to it
        batch = llama_cpp.llama_batch_get_one(array, len(ids))
        if llama_cpp.llama_decode(self.context, batch):
            raise RuntimeError("llama_decode failed")
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        self.next = int(np.ctypeslib.as_array(logits, (self.vocab,)).argmax())

    def decode(self, n):
        memory = llama_cpp.llama_get_memory(self.context)
        llama_cpp.llama_memory_seq_rm(memory, 0, len(self.prompt), -1)
        tokens = []
        start = time.perf_counter()
        for _ in range(n):
            tokens.append(self.next)
            self.read([self.next])
        return {"seconds": (time.perf_counter() - start) / n, "tokens": tokens}


def main():
    llama_cpp.llama_log_set(LOG, None)
    llama_cpp.llama_backend_init()
    subjects = {}
    for line in sys.stdin:
        q = json.loads(line)
        steps = q.pop("steps")
        key = json.dumps(q, sort_keys=True)
        if key not in subjects:
            subjects[key] = Subject(q)
        print(json.dumps(subjects[key].decode(steps)), flush=True)


LOG = llama_cpp.llama_log_callback(lambda level, text, data: None)
if __name__ == "__main__":
    main()
