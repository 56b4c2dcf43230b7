"""Loads GGUF files that `trainer export` wrote in llama.cpp and compares logits and tokens.

exports_llama.py FOLDER: what exports.py left there. In F32 llama.cpp must agree with transformers
within 2e-3. In the other types it rounds activations as well, to the type of the weights: then the
files must hold what gguf's own reader decodes to the same values, and the difference is said.
"""

import json
import os
import sys

import gguf
import llama_cpp
import numpy as np

LIMIT = 2e-3
QUIET = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(QUIET, None)


def logits(path, ids, vocab):
    """llama.cpp's logits after each id, with keys and values kept in F32."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    assert model, "llama.cpp does not load " + path
    context = llama_cpp.llama_context_default_params()
    context.n_ctx = context.n_batch = context.n_ubatch = 2048
    context.n_threads = context.n_threads_batch = 1
    context.type_k = context.type_v = 0
    context.flash_attn_type = 0
    ctx = llama_cpp.llama_init_from_model(model, context)
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, t in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = t, i, 1
        batch.seq_id[i][0], batch.logits[i] = 0, True
    assert llama_cpp.llama_decode(ctx, batch) == 0
    out = np.ctypeslib.as_array(llama_cpp.llama_get_logits(ctx), (len(ids), vocab)).copy()
    assert llama_cpp.llama_model_n_ctx_train(model) == 2048
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(ctx)
    llama_cpp.llama_model_free(model)
    return out


def tokens(path, cases):
    model = llama_cpp.Llama(model_path=path, vocab_only=True, verbose=False)
    for case in cases:
        got = model.tokenize(case["text"].encode(), add_bos=False, special=False)
        if "<|" in case["text"]:
            continue  # special tokens are text here and not there
        assert got == case["ids"], (case["text"][:80], got[:20], case["ids"][:20])
    return len(cases)


def main(folder):
    at = lambda name: os.path.join(folder, name)
    with open(at("case.json")) as f:
        case = json.load(f)
    want = np.load(at("want.npy"))
    vocab = want.shape[1]
    got = logits(at("f32.gguf"), case["ids"], vocab)
    worst = float(np.abs(got - want).max())
    print(f"  f32.gguf, llama.cpp: {len(case['ids'])} tokens, logits differ by {worst:.1e}")
    if not worst <= LIMIT:
        raise SystemExit(f"llama.cpp: logits differ by {worst}, more than {LIMIT}")
    for t in ("f16", "bf16", "q8_0"):
        reader = gguf.GGUFReader(at(t + ".gguf"))
        full = {x.name: x for x in gguf.GGUFReader(at("f32.gguf")).tensors}
        for x in reader.tensors:
            value = gguf.dequantize(x.data, x.tensor_type)
            exact = gguf.dequantize(full[x.name].data, full[x.name].tensor_type)
            again = gguf.dequantize(gguf.quantize(exact, x.tensor_type), x.tensor_type)
            assert np.array_equal(value, again), (t, x.name)
        got = logits(at(t + ".gguf"), case["ids"], vocab)
        mine = np.load(at(t + ".npy"))
        print(f"  {t}.gguf: stored as gguf stores it; logits of llama.cpp and the trainer differ by "
              f"{np.abs(got - mine).max():.1e}, from f32 by {np.abs(mine - want).max():.1e}")
        assert np.corrcoef(got.ravel(), mine.ravel())[0, 1] > 0.999, t
    if case["cases"] and os.environ.get("GGUF_TOKENIZER") != "none":
        print(f"  tokens: {tokens(at('f32.gguf'), case['cases'])} texts alike")


main(*sys.argv[1:])
