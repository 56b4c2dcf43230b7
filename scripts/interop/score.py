"""Scores LongBench-like files by its rules, with the real jieba and rouge, and compares longqa score.

Usage: score.py LONGQA
"""

import difflib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import jieba

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
import score as oracle  # noqa: E402

JIEBA = os.path.dirname(jieba.__file__)


def english(rng, source):
    at = rng.randrange(len(source) - 4000)
    return source[at:at + rng.randrange(20, 900)]


def chinese(rng, words):
    parts = [rng.choice(words) if rng.random() < 0.8 else rng.choice("的了在和是，。！ 0123abc%？\n") for _ in
             range(rng.randrange(3, 120))]
    rng.random() < 0.3 and rng.shuffle(parts)
    return "".join(parts)


def code(rng, source):
    lines = source.split("\n")
    at = rng.randrange(len(lines) - 3)
    return "\n".join(lines[at:at + rng.randrange(1, 4)])


def main():
    rng = random.Random(7)
    words = [line.split(" ")[0] for line in open(os.path.join(JIEBA, "dict.txt"), encoding="utf-8")][::37]
    novel = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "longqa.md").read_text("utf-8") * 3
    program = (pathlib.Path(__file__).resolve().parents[2] / "longqa" / "score" / "run.go").read_text("utf-8")
    sources = {english: novel, chinese: words, code: program}
    oracle.fuzz.SequenceMatcher = difflib.SequenceMatcher
    cut = jieba.cut
    rules = {
        "narrativeqa": (english, lambda p, a: oracle.bag_f1(oracle.normal(p), oracle.normal(a))),
        "gov_report": (english, oracle.rouge),
        "multifieldqa_zh": (chinese, lambda p, a: oracle.bag_f1(oracle.chinese_words(cut, p),
                                                               oracle.chinese_words(cut, a))),
        "dureader": (chinese, lambda p, a: oracle.rouge(" ".join(cut(p)), " ".join(cut(a)))),
        "lcc": (code, oracle.code_similarity),
    }
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, (text, rule) in rules.items():
            source = sources[text]
            path = pathlib.Path(folder) / f"{name}.jsonl"
            want = []
            with open(path, "w", encoding="utf-8") as f:
                for _ in range(400):
                    answers = [text(rng, source) for _ in range(rng.randrange(1, 4))]
                    p = text(rng, source)
                    if rng.random() < 0.6:  # something in common
                        a = rng.choice(answers)
                        p = a[len(a) // 4:] + p[:len(p) // 2]
                    json.dump({"pred": p, "answers": answers, "all_classes": None, "length": 1}, f,
                              ensure_ascii=False)
                    f.write("\n")
                    want.append(max([0.0] + [rule(p, a) for a in answers]))
            rows = pathlib.Path(folder) / "rows"
            subprocess.run([sys.argv[1], "score", "--predictions", path, "--jieba", JIEBA, "--rows", rows],
                           check=True, stdout=subprocess.DEVNULL)
            got = [next(iter(json.loads(line)["scores"].values())) for line in open(rows)]
            assert len(got) == len(want)
            gap = max(abs(g - w) for g, w in zip(got, want))
            worst = max(worst, gap)
            print(f"{name}: {len(want)} predictions, mean {100 * sum(want) / len(want):.2f}, "
                  f"greatest difference {gap:.1e}")
    assert worst < 1e-12, worst


if __name__ == "__main__":
    main()
