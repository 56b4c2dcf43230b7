"""Writes small files in other programs' formats with what they hold: checkpoints of torch.save
(trainer/torchfile/testdata), a model, an adapter and the parameters of LongLoRA's own scripts with
what those scripts merge them to (trainer/merge/testdata), and GGUF files by llama.cpp's gguf package
(trainer/llamacpp/testdata).
"""

import copy
import io
import json
import os
import pathlib
import shutil

import gguf
import numpy as np
import sentencepiece
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from common import ROOT, testdata, write_json


class Evil:
    """An object whose pickle calls a function when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def checkpoints():
    torch.manual_seed(0)
    whole = torch.randn(6, 4)
    state = torch.nn.Linear(3, 2).state_dict()  # with _metadata
    state["half"] = torch.randn(2, 3).half()
    state["brain"] = torch.randn(5).bfloat16()
    state["double"] = torch.randn(2, 2).double()
    state["whole"] = whole
    state["transposed"] = whole.t()
    state["view"] = whole[2:4, 1:3]
    state["scalar"] = torch.tensor(2.5)
    state["empty"] = torch.empty(0, 3)
    state["parameter"] = torch.nn.Parameter(torch.randn(3))
    expected = [{"name": k, "shape": list(v.shape), "values": v.detach().float().flatten().tolist()}
                for k, v in state.items()]
    path = lambda name: testdata("trainer/torchfile", name)
    torch.save(state, path("state.bin"))
    torch.save(state, path("protocol4.bin"), pickle_protocol=4)
    torch.save(state, path("old.bin"), _use_new_zipfile_serialization=False)
    torch.save({"weight": Evil()}, path("evil.bin"))
    torch.save({"ids": torch.arange(3)}, path("integers.bin"))
    torch.save({"model": state}, path("nested.bin"))
    write_json(path("state.json"), {"tensors": expected})


def save_bin(model, folder):
    """A folder as transformers 4 wrote it."""
    os.makedirs(folder, exist_ok=True)
    model.config.save_pretrained(folder)
    state = model.state_dict()
    names = sorted(state)
    half = len(names) // 2
    files = {"pytorch_model-00001-of-00002.bin": names[:half],
             "pytorch_model-00002-of-00002.bin": names[half:]}
    for name, inside in files.items():
        torch.save({k: state[k] for k in inside}, os.path.join(folder, name))
    index = {"metadata": {}, "weight_map": {k: f for f, inside in files.items() for k in inside}}
    with open(os.path.join(folder, "pytorch_model.bin.index.json"), "w") as f:
        json.dump(index, f)


def upstream():
    """What LongLoRA's supervised-fine-tune.py, get_trainable_weights.py and
    merge_lora_weights_and_save_hf_model.py do, at a small size."""
    root = testdata("trainer/merge", "upstream")
    shutil.rmtree(root, ignore_errors=True)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=12, hidden_size=8, intermediate_size=10, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=6, max_position_embeddings=32,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
    base = LlamaForCausalLM(config)
    save_bin(base, os.path.join(root, "base"))
    model = grow(copy.deepcopy(base))
    model.config.rope_parameters = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
    lora = get_peft_model(model, LoraConfig(
        r=3, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
        task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, p in lora.named_parameters():
            if "lora" in name or "embed" in name or "norm" in name:
                p.add_(0.3 * torch.randn_like(p))
    adapter, full = {}, {}
    for k, v in lora.state_dict().items():
        if "lora" in k:
            adapter[k.replace("default.", "")] = v
        elif "embed" in k or "norm" in k:
            full[k[17:]] = v
    folder = os.path.join(root, "adapter")
    lora.save_pretrained(folder, safe_serialization=False)
    for name in os.listdir(folder):
        if name != "adapter_config.json":
            os.remove(os.path.join(folder, name))
    with open(os.path.join(folder, "adapter_config.json")) as f:
        fields = json.load(f)
    fields["base_model_name_or_path"] = "base"
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        json.dump(fields, f, indent=2)
    torch.save(adapter, os.path.join(folder, "adapter_model.bin"))
    torch.save(full, os.path.join(folder, "trainable_params.bin"))

    merged = grow(copy.deepcopy(base))
    missing, unexpected = merged.load_state_dict(
        torch.load(os.path.join(folder, "trainable_params.bin")), strict=False)
    assert not unexpected, unexpected
    merged = PeftModel.from_pretrained(merged, folder).merge_and_unload()
    save_file({k: v.contiguous() for k, v in merged.state_dict().items()},
              os.path.join(root, "merged.safetensors"))


def grow(model):
    """smart_tokenizer_and_embedding_resize for one new token."""
    model.resize_token_embeddings(model.config.vocab_size + 1, mean_resizing=False)
    for weights in (model.get_input_embeddings().weight.data,
                    model.get_output_embeddings().weight.data):
        weights[-1:] = weights[:-1].mean(dim=0, keepdim=True)
    return model


TEXTS = ["", "func main", "  two spaces", "Hello, world!", "naïve café 日本語 🙂", "a\nb\tc", "1234 x=y"]
CONFIG = LlamaConfig(
    vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
    rms_norm_eps=1e-5, rope_theta=500000.0, tie_word_embeddings=False)


def corpus():
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        yield from pathlib.Path(ROOT, name).read_text().splitlines()


def describe(w):
    w.add_context_length(CONFIG.max_position_embeddings)
    w.add_embedding_length(CONFIG.hidden_size)
    w.add_block_count(CONFIG.num_hidden_layers)
    w.add_feed_forward_length(CONFIG.intermediate_size)
    w.add_head_count(CONFIG.num_attention_heads)
    w.add_head_count_kv(CONFIG.num_key_value_heads)
    w.add_layer_norm_rms_eps(CONFIG.rms_norm_eps)
    w.add_rope_dimension_count(CONFIG.head_dim)
    w.add_rope_freq_base(500000.0)


def pieces(w):
    """A SentencePiece vocabulary, with what the library makes of some texts."""
    data = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=corpus(), model_writer=data, vocab_size=400, model_type="bpe",
        byte_fallback=True, character_coverage=0.99, normalization_rule_name="identity",
        remove_extra_whitespaces=False, num_threads=1, minloglevel=2)
    sp = sentencepiece.SentencePieceProcessor(model_proto=data.getvalue())
    kinds = []
    for i in range(len(sp)):
        kinds.append(2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 1)
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_list([sp.id_to_piece(i) for i in range(len(sp))])
    w.add_token_scores([sp.get_score(i) for i in range(len(sp))])
    w.add_token_types(kinds)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    return [{"text": t, "ids": sp.encode(t)} for t in TEXTS]


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(w):
    """A byte-level vocabulary, with what Hugging Face's tokenizers make of some texts."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    vocab = t.get_vocab()
    tokens = sorted(vocab, key=vocab.get)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smaug-bpe")
    w.add_token_list(tokens)
    w.add_token_types([3 if x in ("<s>", "</s>") else 1 for x in tokens])
    w.add_token_merges([" ".join(m) if not isinstance(m, str) else m
                        for m in json.loads(t.to_str())["model"]["merges"]])
    w.add_bos_token_id(0)
    w.add_eos_token_id(1)
    w.add_add_bos_token(True)
    w.add_chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")
    return [{"text": x, "ids": t.encode(x).ids} for x in TEXTS]


