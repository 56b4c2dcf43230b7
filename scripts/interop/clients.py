"""clients.py URL TOKEN MODEL: uses a server by OpenAI's own Python library, and fails on anything that is
not as the library documents it: models, streaming, usage, stop, logprobs, seeds, n, penalties, errors,
timeouts and abort, concurrent requests."""

import asyncio
import math
import sys

import openai

URL, TOKEN, MODEL = sys.argv[1:]
client = openai.OpenAI(base_url=URL + "/v1", api_key=TOKEN, max_retries=0)
TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "func main() {"}]


def chat(**more):
    return client.chat.completions.create(model=MODEL, messages=TALK, **{"max_tokens": 16, "temperature": 0, **more})


def models():
    assert [m.id for m in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL


def whole():
    r = chat()
    assert r.object == "chat.completion" and r.model == MODEL and r.id.startswith("chatcmpl-"), r
    c = r.choices[0]
    assert c.message.role == "assistant" and c.finish_reason in ("stop", "length"), r
    assert c.message.content and c.message.tool_calls is None and c.message.refusal is None
    u = r.usage
    assert u.total_tokens == u.prompt_tokens + u.completion_tokens and 0 < u.completion_tokens <= 16, u
    assert chat().usage.prompt_tokens_details.cached_tokens == u.prompt_tokens - 1
    assert chat(max_tokens=openai.NOT_GIVEN, max_completion_tokens=3).usage.completion_tokens == 3
    return c.message.content


def streamed(want):
    text, usage, reasons, roles = "", None, [], []
    for chunk in chat(stream=True, stream_options={"include_usage": True}):
        assert chunk.object == "chat.completion.chunk"
        usage = chunk.usage or usage
        for c in chunk.choices:
            text += c.delta.content or ""
            roles += [c.delta.role] if c.delta.role else []
            reasons += [c.finish_reason] if c.finish_reason else []
    assert (text, len(reasons), roles) == (want, 1, ["assistant"]), (text, reasons, roles)
    assert usage.completion_tokens > 0
    with client.chat.completions.stream(model=MODEL, messages=TALK, max_tokens=16, temperature=0) as s:
        assert [e.content for e in s if e.type == "content.done"] == [want]


def stops(text):
    stop = text[len(text) // 2:len(text) // 2 + 3]
    r = chat(stop=[stop, "never there"])
    assert r.choices[0].message.content == text[:text.index(stop)] and r.choices[0].finish_reason == "stop"
    assert chat(stop=stop).choices[0].message.content == text[:text.index(stop)]


def seeds():
    def draw(**more):
        return [c.message.content for c in chat(temperature=1.2, **more).choices]
    assert draw(seed=5) == draw(seed=5) and draw(seed=5) != draw(seed=6)
    assert draw(seed=5, n=3) == draw(seed=5) + draw(seed=6) + draw(seed=7)
    texts = {}
    for chunk in chat(temperature=1.2, seed=5, n=3, stream=True):
        for c in chunk.choices:
            texts[c.index] = texts.get(c.index, "") + (c.delta.content or "")
    assert [texts[i] for i in range(3)] == draw(seed=5, n=3)
    assert draw() != draw()


def logprobs(text):
    r = chat(logprobs=True, top_logprobs=3)
    content = r.choices[0].logprobs.content
    assert "".join(t.token for t in content) == text, content
    for t in content:
        assert len(t.top_logprobs) == 3 and t.top_logprobs[0].logprob == t.logprob <= 0, t
        assert bytes(t.bytes).decode() == t.token
        assert sum(math.exp(x.logprob) for x in t.top_logprobs) <= 1 + 1e-6
    r = client.completions.create(model=MODEL, prompt="func", max_tokens=8, temperature=0, logprobs=2)
    l = r.choices[0].logprobs
    assert "".join(l.tokens) == r.choices[0].text and len(l.token_logprobs) == len(l.top_logprobs) == 8
    assert l.text_offset == [len("".join(l.tokens[:i])) for i in range(8)]
    parts = list(client.completions.create(model=MODEL, prompt="func", max_tokens=8, temperature=0, stream=True))
    assert "".join(p.choices[0].text for p in parts) == r.choices[0].text


def choices():
    ids = client.completions.create(model=MODEL, prompt=[5, 6, 7], max_tokens=2)
    assert ids.usage.prompt_tokens == 3
    chat(presence_penalty=1, frequency_penalty=-1, logit_bias={"5": -100}, user="someone", top_p=0.9,
         extra_body={"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1})
    def draw(bias):
        r = client.completions.create(model=MODEL, prompt="func", max_tokens=6, temperature=0, logprobs=1,
                                      logit_bias=bias)
        return r.choices[0].logprobs.tokens
    assert set(draw({"300": 100})) != set(draw({})) and len(set(draw({"300": 100}))) == 1
    assert all(len(t) > 1 for t in draw({str(i): -100 for i in range(300)}))  # single bytes are among them


def refused(kind, status, code, call):
    try:
        call()
    except kind as e:
        assert e.status_code == status and e.code == code and e.message and e.type, (e, e.code)
        return
    raise AssertionError(f"{code}: nothing was refused")


def errors():
    other = openai.OpenAI(base_url=URL + "/v1", api_key="wrong", max_retries=0)
    refused(openai.AuthenticationError, 401, "invalid_api_key", other.models.list)
    refused(openai.NotFoundError, 404, "model_not_found", lambda: client.models.retrieve("gpt"))
    refused(openai.NotFoundError, 404, "model_not_found",
            lambda: client.completions.create(model="gpt", prompt="x"))
    for wrong in ({"temperature": -1}, {"n": 0}, {"top_logprobs": 5}, {"max_tokens": 0}, {"stop": [""]},
                  {"response_format": {"type": "json_object"}}, {"logit_bias": {"1": 101}}):
        refused(openai.BadRequestError, 400, "invalid_request", lambda: chat(**wrong))
    refused(openai.BadRequestError, 400, "context_length_exceeded", lambda: client.completions.create(
        model=MODEL, prompt="word " * 20000))
    refused(openai.BadRequestError, 400, "context_length_exceeded", lambda: client.completions.create(
        model=MODEL, prompt="word " * 20000, stream=True))


def gone():
    """Leaves in mid-stream, and waits too shortly; the server is as before."""
    s = chat(stream=True, max_tokens=900)
    next(iter(s))
    s.close()
    try:
        client.with_options(timeout=0.05).completions.create(model=MODEL, prompt="func main() {\n" * 300, max_tokens=900)
        raise AssertionError("900 tokens in 50 ms")
    except openai.APITimeoutError:
        pass
    chat()


async def together(want):
    """Twelve at a time, and far more than the queue holds: those are told to come again, and do."""
    c = openai.AsyncOpenAI(base_url=URL + "/v1", api_key=TOKEN, max_retries=20)

    async def one():
        r = await c.chat.completions.create(model=MODEL, messages=TALK, max_tokens=16, temperature=0)
        return r.choices[0].message.content
    assert set(await asyncio.gather(*(one() for _ in range(12)))) == {want}
    hasty = openai.AsyncOpenAI(base_url=URL + "/v1", api_key=TOKEN, max_retries=0)
    results = await asyncio.gather(*(hasty.completions.create(model=MODEL, prompt=f"func {i}", max_tokens=100)
                                     for i in range(80)), return_exceptions=True)
    busy = [r for r in results if isinstance(r, Exception)]
    assert all(isinstance(r, openai.RateLimitError) and r.code == "rate_limit_exceeded" and
               r.response.headers["retry-after"] for r in busy), busy[:2]
    assert 0 < len(busy) < 80, len(busy)


models()
answer = whole()
streamed(answer)
stops(answer)
seeds()
logprobs(answer)
choices()
errors()
gone()
asyncio.run(together(answer))
print(f"openai {openai.__version__}: models, whole and streamed answers, usage, stop, seeds, n, logprobs, "
      "penalties, errors, abort, concurrency and a full queue")
