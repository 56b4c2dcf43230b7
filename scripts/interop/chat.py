"""chat.py TEMPLATE...: renders conversations by each in transformers and in the trainer."""

import json
import os
import subprocess
import sys

from transformers.utils.chat_template_utils import render_jinja_template

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
from chat_cases import CASES, TOKENS  # noqa: E402


def theirs(template, messages, tools, generate, variables):
    try:
        out, _ = render_jinja_template(
            conversations=[messages], chat_template=template, tools=tools,
            add_generation_prompt=generate, **TOKENS, **variables)
        return out[0]
    except Exception:  # whatever a template raises
        return None


def ours(template, messages, tools, generate, variables):
    job = {"template": template, "tokens": TOKENS, "messages": messages, "generate": generate,
           "variables": variables}
    if tools:
        job["tools"] = tools
    done = subprocess.run([os.environ["TRAINER"], "render-template"], input=json.dumps(job),
                          capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


# Where the template library differs, and why. None is of a family that the trainer computes.
KNOWN = {
    "GLM-5.2.jinja": "white space at the end of a text before a tag that trims nothing",
    "Ministral-3-14B-Instruct-2512-Q4_0.jinja": "the order of a text and a picture: pictures are refused",
    "Mistral-Medium-3.5-128B-GGUF.jinja": "the order of a text and a picture: pictures are refused",
}

failed = 0
for path in sys.argv[1:]:
    with open(path) as f:
        template = f.read()
    equal = refused = 0
    wrong = []
    for name, *case in CASES:
        want = theirs(template, *case)
        if want is None:
            refused += 1
            continue
        got = ours(template, *case)
        if got == want:
            equal += 1
        else:
            wrong.append(name)
    known = KNOWN.get(os.path.basename(path))
    failed += bool(wrong) != bool(known)
    print(f"{os.path.basename(path)}: {equal} of {len(CASES) - refused} alike"
          + (f", other: {', '.join(wrong)}" if wrong else "") + (f" ({known})" if known else ""))
sys.exit(1 if failed else 0)
