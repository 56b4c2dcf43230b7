"""Compares a tokenizer that we trained, as Hugging Face tokenizers reads it, with our own encoding.

Usage: trained_tokenizer.py FOLDER, which holds t.json and rows.jsonl (documents).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import tokenizers

OTHERS = [
    "", " ", "\n\n\n", "\r\n\r\n  x", "na\u00efve cafe\u0301 \u00dfgro\u00df", "Привіт, світе! Як справи?",
    "白日依山尽，黄河入海流。", "नमस्ते दुनिया", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1fa\U0001f1e6",
    "x\x00y\ufeffz", "  leading", "trailing  ", "1234567890 3.14e-10", "don't WE'LL i'M \u017fs",
    "<s></s>", "a<s>b", "\t\tif (a&&b){c++;}", "a" * 5000, " " * 3000,
]


def ours(pipeline, work, flags):
    files = sorted((work / "texts").iterdir())
    command = [pipeline, "tokenizer", "encode", "--tokenizer", work / "t.json", *flags, *files]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    work, pipeline = Path(sys.argv[1]), os.environ["PIPELINE"]
    texts = [json.loads(line)["text"] for line in (work / "rows.jsonl").open(encoding="utf-8")]
    texts += OTHERS
    (work / "texts").mkdir()
    for n, text in enumerate(texts):
        (work / "texts" / f"{n:05d}").write_bytes(text.encode())
    theirs = tokenizers.Tokenizer.from_file(str(work / "t.json"))
    for flags in ([], ["--no-special"]):
        ids = ours(pipeline, work, flags)
        assert len(ids) == len(texts)
        for text, got in zip(texts, ids):
            want = theirs.encode(text, add_special_tokens=not flags).ids
            assert got == want, f"{text[:60]!r}: {got[:20]} is not {want[:20]}"
        tokens = sum(map(len, ids))
        print(f"tokenizers {tokenizers.__version__} {' '.join(flags)}: {len(texts)} texts, "
              f"{tokens} tokens equal")
    decoded = subprocess.run([pipeline, "tokenizer", "decode", "--json", "--tokenizer", work / "t.json", "-"],
                             input="\n".join(map(json.dumps, ids)), check=True, capture_output=True, text=True)
    for want, line in zip((theirs.decode(i) for i in ids), decoded.stdout.splitlines(), strict=True):
        assert json.loads(line) == want, f"decoded as {line[:60]}, want {want[:60]!r}"
    print(f"{len(texts)} texts decoded alike")


if __name__ == "__main__":
    main()
