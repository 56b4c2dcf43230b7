"""soak.py URL PID SECONDS [CONTEXT]: 64 clients of many manners on a server, as many as the time allows.

Some take answers whole and some streamed; some go away in mid-stream, some read slowly; some send
prompts that no context holds, bodies that are too large or no JSON. Nothing may be lost: every request
is answered in full, refused as it should be, or told to come again (429). A greedy answer is the same
in any company. At the end nothing runs, nobody waits, there are no more goroutines than at the begin,
and memory has not grown after the first fifth.
"""

import collections
import http.client
import json
import random
import re
import socket
import sys
import threading
import time
from urllib.parse import urlparse

CLIENTS, TOKENS = 64, 24


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def post(host, body, timeout=300):
    c = http.client.HTTPConnection(host, timeout=timeout)
    c.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
    return c, c.getresponse()


def metrics(host):
    c = http.client.HTTPConnection(host, timeout=60)
    c.request("GET", "/metrics")
    text = c.getresponse().read().decode()
    c.close()
    return {m[1]: float(m[2]) for m in re.finditer(r"^([a-z_]+) (\S+)$", text, re.M)}


class Soak:
    def __init__(self, url, seconds, context):
        self.host, self.end, self.context = urlparse(url).netloc, time.time() + seconds, context
        self.lock, self.counts, self.errors = threading.Lock(), collections.Counter(), []
        self.known, self.waits = {}, []

    def count(self, what, n=1):
        with self.lock:
            self.counts[what] += n

    # Manners. Each returns True if it was told to come again.

    def whole(self, text, rng):
        c, r = post(self.host, json.dumps(self.body(text)))
        data = r.read()
        c.close()
        if r.status == 429:
            return True
        assert r.status == 200, (r.status, data)
        reply = json.loads(data)
        self.same(text, reply["choices"][0]["text"])
        self.answered(reply["usage"])

    def streamed(self, text, rng, slow=False):
        begun = time.time()
        c, r = post(self.host, json.dumps(self.body(text, stream=True, stream_options={"include_usage": True})))
        if r.status == 429:
            c.close()
            return True
        assert r.status == 200, r.read()
        data = b""
        while part := r.read1(16 if slow else 65536):
            if not data:
                self.waits.append(time.time() - begun)
            data += part
            if slow:
                time.sleep(0.01)
        c.close()
        events = data.decode().strip().split("\n\n")
        assert events[-1] == "data: [DONE]", events[-3:]
        parts = [json.loads(e[6:]) for e in events[:-1] if e.startswith("data: ")]
        self.same(text, "".join(p["choices"][0]["text"] for p in parts if p["choices"]))
        self.answered(parts[-1]["usage"])

    def slow(self, text, rng):
        return self.streamed(text, rng, slow=True)

    def goes_away(self, text, rng):
        s = socket.create_connection(self.host.split(":"), timeout=300)
        body = json.dumps(self.body(text, stream=True, max_tokens=400)).encode()
        s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % (self.host.encode(), len(body)) + body)
        got = s.recv(4096)
        again = b" 429 " in got.split(b"\r\n")[0]
        if not again:
            assert b" 200 " in got.split(b"\r\n")[0], got
            for _ in range(rng.randrange(4)):
                s.recv(256)
            self.count("clients that went away")
        s.close()
        return again

    def too_long(self, text, rng):
        self.refused(json.dumps(self.body("word " * (2 * self.context))), 400, "context_length_exceeded")

    def too_large(self, text, rng):
        try:
            self.refused(b'{"prompt": "' + b"x" * (33 << 20), 413, "request_too_large")
        except (BrokenPipeError, ConnectionResetError):
            self.count("refused")  # the server had enough before all was sent

    def nonsense(self, text, rng):
        self.refused(rng.choice(["{", "[]", '{"prompt": 3}', '{"prompt": "x", "max_tokens": -1}', "\0\0"]), 400,
                     "invalid_request")

    def body(self, text, **more):
        return {"prompt": text, "max_tokens": TOKENS, "temperature": 0, **more}

    def refused(self, body, status, code):
        c, r = post(self.host, body)
        error = json.loads(r.read())["error"]
        c.close()
        assert (r.status, error["code"]) == (status, code), (r.status, error)
        self.count("refused")

    def same(self, prompt, answer):
        with self.lock:
            assert self.known.setdefault(prompt, answer) == answer, (prompt, answer, self.known[prompt])

    def answered(self, usage):
        with self.lock:
            self.counts["answers"] += 1
            self.counts["tokens"] += usage["completion_tokens"]
            self.counts["cached"] += usage["prompt_tokens_details"]["cached_tokens"]

    def client(self, n):
        rng = random.Random(n)
        manners = ([self.whole] * 4 + [self.streamed] * 8 + [self.slow] * 2 + [self.goes_away] * 3 +
                   [self.too_long, self.nonsense])
        while time.time() < self.end and not self.errors:
            do = self.too_large if rng.random() < 0.002 else rng.choice(manners)
            size = rng.choice([1, 2, 3, 8, 30, 100])
            text = "func main() {\n" * size + f"// {rng.randrange(40)}"
            try:
                again = do(text, rng)
            except Exception as e:  # what was lost
                self.errors.append(f"client {n}, {do.__name__}: {e!r}")
                return
            if again:
                self.count("times 429")
                time.sleep(0.2 + 0.2 * rng.random())


def main(url, pid, seconds, context="4096"):
    seconds = float(seconds)
    soak = Soak(url, seconds, int(context))
    before = metrics(soak.host)
    threads = [threading.Thread(target=soak.client, args=(n,)) for n in range(CLIENTS)]
    for t in threads:
        t.start()
    memory = []
    while any(t.is_alive() for t in threads):
        memory.append(resident(pid))
        time.sleep(min(1, seconds / 20))
    assert not soak.errors, soak.errors[:3]
    for _ in range(100):
        after = metrics(soak.host)
        idle = after["longlora_generations_active"] + after["longlora_generations_waiting"] == 0
        if idle and after["go_goroutines"] <= before["go_goroutines"] + 3:
            break
        time.sleep(0.2)
    assert idle, "generations are left"
    assert after["go_goroutines"] <= before["go_goroutines"] + 3, (before["go_goroutines"], after["go_goroutines"])
    early, late = max(memory[:len(memory) // 5 + 1]), max(memory[len(memory) // 2:])
    c, waits = soak.counts, sorted(soak.waits)
    steps = after["longlora_steps_total"] - before["longlora_steps_total"]
    chosen = after["longlora_generated_tokens_total"] - before["longlora_generated_tokens_total"]
    print(json.dumps({
        "clients": CLIENTS, "seconds": seconds, **c, "tokens_per_second": round(chosen / seconds),
        "tokens_per_step": round(chosen / steps, 2),
        "seconds_to_first_byte": {"median": round(waits[len(waits) // 2], 3), "99 %": round(waits[len(waits) * 99 // 100], 3)},
        "suspended": after["longlora_generations_suspended_total"],
        "memory_mib": {"first fifth": round(early), "second half": round(late), "end": round(memory[-1])},
        "goroutines": [before["go_goroutines"], after["go_goroutines"]]}))
    assert late < 1.1 * early + 16, "the server's memory grows"


main(*sys.argv[1:])
