"""Passes the lines of scripts/bench/tokenizer on and sums them up: the worst of document sizes."""

import json
import sys

SUMS = {
    "tokenize_spm_en_vs_hf": ("tokenize_mistral-7b-v0.1_english_", "_vs_hf"),
    "tokenize_bytelevel_en_vs_hf": ("tokenize_gpt2_english_", "_vs_hf"),
    "tokenize_spm_code_vs_hf": ("tokenize_mistral-7b-v0.1_code_", "_vs_hf"),
    "tokenize_spm_markdown_vs_hf": ("tokenize_mistral-7b-v0.1_markdown_", "_vs_hf"),
    "tokenize_bytelevel_code_vs_hf": ("tokenize_gpt2_code_", "_vs_hf"),
    "tokenize_bytelevel_markdown_vs_hf": ("tokenize_gpt2_markdown_", "_vs_hf"),
    "tokenize_spm_zh_vs_hf": ("tokenize_mistral-7b-v0.1_chinese_", "_vs_hf"),
    "tokenize_bytelevel_zh_vs_hf": ("tokenize_qwen2_5_chinese_", "_vs_hf"),
    "tokenize_spm_en_vs_gigatoken": ("tokenize_mistral-7b-v0.1_english_", "_vs_gigatoken"),
    "tokenize_bytelevel_en_vs_gigatoken": ("tokenize_gpt2_english_", "_vs_gigatoken"),
    "tokenize_vs_newest_hf": ("tokenize_", "_vs_newest"),
    "tokenize_flatness_16MB_vs_1KB": ("tokenize_", "_flatness_16MB_vs_1KB"),
}

lines = []
for line in sys.stdin:
    print(line, end="", flush=True)
    lines.append(json.loads(line))
for name, (begin, end) in SUMS.items():
    of = [x for x in lines if x["name"].startswith(begin) and x["name"].endswith(end)]
    if of:
        worst = min(of, key=lambda x: x["ratio"])
        print(json.dumps({**worst, "name": name, "of": worst["name"]}), flush=True)