def permute(data, heads):
    """The order of rows that llama.cpp's converter gives q and k."""
    rows = data.shape[0]
    return data.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(data.shape)


def write_gguf(name, kind, state, vocabulary, extra=lambda w: None):
    path = testdata("trainer/llamacpp", name)
    w = gguf.GGUFWriter(path, "llama")
    describe(w)
    cases = vocabulary(w) if vocabulary else []
    extra(w)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, CONFIG.num_hidden_layers)
    for key, tensor in state.items():
        data = tensor.numpy()
        if "q_proj" in key:
            data = permute(data, CONFIG.num_attention_heads)
        if "k_proj" in key:
            data = permute(data, CONFIG.num_key_value_heads)
        stored = kind if data.ndim > 1 else gguf.GGMLQuantizationType.F32
        w.add_tensor(names.get_name(key.removesuffix(".weight")) + ".weight",
                     gguf.quantize(np.ascontiguousarray(data), stored), raw_dtype=stored)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return cases


def yarn(w):
    w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    w.add_rope_scaling_factor(4.0)
    w.add_rope_scaling_orig_ctx_len(16)


def ggufs():
    torch.manual_seed(2)
    state = LlamaForCausalLM(CONFIG).state_dict()
    types = gguf.GGMLQuantizationType
    cases = {"pieces": write_gguf("f32.gguf", types.F32, state, pieces),
             "bytes": write_gguf("q8_0.gguf", types.Q8_0, state, byte_level)}
    write_gguf("f16.gguf", types.F16, state, None, yarn)
    write_gguf("bf16.gguf", types.BF16, state, None)
    save_file(state, testdata("trainer/llamacpp", "model.safetensors"))
    rounded = {}
    for k, v in state.items():
        kind = types.Q8_0 if v.ndim > 1 else types.F32
        rounded[k] = torch.from_numpy(gguf.dequantize(gguf.quantize(v.numpy(), kind), kind))
    save_file(rounded, testdata("trainer/llamacpp", "q8_0.safetensors"))
    write_json(testdata("trainer/llamacpp", "tokens.json"), cases)


checkpoints()
upstream()
ggufs()
