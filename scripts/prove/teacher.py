"""A chat endpoint for scripts/prove/longqa, and the check of what it was asked.

teacher.py serve LOG PORTFILE   answers like a good teacher and critic after 20 to 60 ms, and writes
                                "begin" and "end" with a call's hash and the time in ns to LOG
teacher.py check LOG KILLED N   N different calls, and none made again that was answered before a kill
"""

import hashlib
import http.server
import json
import os
import sys
import time

# A reply that went out this long before a kill must be in the journal, in ns.
KEPT = 250_000_000


def answer(messages):
    user = messages[-1]["content"]
    if "<material>\n" not in user:
        return {"supported": True, "score": 5, "reason": "It is there."}
    lines = [l.strip() for l in user.split("<material>\n")[1].split("\n</material>")[0].split("\n")]
    lines = [l for l in lines if len(l) > 30][:2]
    return {"items": [{"question": f"What is said in the words {l[:40]!r}?", "answer": "This: " + l,
                       "evidence": [l]} for l in lines]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        call, request = hashlib.sha256(body).hexdigest()[:16], json.loads(body)
        self.write("begin", call)
        time.sleep(0.02 + int(call[:2], 16) / 255 * 0.04)
        text = json.dumps(answer(request["messages"]))
        if request.get("stream"):
            chunks = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
                      {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                      {"choices": [], "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": 50}}]
            data = "".join("data: " + json.dumps({"id": "1", "object": "chat.completion.chunk", "model": "m", **c})
                           + "\n\n" for c in chunks) + "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            data = json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": 50}})
            kind = "application/json"
        try:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data.encode())))
            self.end_headers()
            self.wfile.write(data.encode())
            self.wfile.flush()
            self.write("end", call)
        except OSError:  # the client was killed
            self.close_connection = True

    def write(self, what, call):
        os.write(self.log, f"{what} {call} {time.time_ns()}\n".encode())

    def log_message(self, *_):
        pass


def serve(log, port_file):
    Handler.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    with open(port_file, "w") as f:
        f.write(str(server.server_port))
    server.serve_forever()


def check(log, killed, calls):
    kills = [int(l) for l in open(killed)]
    begun, ended = {}, {}
    for line in open(log):
        what, call, at = line.split()
        {"begin": begun, "end": ended}[what].setdefault(call, []).append(int(at))
    assert len(begun) == int(calls), (len(begun), calls)
    again = 0
    for call, times in begun.items():
        for before, after in zip(times, times[1:]):
            again += 1
            kill = max(k for k in kills if k < after)
            early = [e for e in ended.get(call, []) if before <= e < kill - KEPT]
            assert not early, f"call {call} was answered {(kill - early[0]) / 1e9:.2f} s before a kill"
    print(f"teach: killed {len(kills)} times, {len(begun)} calls, {again} of them, on their way at a kill, "
          "made again; no answered one; the same bytes")


if __name__ == "__main__":
    {"serve": serve, "check": check}[sys.argv[1]](*sys.argv[2:])
