"""Passages of manual pages through the language filter and lingua: language.py FOLDER, which holds the
binary pipeline and pages/LANGUAGE. Parts of pages are not translated: passages that both find to be English
are left out."""

import gzip
import json
import os
import random
import re
import subprocess
import sys
import time

from lingua import LanguageDetectorBuilder

PASSAGES = 60  # of a language, at most
SIZES = (5_000, 600, 120)  # in bytes
ALIASES = {"pt-br": "pt", "nb": "no", "nn": "no"}  # as the filter: one language
ESCAPES = re.compile(r"\\f(\[[^]]*\]|\(..|.)|\\s[-+]?\d+|\\\((..)|\\\[[^]]*\]|\\[&/,|^%:c]|\\\*\(..|\\\".*")


def paragraphs(path):
    """Lines of text, without requests and escapes, as paragraphs."""
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rb") as f:
        lines = f.read().decode("utf-8", "strict").splitlines()
    text = []
    for line in lines + [".PP"]:
        if line[:1] in (".", "'") or not line.strip():
            if line[:3] not in (".B ", ".I ", ".BR", ".IR", ".BI") and text:
                yield " ".join(text)
                text = []
            continue
        text.append(ESCAPES.sub("", line).replace("\\-", "-").replace("\\e", "\\").strip())


def cut(text, size):
    data = text.encode()
    return data[:size].decode("utf-8", "ignore") if len(data) >= size else None


def passages(root, size):
    """Prose: mostly letters, no text twice."""
    found, seen = [], set()
    for directory, _, names in sorted(os.walk(root)):
        if "/man/" not in directory:
            continue
        for name in sorted(names):
            try:
                joined = " ".join(p for p in paragraphs(os.path.join(directory, name)) if len(p) >= 40)
            except UnicodeDecodeError:
                continue
            text = cut(joined, size)
            letters = sum(c.isalpha() for c in text or "")
            if text and text not in seen and letters >= 0.7 * len(text):
                seen.add(text)
                found.append(text)
    random.Random(1).shuffle(found)
    return found[:PASSAGES]


def ours(work, rows, languages):
    """What the filter of pipeline ingest finds, by id."""
    with open(f"{work}/rows.jsonl", "w", encoding="utf-8") as f:
        for i, (_, text) in enumerate(rows):
            f.write(json.dumps({"id": f"{i:05d}", "text": text}) + "\n")
    subprocess.run(["rm", "-rf", f"{work}/docs"], check=True)
    subprocess.run(
        [f"{work}/pipeline", "ingest", "--source", "jsonl", "--path", f"{work}/rows.jsonl", "--licence", "MIT",
         "--clean", "none", "--filters", "language", "--languages", ",".join(sorted(languages)), "--split",
         "train", "--decontaminate", "none", "--max-dropped", "100%", "--out", f"{work}/docs"], check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    out = subprocess.run([f"{work}/pipeline", "cat", f"{work}/docs"], check=True, capture_output=True, text=True)
    found = {}
    for line in out.stdout.splitlines():
        row = json.loads(line)
        found[int(row["doc_id"][-5:])] = row["language"]
    return [found.get(i, "") for i in range(len(rows))]


def lingua(rows):
    detector = LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()
    begun, found = time.process_time(), []
    for _, text in rows:
        language = detector.detect_language_of(text)
        code = language.iso_code_639_1.name.lower() if language else ""
        found.append(ALIASES.get(code, code))
    return found, (time.process_time() - begun) / len(rows)


def main():
    work = sys.argv[1]
    for size in SIZES:
        rows = [(ALIASES.get(l, l), t) for l in sorted(os.listdir(f"{work}/pages"))
                for t in passages(f"{work}/pages/{l}", size)]
        languages = {label for label, _ in rows} | {"en"}
        theirs, seconds = lingua(rows)
        found = ours(work, rows, languages)
        kept = [i for i in range(len(rows)) if not found[i] == theirs[i] == "en"]
        english = len(rows) - len(kept)
        rows = [rows[i] for i in kept]
        results = {"ours": [found[i] for i in kept], "peer": [theirs[i] for i in kept]}
        right = {k: sum(f == label for f, (label, _) in zip(v, rows)) / len(rows) for k, v in results.items()}
        missed = {k: {} for k in results}
        for k, found in results.items():
            for f, (label, _) in zip(found, rows):
                if f != label:
                    pair = f"{label}>{f or 'none'}"
                    missed[k][pair] = missed[k].get(pair, 0) + 1
        print(json.dumps({
            "name": f"language_{size}_bytes_vs_lingua", "ours": round(right["ours"], 4),
            "peer": round(right["peer"], 4), "unit": "part of passages", "languages": len(languages) - 1,
            "passages": len(rows), "english": english, "peer_ms": round(seconds * 1000, 2),
            "missed": {k: dict(sorted(v.items(), key=lambda x: -x[1])[:8]) for k, v in missed.items()},
        }, ensure_ascii=False), flush=True)


main()
