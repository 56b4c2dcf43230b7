"""tokens.py make TOKENIZER FOLDER: a small model with random weights that has a tokenizer.
tokens.py cases TOKENIZER BACK OUT: texts with their tokens, for llama.cpp; BACK must give them too."""

import glob
import json
import os
import shutil
import sys

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make(tokenizer, folder):
    torch.manual_seed(0)
    size = Tokenizer.from_file(tokenizer).get_vocab_size(with_added_tokens=True)
    LlamaForCausalLM(LlamaConfig(
        vocab_size=size + 3, hidden_size=32, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True, bos_token_id=1,
        eos_token_id=2)).save_pretrained(folder)
    shutil.copy(tokenizer, os.path.join(folder, "tokenizer.json"))


def texts():
    yield from ["", " ", "  ", "a", " a", "Hello, world!", "don't I'll WE'RE", "1234567 3.14 １２", "\t\n \n\n",
                "naïve café", "日本語のテキスト、中文", "emoji 🙂👍🏽 ☃", "…—“quoted”", "a  b   c    d",
                "    return nil\n}\n", "trailing  ", "x\u00a0y", "Ελληνικά Русский العربية", "\u0001 control"]
    for pattern in ("*.md", "docs/*.md", "kernels/*.go", "pipeline/*/*.go"):
        for path in sorted(glob.glob(os.path.join(ROOT, pattern)))[:6]:
            with open(path) as f:
                yield f.read()


def cases(tokenizer, back, out):
    t, b = Tokenizer.from_file(tokenizer), Tokenizer.from_file(back)
    all_texts = []
    for text in texts():
        ids = t.encode(text, add_special_tokens=False).ids
        assert b.encode(text, add_special_tokens=False).ids == ids, ("read back", text[:80])
        all_texts.append({"text": text, "ids": ids})
    with open(out, "w") as f:
        json.dump({"name": os.path.relpath(tokenizer), "cases": all_texts}, f)


{"make": make, "cases": cases}[sys.argv[1]](*sys.argv[2:])
