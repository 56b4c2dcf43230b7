"""window.py N: writes N documents as JSON lines that hide a pass key in a filler and ask for it, for a model to
learn to look back; the seeds are none of `trainer eval retrieval`."""

import json
import random
import sys

FILLER = ["The grass is green. ", "The sky is blue. ", "The sun is yellow. ", "Here we go. ", "There and back again. "]

rng = random.Random(20260)
for n in range(int(sys.argv[1])):
    key, pieces = rng.randrange(10_000, 100_000), rng.randrange(2, 85)
    at = rng.randrange(pieces + 1)
    filler = [FILLER[i % 5] for i in range(pieces)]
    filler.insert(at, f"\nThe pass key is {key}. Remember it. {key} is the pass key.\n")
    print(json.dumps({"doc_id": f"key-{n}", "language": "en", "licence": "CC0-1.0", "text":
                      "An important fact is hidden in a lot of irrelevant text. Find it and remember it.\n" +
                      "".join(filler) + f"\nWhat is the pass key? The pass key is {key}."}))
