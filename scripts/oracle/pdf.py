"""Writes pipeline/pdf/testdata/order.txt: where the text of real papers stands in reading order, as
PyMuPDF finds it. TeX writes a page column by column, so for its papers the order of a page's blocks is
the order in which people read them.

A line names a file, or is the hash (FNV-1a, 64 bits) of 24 letters that occur once in the paper: letters
alone, lower case, without accents, so that hyphens, spaces, digits and ligatures do not matter. They are
taken from blocks of text, one in 150 letters.

Needs scripts/bench/extraction-requirements.txt, and the papers of ../shared/data beside the checkout."""

import collections
import os
import unicodedata

import pymupdf

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PAPERS = os.path.join(ROOT, "..", "shared", "data", "pdf")
OUT = os.path.join(ROOT, "pipeline", "pdf", "testdata", "order.txt")
NAMES = [
    "acl/2020.acl-main.447.pdf",
    "acl/2023.eacl-main.121.pdf",
    "texlive-publishers/aastex/sample631.pdf",
    "texlive-publishers/acmart/samples/sample-acmsmall.pdf",
    "texlive-publishers/acmart/samples/sample-sigconf.pdf",
    "texlive-publishers/jmlr/pmlr-sample.pdf",
    "texlive-publishers/revtex/sample/aps/apssamp.pdf",
    "texlive-publishers/testflow_doc.pdf",
    "pdfminer-six/samples/contrib/issue-1061-colour-space-stack.pdf",
    "pdfminer-six/samples/contrib/issue-00352-asw-oct96-p41.pdf",
    "pdfminer-six/samples/contrib/pr-00530-ml-lines.pdf",
]
WINDOW, STEP, LEAST = 24, 150, 120


def letters(text):
    return "".join(c for c in unicodedata.normalize("NFKD", text).lower() if "a" <= c <= "z")


def fnv(text):
    h = 0xCBF29CE484222325
    for c in text.encode():
        h = (h ^ c) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def marks(path):
    blocks = []
    for page in pymupdf.open(path):
        blocks += [letters(b[4]) for b in page.get_text("blocks") if b[6] == 0]
    whole = "".join(blocks)
    count = collections.Counter(whole[i : i + WINDOW] for i in range(len(whole) - WINDOW + 1))
    for block in blocks:
        if len(block) < LEAST:
            continue
        for i in range(0, len(block) - WINDOW + 1, STEP):
            if count[block[i : i + WINDOW]] == 1:
                yield fnv(block[i : i + WINDOW])


def main():
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "w", encoding="utf-8") as f:
        for name in NAMES:
            f.write(name + "\n")
            for h in marks(os.path.join(PAPERS, name)):
                f.write(f"{h:016x}\n")


if __name__ == "__main__":
    main()
