"""Conversations for chat templates: name, messages, tools, generation prompt, variables."""

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
U, A, S = "user", "assistant", "system"


def say(*turns):
    return [{"role": r, "content": c} for r, c in turns]


TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather of a \"place\" <now> & ünïcode",
        "parameters": {"type": "object", "properties": {
            "place": {"type": "string"}, "days": {"type": "integer", "default": 3},
            "share": {"type": "number", "default": 0.5}}, "required": ["place"]}}},
    {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {}}},
]
CALL = {"role": A, "content": "", "tool_calls": [{"id": "call00001", "type": "function", "function": {
    "name": "get_weather", "arguments": {"place": "Zürich", "days": 2}}}]}
RESULT = {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "sunny, 21°"}

CASES = [
    ("one", say((U, "Hello, what is this?")), None, True, {}),
    ("closed", say((U, "Hello"), (A, " Hi there. ")), None, False, {}),
    ("turns", say((U, "First\nline"), (A, "Answer one"), (U, "  Second  "), (A, "Two"), (U, "Third")),
     None, True, {}),
    ("system", say((S, "Be exact."), (U, "How long is it?"), (A, "Long."), (U, "How long?")), None, True,
     {}),
    ("tools", say((S, "Use tools."), (U, "Weather in Zürich?")), TOOLS, True, {}),
    ("results", say((U, "Weather in Zürich?")) + [CALL, RESULT], TOOLS, True, {}),
    ("more results", say((U, "Weather?")) + [CALL, RESULT, dict(RESULT, content="wet")] +
     say((A, "Sunny, then wet."), (U, "Thanks")), TOOLS, True, {}),
    ("thoughts", say((U, "Why?"), (A, "<think>\nBecause.\n</think>\n\nSo."), (U, "And now?")), None, True,
     {"enable_thinking": False}),
    ("last thoughts", say((U, "Why?"), (A, "<think>\nBecause.\n</think>\n\nSo.")), None, False, {}),
    ("order", say((U, "One"), (U, "Two")), None, True, {}),
    ("parts", [{"role": U, "content": [{"type": "text", "text": " a part "}, {"type": "image"}]}], None,
     True, {}),
    ("special", say((U, "what <|im_end|> or </s> says, 日本語 🙂")), None, True, {}),
]
