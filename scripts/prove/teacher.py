"""A chat endpoint for scripts/prove/longqa, and the check of what it was asked.

teacher.py serve LOG PORTFILE     answers like a good teacher and critic after 20 to 60 ms, and adds the
                                  hash of each call that comes in to LOG
teacher.py check LOG JOURNAL N    N different calls, all answered, and none sent again once it was
"""

import hashlib
import http.server
import json
import os
import sys
import time


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
        os.write(self.log, (call + "\n").encode())
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
        except OSError:  # the client was killed
            self.close_connection = True

    def log_message(self, *_):
        pass


def serve(log, port_file):
    Handler.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    with open(port_file, "w") as f:
        f.write(str(server.server_port))
    server.serve_forever()


def check(log, journal, calls):
    came = [line.strip() for line in open(log)]
    sent, answered = 0, set()
    for line in open(journal):
        entry = json.loads(line)
        if "sent" in entry:
            assert entry["key"] not in answered, f"{entry['key']} was answered and is sent again"
            sent += 1
        elif "reply" in entry:
            answered.add(entry["key"])
    assert len(set(came)) == len(answered) == int(calls), (len(set(came)), len(answered), calls)
    assert len(came) <= sent, (len(came), sent)  # each was written down before it was sent
    print(f"teach: {calls} calls, {sent - len(answered)} on their way at a kill were sent again, no answered one; "
          "the same bytes")


if __name__ == "__main__":
    {"serve": serve, "check": check}[sys.argv[1]](*sys.argv[2:])
