"""Writes 16 MB of Chinese-like text: words of one to four common characters, the more frequent the
lower their number (Zipf's law), in sentences of a few words. Words are made up; what they share with
Chinese is its alphabet, the lengths of its words and sentences, and how often they come again."""

import itertools
import random
import sys

SIZE = 16_000_000


def main():
    r = random.Random(1)
    # The 3,755 characters of the first level of GB 2312, the common ones.
    common = [bytes([row, cell]).decode("gb2312") for row in range(0xB0, 0xD8)
              for cell in range(0xA1, 0xFF) if (row, cell) < (0xD7, 0xFA)]
    r.shuffle(common)
    often = list(itertools.accumulate(1 / (i + 10) for i in range(len(common))))
    words = ["".join(r.choices(common, cum_weights=often, k=r.choices([1, 2, 3, 4], [20, 60, 12, 8])[0]))
             for _ in range(40_000)]
    weights = list(itertools.accumulate(1 / (i + 5) for i in range(len(words))))
    written = 0
    while written < SIZE:
        sentence = "".join(r.choices(words, cum_weights=weights, k=r.randint(3, 14)))
        sentence += r.choice("，，，，、；：。。。！？\n")
        written += len(sentence.encode())
        sys.stdout.write(sentence)


sys.stdout.reconfigure(encoding="utf-8")
try:
    main()
except BrokenPipeError:
    sys.stderr.close()
