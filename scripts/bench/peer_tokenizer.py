"""Encodes a text on one thread with a peer, in documents of a given size. The engine begins cold and
keeps its caches; reading the tokenizer's file is not timed. Prints the processor seconds that encoding
took, the number of ids and the SHA-256 of the ids as little-endian int32.

usage: peer_tokenizer.py hf|gigatoken TOKENIZER TEXT BYTES-A-DOCUMENT
"""

import hashlib
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np  # noqa: E402


def cut(data, size):
    """Cuts UTF-8 as internal/tokenizer/throughput does: between characters, at or after size bytes."""
    pieces, i = [], 0
    while len(data) - i > size:
        n = i + size
        while n < len(data) and data[n] & 0xC0 == 0x80:
            n += 1
        pieces.append(data[i:n])
        i = n
    return pieces + [data[i:]]


def hf(path, pieces):
    from tokenizers import Tokenizer

    engine, documents, n, digest = Tokenizer.from_file(path), [p.decode() for p in pieces], 0, hashlib.sha256()
    spent = 0.0
    for d in documents:
        begun = time.process_time()
        ids = engine.encode(d, add_special_tokens=False).ids
        spent += time.process_time() - begun
        n += len(ids)
        digest.update(np.asarray(ids, dtype="<i4").tobytes())
    return spent, n, digest.hexdigest()


def gigatoken(path, pieces):
    import awkward
    from gigatoken import Tokenizer

    engine = Tokenizer(path)
    begun = time.process_time()
    rows = engine.encode_batch(pieces, parallel=False)
    spent = time.process_time() - begun
    ids = np.asarray(awkward.flatten(rows)).astype("<i4")
    return spent, len(ids), hashlib.sha256(ids.tobytes()).hexdigest()


def main():
    engine, path, text, size = sys.argv[1:]
    with open(text, "rb") as f:
        pieces = cut(f.read(), int(size))
    print(*{"hf": hf, "gigatoken": gigatoken}[engine](path, pieces))


main()
