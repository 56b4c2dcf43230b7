"""Read, filter, deduplicate and tokenize documents with datatrove, as fast as it goes.

usage: peer_datatrove.py DOCUMENTS TOKENIZER.json WORK WORKERS

DOCUMENTS is a folder of JSON lines, one file a worker. The steps are those of `pipeline ingest` and
`pipeline encode` in the same run: at least 200 characters, the Gopher repetition filter, MinHash over word
5-grams, tokens in binary files. Words are cut at white space for both, which is faster than
datatrove's default (spaCy). Statistics, logs, shuffling and the documents' loss data are off; the
tokenizer's own threads are off, for every worker is a process. Prints one JSON object.
"""

import json
import os
import shutil
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["DATATROVE_COLORIZE_LOGS"] = "0"

from loguru import logger  # noqa: E402

logger.remove()

from datatrove.executor import LocalPipelineExecutor  # noqa: E402
from datatrove.pipeline.dedup import MinhashDedupSignature  # noqa: E402
from datatrove.pipeline.dedup.minhash import (  # noqa: E402
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
)
from datatrove.pipeline.filters import GopherRepetitionFilter, LambdaFilter  # noqa: E402
from datatrove.pipeline.readers import JsonlReader  # noqa: E402
from datatrove.pipeline.tokens import DocumentTokenizer  # noqa: E402
from datatrove.pipeline.writers import JsonlWriter  # noqa: E402
from datatrove.utils.word_tokenizers import WordTokenizer  # noqa: E402


class Whitespace(WordTokenizer):
    def word_tokenize(self, text):
        return text.split()

    def sent_tokenize(self, text):
        return text.split("\n")

    def span_tokenize(self, text):
        raise NotImplementedError


def main():
    documents, tokenizer, work, workers = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    shutil.rmtree(work, ignore_errors=True)
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    words = Whitespace()

    def run(name, tasks, *steps):
        LocalPipelineExecutor(
            pipeline=list(steps), tasks=tasks, workers=min(tasks, workers), logging_dir=f"{work}/logs-{name}"
        ).run()

    begun = time.time()
    run(
        "filter", workers,
        JsonlReader(documents, compression=None),
        LambdaFilter(lambda d: len(d.text) >= 200),
        GopherRepetitionFilter(language=words),
        JsonlWriter(f"{work}/kept", output_filename="${rank}.jsonl", compression=None),
        MinhashDedupSignature(f"{work}/signatures", config, language=words),
    )
    run("buckets", config.num_buckets, MinhashDedupBuckets(f"{work}/signatures", f"{work}/buckets", config=config))
    run("cluster", 1, MinhashDedupCluster(f"{work}/buckets", f"{work}/remove", config=config))
    run(
        "tokens", workers,
        JsonlReader(f"{work}/kept", compression=None),
        MinhashDedupFilter(f"{work}/remove"),
        DocumentTokenizer(
            f"{work}/tokens", tokenizer_name_or_path=tokenizer, eos_token="</s>", shuffle_documents=False,
            save_final_metadata=False,
        ),
    )
    seconds = time.time() - begun
    tokens = sum(os.path.getsize(f"{work}/tokens/{f}") for f in os.listdir(f"{work}/tokens") if f.endswith(".ds"))
    print(json.dumps({"seconds": seconds, "tokens": tokens // 2}))


if __name__ == "__main__":
    main()
