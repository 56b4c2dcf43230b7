"""What the oracle scripts share: where things are, and which versions made a golden file."""

import json
import os
import platform

import numpy
import peft
import torch
import transformers

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def versions():
    """The versions of everything that computed."""
    return {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
    }


def testdata(package, *parts):
    """A path in a package's testdata, whose directory is made."""
    path = os.path.join(ROOT, package, "testdata", *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def shared(*parts):
    """A path in the folder of real inputs beside the checkout."""
    path = os.path.join(ROOT, "..", "shared", "data", *parts)
    if not os.path.exists(path):
        raise SystemExit("needs " + os.path.join("..", "shared", "data", *parts))
    return path


def write_json(path, value):
    """Writes a golden file: keys in the order given, the members of lists of objects one a line."""
    with open(path, "w") as f:
        lines = [f'"versions": {json.dumps(versions())}']
        for key, v in value.items():
            text = json.dumps(v)
            if isinstance(v, list) and v and isinstance(v[0], dict):
                text = "[\n" + ",\n".join(json.dumps(x) for x in v) + "\n]"
            lines.append(f"{json.dumps(key)}: {text}")
        f.write("{\n" + ",\n".join(lines) + "\n}\n")
    print("wrote", os.path.relpath(path, ROOT))
