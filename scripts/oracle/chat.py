"""Writes trainer/chat/testdata/chat.json: conversations as transformers renders them by the templates
of trainer/chat/testdata/templates, which are written in the manner of the families that they are
named for, and by the one of a model in ../shared/data, of which only the hash is kept.
"""

import hashlib
import json
import os

from transformers.utils.chat_template_utils import render_jinja_template

from chat_cases import CASES, TOKENS
from common import shared, testdata, write_json

def render(template, messages, tools, generate, variables):
    """The text, or the error, of a conversation."""
    try:
        out, _ = render_jinja_template(
            conversations=[messages], chat_template=template, tools=tools,
            add_generation_prompt=generate, **TOKENS, **variables)
        return {"text": out[0]}
    except Exception as e:  # whatever a template raises
        return {"error": str(e).splitlines()[0] if type(e).__name__ == "TemplateError" else "other"}


def main():
    folder = os.path.join(os.path.dirname(testdata("trainer/chat", "x")), "templates")
    templates = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as f:
            templates[name] = f.read()
    rendered = []
    for name, template in templates.items():
        for case in CASES:
            rendered.append({"template": name, "case": case[0], **render(template, *case[1:])})
    with open(shared("tokenizers", "qwen2_5", "tokenizer_config.json")) as f:
        theirs = json.load(f)["chat_template"]
    for case in CASES:
        got = render(theirs, *case[1:])
        if "text" in got:
            got = {"sha256": hashlib.sha256(got["text"].encode()).hexdigest()}
        rendered.append({"template": "shared:qwen2_5", "case": case[0], **got})
    cases = [{"name": n, "messages": m, "tools": t, "generate": g, "variables": v}
             for n, m, t, g, v in CASES]
    write_json(testdata("trainer/chat", "chat.json"), {"cases": cases, "rendered": rendered})


main()
