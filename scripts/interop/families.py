"""Compares our ids and texts with those of Hugging Face tokenizers: families.py FOLDER [NAME]..., for the
tokenizers of build/families."""

import glob
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import tokenizers

CASES = "../shared/data/vectors/hf-tokenizers/cases.jsonl"


def texts():
    with open(CASES, encoding="utf-8") as f:
        found = [json.loads(line)["s"] for line in f]
    for language in ("eng", "fra", "ukr"):
        for path in sorted(glob.glob(f"../shared/data/docs/eltec-{language}/*"))[:2]:
            found.append(Path(path).read_bytes()[:400_000].decode("utf-8", "ignore"))
    root = subprocess.run(["go", "env", "GOROOT"], check=True, capture_output=True, text=True).stdout.strip()
    for path in sorted(glob.glob(f"{root}/src/**/*.go", recursive=True))[::120]:
        found.append(Path(path).read_bytes().decode("utf-8", "ignore"))
    r = random.Random(7)
    ranges = [(0x20, 0x7F), (0xA0, 0x24F), (0x300, 0x370), (0x400, 0x52F), (0x600, 0x6FF), (0x900, 0x97F),
              (0x2000, 0x206F), (0x2580, 0x2590), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
              (0x1F300, 0x1F6FF)]
    for _ in range(400):
        some = r.sample(ranges, 3)
        found.append("".join(chr(r.randint(*r.choice(some))) if r.random() < 0.8 else r.choice(" \n\t's1=")
                             for _ in range(r.randint(1, 200))))
    return found


def run(*args, text=None):
    done = subprocess.run([os.environ["PIPELINE"], "tokenizer", *args], check=True, input=text,
                          capture_output=True, text=True)
    return done.stdout.split("\n")[:-1]


def compare(name, all_texts, files):
    path = f"build/families/{name}/tokenizer.json"
    theirs = tokenizers.Tokenizer.from_file(path)
    got = [json.loads(line) for line in run("encode", "--tokenizer", path, *files)]
    assert len(got) == len(all_texts)
    want = [theirs.encode(text).ids for text in all_texts]
    differ = [i for i, (a, b) in enumerate(zip(got, want)) if a != b]
    lines = run("decode", "--json", "--special", "--tokenizer", path, "-", text="\n".join(map(json.dumps, want)))
    decoded = [i for i, (ids, line) in enumerate(zip(want, lines, strict=True))
               if json.loads(line) != theirs.decode(ids, skip_special_tokens=False)]
    print(json.dumps({
        "tokenizer": name, "oracle": f"tokenizers {tokenizers.__version__}", "texts": len(all_texts),
        "tokens": sum(map(len, want)), "other_ids": len(differ), "other_texts": len(decoded),
        "first": [all_texts[i][:80] for i in (differ + decoded)[:3]],
    }, ensure_ascii=False), flush=True)
    return not differ and not decoded


def main():
    work = Path(sys.argv[1])
    names = sys.argv[2:] or sorted(os.listdir("build/families"))
    all_texts = texts()
    (work / "texts").mkdir()
    files = []
    for n, text in enumerate(all_texts):
        files.append(str(work / "texts" / f"{n:05d}"))
        Path(files[-1]).write_bytes(text.encode())
    if not all([compare(name, all_texts, files) for name in names]):
        sys.exit("some ids or texts differ")


if __name__ == "__main__":
    main()
