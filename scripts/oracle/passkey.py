"""Writes trainer/eval/testdata/passkey.json: prompts of LongLoRA's published pass-key test, by its
rules and NumPy's random numbers: garbage characters, seed, the key, and the prompt's hash."""

import hashlib

from numpy import random

from common import testdata, write_json

GARBAGE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."


def prompt(garbage, seed):
    random.seed(seed)
    before = random.randint(0, garbage)
    key = random.randint(1, 50000)
    text = " ".join([GARBAGE] * 5000)
    return "\n".join([
        "There is an important info hidden inside a lot of irrelevant text. Find it and memorize "
        "them. I will quiz you about the important information there.",
        text[:before], f"The pass key is {key}. Remember it. {key} is the pass key.",
        text[:garbage - before], "What is the pass key? The pass key is"]), str(key)


cases = []
for garbage in (1, 3072, 30720, 122880, 449999):
    for seed in (0, 1, 7, 9):
        text, key = prompt(garbage, seed)
        cases.append({"garbage": garbage, "seed": seed, "key": key,
                      "sha256": hashlib.sha256(text.encode()).hexdigest()})
write_json(testdata("trainer/eval", "passkey.json"), {"cases": cases})
