"""Writes internal/tokenizer/ucd/unicode.txt: the character classes and case mappings that Hugging
Face tokenizers works with, asked of the engine itself for every code point. Its parts are built
against different versions of Unicode; tokens are only equal if each part's own version is used.

Takes about a minute."""

import os

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

from common import ROOT

OUT = "internal/tokenizer/ucd/unicode.txt"
POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
CATEGORIES = (
    "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
)
SCRIPTS = "Han Hiragana Katakana Hangul Latin Greek Cyrillic Arabic Hebrew Thai Devanagari".split()
POSIX = "alpha punct lower upper graph print".split()


def onig(pattern):
    """The code points that one character class of the regular expression engine matches."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    found = []
    for i in range(0, len(POINTS), 4096):
        block = POINTS[i : i + 4096]
        kept = set()
        for _, (start, end) in split.pre_tokenize_str("".join(map(chr, block))):
            kept.update(range(start, end))
        found += [c for k, c in enumerate(block) if k not in kept]
    return found


def cut_off(split, context="a"):
    """The code points that a pre-tokenizer does not leave in one piece with a letter."""
    return [c for c in POINTS if split.pre_tokenize_str(context + chr(c))[0][0] == context]


def changed(normalizer):
    for c in POINTS:
        to = normalizer.normalize_str(chr(c))
        if to != chr(c):
            yield c, to


def normalized():
    """The code points that are not inert for the engine's normal forms: with a combining class, with
    a decomposition, or composing with what stands before them."""
    nfd, nfkd, nfc = normalizers.NFD(), normalizers.NFKD(), normalizers.NFC()
    found = set()
    for c in POINTS:
        low, high = "a" + chr(c) + "\u0334", "a\u0345" + chr(c)  # classes 1 and 240
        if nfd.normalize_str(low)[1] == "\u0334" or nfd.normalize_str(high)[1] != "\u0345":
            found.add(c)
        if nfkd.normalize_str(chr(c)) != chr(c) or nfc.normalize_str(chr(c)) != chr(c):
            found.add(c)
        parts = nfd.normalize_str(chr(c))
        if len(parts) > 1 and nfc.normalize_str(parts) == chr(c):
            found.update(map(ord, parts[1:]))
    return found


def ranges(points):
    spans = []
    for c in sorted(points):
        if spans and spans[-1][1] == c - 1:
            spans[-1][1] = c
        else:
            spans.append([c, c])
    return " ".join(f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in spans)


def main():
    whitespace = pre_tokenizers.Whitespace()
    sets = [(name, onig(r"\p{%s}" % name)) for name in CATEGORIES + SCRIPTS]
    sets += [("posix:" + name, onig("[[:%s:]]" % name)) for name in POSIX]
    sets += [
        ("onig:word", onig(r"\w")),
        ("onig:classword", onig(r"[\w]")),  # the engine's two answers differ on U+00B2, for one
        ("onig:space", onig(r"\s")),
        ("regex:word", [c for c in POINTS if len(whitespace.pre_tokenize_str("a" + chr(c))[0][0]) == 2]),
        ("digits", cut_off(pre_tokenizers.Digits(False))),
        ("punctuation", cut_off(pre_tokenizers.Punctuation())),
        ("whitespace", cut_off(pre_tokenizers.WhitespaceSplit())),
        ("marks", [c for c, to in changed(normalizers.StripAccents()) if to == ""]),
        ("normalized", normalized()),
    ]
    with open(os.path.join(ROOT, OUT), "w", encoding="utf-8", newline="\n") as f:
        f.write(f"# Written by scripts/oracle/unicode.py with tokenizers {tokenizers.__version__}.\n")
        f.write("# set: a name and its code points, in hexadecimal.\n")
        for name, points in sets:
            f.write(f"set {name} {ranges(points)}\n")
        f.write("# lower: a code point and what it becomes in lower case.\n")
        for c, to in changed(normalizers.Lowercase()):
            f.write(f"lower {c:x} {' '.join(f'{ord(t):x}' for t in to)}\n")
    print("wrote", OUT)


if __name__ == "__main__":
    main()
