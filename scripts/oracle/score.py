"""Writes golden scores: texts of our own with what the published scorers give for them.

The scorers: the Python packages rouge (LongBench's ROUGE), fuzzywuzzy (its similarity of code, with
difflib as its requirements have it), rouge-score, jieba with small tables of our
own, and SQuAD's and LongBench's rules as their papers' scripts apply them, written here anew.
"""

import collections
import difflib
import json
import pathlib
import random
import re
import string
import tempfile

import jieba
import jieba.finalseg
from fuzzywuzzy import fuzz
from rouge import Rouge
from rouge_score import rouge_scorer

ROOT = pathlib.Path(__file__).resolve().parents[2] / "longqa"
WORDS = ("the a an The A cat cats sat on mat. mat, it's Paragraph 3 12 段落 5 blue-green naïve ÉTÉ "
         "__x a.m. . .. U.S. 3.5 yes No an, “quoted” it's\tthe\x1fthe\u3000tea").split(" ")
CHARACTERS = "我们在北京学习中文很高兴他来到了网易杭研大厦小明硕士毕业于科院计算所后去日本京都大学深造的一是不这有和为"
CODE = "if err != nil { return x } # // ` self.value = foo(bar, 12) for i in range(n): \n".split(" ")
MARKS = "，。！ \r\nabc12.5%-+？「」"


def dictionary(folder, rng):
    """A dictionary and model tables in jieba's layout, of invented counts."""
    words = {"我们": 900, "北京": 700, "学习": 650, "中文": 300, "高兴": 250, "他": 4000, "来到": 500, "了": 9000,
             "网易": 80, "大厦": 120, "硕士": 90, "毕业": 200, "于": 3000, "科院": 10, "计算": 300, "计算所": 20,
             "日本": 600, "京都": 60, "京都大学": 15, "大学": 900, "深造": 30, "日本京都大学": 2, "的": 9999,
             "一": 5000, "是": 7000, "不是": 800, "这": 3000, "有": 6000, "和": 5500, "为": 4200, "小明": 40}
    for c in CHARACTERS[::3]:
        words.setdefault(c, rng.randrange(1, 500))
    (folder / "dict.txt").write_text("".join(f"{w} {n} n\n" for w, n in words.items()), "utf-8")
    final = folder / "finalseg"
    final.mkdir()
    start = {"B": -0.26, "E": -3.14e+100, "M": -3.14e+100, "S": -1.46}
    trans = {"B": {"E": -0.51, "M": -0.91}, "E": {"B": -0.58, "S": -0.8}, "M": {"E": -0.33, "M": -1.26},
             "S": {"B": -0.72, "S": -0.66}}
    emit = {s: {c: round(-3 - 8 * rng.random(), 6) for c in CHARACTERS if rng.random() < 0.9}
            for s in "BMES"}
    for name, table in (("start", start), ("trans", trans), ("emit", emit)):
        text = "from __future__ import unicode_literals\nP=" + ascii(table) + "\n"
        (final / f"prob_{name}.py").write_text(text, "utf-8")
    jieba.finalseg.start_P, jieba.finalseg.trans_P, jieba.finalseg.emit_P = start, trans, emit
    return jieba.Tokenizer(dictionary=str(folder / "dict.txt"))


def normal(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def bag_f1(p, a):
    same = sum((collections.Counter(p) & collections.Counter(a)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(p), same / len(a)
    return 2 * precision * recall / (precision + recall)


CN = ("！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏.")


def chinese_words(cut, text):
    drop = set(string.punctuation + CN)
    all_words = ["".join("".join(c for c in w.lower() if c not in drop).split()) for w in cut(text)]
    return [w for w in all_words if w]


def rouge(p, a):
    try:
        return Rouge().get_scores([p], [a], avg=True)["rouge-l"]["f"]
    except Exception:
        return 0.0


def code_similarity(p, a):
    lines = [x for x in p.lstrip("\n").split("\n") if not any(m in x for m in ("`", "#", "//"))]
    return fuzz.ratio(lines[0] if lines else "", a) / 100


def numbers_part(p, number):
    found = re.findall(r"\d+", p)
    return sum(n == number for n in found) / len(found) if found else 0.0


def retrieval(p, a, word):
    found = re.findall(word + r"(\d+)", a)
    return numbers_part(p, found[0]) if found else 0.0


def main():
    rng = random.Random(20)
    fuzz.SequenceMatcher = difflib.SequenceMatcher  # also where python-Levenshtein is installed
    target = ROOT / "jieba" / "testdata" / "small"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        cutter = dictionary(folder, rng)
        for f in ("dict.txt", "finalseg/prob_start.py", "finalseg/prob_trans.py", "finalseg/prob_emit.py"):
            (target / f).parent.mkdir(exist_ok=True)
            (target / f).write_bytes((folder / f).read_bytes())
        cuts = []
        for n in range(300):
            text = "".join(rng.choice(CHARACTERS if rng.random() < 0.85 else MARKS) for _ in range(rng.randrange(40)))
            cuts.append({"text": text, "words": list(cutter.cut(text))})
        (target / "golden.json").write_text(json.dumps(cuts, ensure_ascii=False, indent=0) + "\n", "utf-8")

        scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
        cases = []
        for n in range(400):
            words = [" ".join(rng.choice(WORDS) for _ in range(rng.randrange(25))) for _ in range(2)]
            if n % 4 == 0:
                words = ["".join(rng.choice(CHARACTERS[:12] + "，。 段落35") for _ in range(rng.randrange(30)))
                         for _ in range(2)]
            p, a = words
            if n % 10 == 1:
                p = a.upper()
            if n % 20 == 2:
                p, a = f"第{n % 7}段和 {n % 5} 段", f"段落{n % 5}"
            if n % 4 == 3:
                size = 90 if n % 8 == 3 else 8
                a = " ".join(rng.choice(CODE) for _ in range(rng.randrange(size)))
                p = "".join(c for c in a if rng.random() < 0.9) if n % 3 else " ".join(
                    rng.choice(CODE) for _ in range(size))
            zh = [" ".join(cutter.cut(t)) for t in (p, a)]
            cases.append({"prediction": p, "answer": a, "scores": {
                "exact": float(normal(p) == normal(a)), "f1": bag_f1(normal(p), normal(a)),
                "rouge-l": scorer.score(a, p)["rougeL"].fmeasure, "longbench-rouge": rouge(p, a),
                "longbench-f1-zh": bag_f1(chinese_words(cutter.cut, p), chinese_words(cutter.cut, a)),
                "longbench-rouge-zh": rouge(*zh), "longbench-count": numbers_part(p, a),
                "longbench-code": code_similarity(p, a),
                "longbench-retrieval": retrieval(p, a, "Paragraph "),
                "longbench-retrieval-zh": retrieval(p, a, "段落"),
            }})
    golden = ROOT / "score" / "testdata" / "golden.json"
    golden.parent.mkdir(exist_ok=True)
    golden.write_text(json.dumps(cases, ensure_ascii=False, indent=0) + "\n", "utf-8")


if __name__ == "__main__":
    main()
