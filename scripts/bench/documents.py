"""Writes English documents as JSON lines, the same for every run: scripts/bench/documents.py OUT FILES MB

The novels of ../shared/data/docs/eltec-eng in documents of about 30 kB cut at
paragraphs; every eighth document comes again as it is and every ninth with one word in two hundred
changed. Where that gives less than MB megabytes it is written again with a word of the copy's own after
every third word.
"""

import glob
import json
import sys


def novels():
    for path in sorted(glob.glob("../shared/data/docs/eltec-eng/*.txt")):
        with open(path, encoding="utf-8") as f:
            yield f.read().strip()


def pieces(text, size=30_000):
    piece, length = [], 0
    for paragraph in text.split("\n\n"):
        piece.append(paragraph)
        length += len(paragraph) + 2
        if length >= size:
            yield "\n\n".join(piece)
            piece, length = [], 0
    if piece:
        yield "\n\n".join(piece)


def edited(text):
    words = text.split(" ")
    words[100::200] = ["changed"] * len(words[100::200])
    return " ".join(words)


def marked(text, copy):
    """The mark has no digit: datatrove takes all numbers for the same before it compares."""
    words, mark = text.split(" "), " k" + chr(ord("a") + copy)
    return " ".join(w + mark if i % 3 == 2 else w for i, w in enumerate(words))


def main():
    out, files, most = sys.argv[1], int(sys.argv[2]), int(float(sys.argv[3]) * 1e6)
    originals = [p for n in novels() for p in pieces(n)]
    sinks = [open(f"{out}/{i}.jsonl", "w", encoding="utf-8") for i in range(files)]
    written, number, copy = 0, 0, 1
    while written < most:
        for i, text in enumerate(originals):
            if copy > 1:
                text = marked(text, copy)
            variants = [text] + [text] * (i % 8 == 7) + [edited(text)] * (i % 9 == 8)
            for v in variants:
                row = json.dumps({"text": v, "id": f"d{number}"}, ensure_ascii=False)
                sinks[number % files].write(row + "\n")
                written += len(row.encode())
                number += 1
            if written >= most:
                break
        copy += 1


main()
