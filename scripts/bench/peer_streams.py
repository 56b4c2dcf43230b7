"""Times reading of prompts and greedy decoding of several sequences together by llama.cpp, for
scripts/bench/streams.py: a JSON question a line, an answer a line."""

import json
import sys
import time

import llama_cpp
import numpy as np
from peer_decode import LOG, load


class Subject:
    def __init__(self, q):
        self.streams, self.length = q["streams"], q["context"]
        self.model = load(q["model"], q["precision"])
        p = llama_cpp.llama_context_default_params()
        p.n_ctx, p.n_seq_max, p.kv_unified = 2048 * self.streams, self.streams, False
        p.n_threads = p.n_threads_batch = q["threads"]
        p.n_batch = p.n_ubatch = max(512, self.streams)
        p.type_k = p.type_v = llama_cpp.GGML_TYPE_F32
        self.context = llama_cpp.llama_init_from_model(self.model, p)
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.prompts = [[(t * 7919 + 13 + 101 * s) % self.vocab for t in range(self.length)]
                        for s in range(self.streams)]
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)
        self.next = [0] * self.streams
        self.prefill(1)

    def run(self, tokens):
        """Reads (id, position, sequence, wanted) and returns the best next ids of those wanted."""
        b = self.batch
        b.n_tokens = len(tokens)
        for i, (token, position, sequence, wanted) in enumerate(tokens):
            b.token[i], b.pos[i], b.n_seq_id[i], b.logits[i] = token, position, 1, wanted
            b.seq_id[i][0] = sequence
        if llama_cpp.llama_decode(self.context, b):
            raise RuntimeError("llama_decode failed")
        return [int(np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.context, i), (self.vocab,)).argmax())
                for i, t in enumerate(tokens) if t[3]]

    def prefill(self, times):
        start = time.perf_counter()
        for _ in range(times):
            llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
            for s, ids in enumerate(self.prompts):
                for at in range(0, len(ids), 512):
                    part = ids[at:at + 512]
                    best = self.run([(t, at + i, s, at + i == len(ids) - 1) for i, t in enumerate(part)])
                self.next[s] = best[0]
        return {"seconds": (time.perf_counter() - start) / times, "tokens": list(self.next)}

    def decode(self, times):
        memory = llama_cpp.llama_get_memory(self.context)
        for s in range(self.streams):
            llama_cpp.llama_memory_seq_rm(memory, s, self.length, -1)
        following, tokens = list(self.next), []
        start = time.perf_counter()
        for n in range(times):
            tokens += following
            following = self.run([(t, self.length + n, s, True) for s, t in enumerate(following)])
        return {"seconds": (time.perf_counter() - start) / times, "tokens": tokens}


def main():
    llama_cpp.llama_log_set(LOG, None)
    llama_cpp.llama_backend_init()
    subjects = {}
    for line in sys.stdin:
        q = json.loads(line)
        times, work = q.pop("steps"), q.pop("work")
        key = json.dumps(q, sort_keys=True)
        if key not in subjects:
            subjects[key] = Subject(q)
        s = subjects[key]
        print(json.dumps(s.prefill(times) if work == "prefill" else s.decode(times)), flush=True)


main()
