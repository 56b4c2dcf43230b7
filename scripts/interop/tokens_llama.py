"""tokens_llama.py MODEL.gguf CASES: llama.cpp must give the tokens of the cases."""

import json
import sys

import llama_cpp

QUIET = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(QUIET, None)


def main(path, cases):
    with open(cases) as f:
        wanted = json.load(f)
    model = llama_cpp.Llama(model_path=path, vocab_only=True, verbose=False)
    wrong, tokens = [], 0
    for case in wanted["cases"]:
        got = model.tokenize(case["text"].encode(), add_bos=False, special=False)
        tokens += len(case["ids"])
        if got != case["ids"]:
            first = next((i for i, (a, b) in enumerate(zip(got, case["ids"])) if a != b), -1)
            wrong.append((case["text"][:60], first, got[first:first + 5], case["ids"][first:first + 5]))
    print(f"{wanted['name']}: {len(wanted['cases']) - len(wrong)} of {len(wanted['cases'])} texts alike, "
          f"{tokens} tokens")
    for w in wrong[:5]:
        print("  ", w)
    return 1 if wrong else 0


sys.exit(main(*sys.argv[1:]))
