"""soak.py URL PID SECONDS: 64 clients on a server, as many as that time allows, streamed and not.

Nothing may be lost: every request is answered in full, or refused with 429 and tried again. The
server's memory after the first fifth must be about that of the end.
"""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlparse

CLIENTS, TOKENS = 64, 24


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def ask(host, stream, text):
    c = http.client.HTTPConnection(host, timeout=300)
    body = {"prompt": text, "max_tokens": TOKENS, "stream": stream,
            "stream_options": {"include_usage": True}}
    c.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    r = c.getresponse()
    data = r.read().decode()
    c.close()
    if r.status == 429:
        return None
    assert r.status == 200, (r.status, data)
    if stream:
        assert data.endswith("data: [DONE]\n\n"), data[-200:]
        last = data.strip().split("\n\n")[-2]
        return json.loads(last.removeprefix("data: "))["usage"]
    return json.loads(data)["usage"]


def main(url, pid, seconds):
    host, end = urlparse(url).netloc, time.time() + float(seconds)
    lock, answers, refused, errors = threading.Lock(), [], [0], []

    def client(n):
        k = 0
        while time.time() < end and not errors:
            k += 1
            text = "func main() {\n" * (1 + n % 5) + f"// {n} {k % 7}"
            try:
                usage = ask(host, (n + k) % 2 == 0, text)
            except Exception as e:  # what was lost
                errors.append(f"client {n}: {e!r}")
                return
            with lock:
                if usage is None:
                    refused[0] += 1
                else:
                    answers.append(usage)
            if usage is None:
                time.sleep(0.2)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for t in threads:
        t.start()
    time.sleep(float(seconds) / 5)
    early = resident(pid)
    for t in threads:
        t.join()
    late = resident(pid)
    assert not errors, errors[:3]
    tokens = sum(u["completion_tokens"] for u in answers)
    cached = sum(u["prompt_tokens_details"]["cached_tokens"] for u in answers)
    print(f"{CLIENTS} clients, {seconds} s: {len(answers)} answers, {tokens} tokens, "
          f"{tokens / float(seconds):.0f} a second, {cached} of prompts cached, {refused[0]} times 429; "
          f"memory {early:.0f} MiB, at the end {late:.0f}")
    assert late < 1.2 * early + 16, "the server's memory grows"


main(*sys.argv[1:])
