"""Loads LongQA datasets and exports as other tools do.

longqa.py publish ARRAY LINES   writes instructions as Stanford Alpaca published them, and as datasets does
longqa.py DATASET EXPORTS CHATS AXOLOTL AGAIN STANFORD LINES
                                AGAIN is the export alpaca imported, STANFORD and LINES are what was published

AXOLOTL is a folder with the package axolotl, whose other dependencies are not needed to read data.
"""

import importlib.metadata
import json
import pathlib
import sys

import datasets
import mlcroissant
import trl
from transformers import AutoTokenizer


LONGEST = 16000  # tokens of a row that Axolotl tokenizes here, for the time's sake


def rows_of(folder):
    return datasets.load_dataset("parquet", data_files=str(folder / "data" / "*.parquet"), split="train")


def upstream(path, want):
    """LongLoRA's supervised-fine-tune.py: json.load, then instruction and output of each object."""
    data = json.loads(path.read_text("utf-8"))
    prompt = ("Below is an instruction that describes a task. Write a response that appropriately completes "
              "the request.\n\n### Instruction:\n{instruction}\n\n### Response:")
    assert len(data) == len(want), (len(data), len(want))
    for row, e in zip(data, want):
        assert row.get("input", "") == "" and row["output"] == e["output"]
        text = prompt.format_map(row)
        assert e["instruction"] in text and e["context"].rstrip("\n") in text
    print(f"upstream's reader: {len(data)} rows")


# Rows in the layout of Stanford Alpaca's alpaca_data.json, with and without an input.
PUBLISHED = [
    {"instruction": "Give the capital of the country.", "input": "Japan", "output": "Tōkyō"},
    {"instruction": "Name a prime below \"3\".", "input": "", "output": "2\n"},
    {"instruction": "Sum up the text.", "input": "A line of it. " * 400, "output": "Lines."},
]


def publish(array, lines):
    with open(array, "w", encoding="utf-8") as f:
        json.dump(PUBLISHED, f, indent=4)
    datasets.Dataset.from_list(PUBLISHED).to_json(lines)


def alpaca(path, want, again, published):
    """Stanford Alpaca's train.py: json.load, then its two prompts; and what import makes of such files."""
    data, loaded = json.loads(path.read_text("utf-8")), datasets.load_dataset("json", data_files=str(path), split="train")
    assert len(data) == len(loaded) == len(want) == len(again)
    prompt = ("Below is an instruction that describes a task, paired with an input that provides further context. "
              "Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n"
              "### Input:\n{input}\n\n### Response:")
    for row, same, e, back in zip(data, loaded, want, again):
        assert row == same and all(isinstance(row[k], str) for k in row), row
        assert (row["instruction"], row["input"], row["output"]) == (e["instruction"], e["context"], e["output"])
        assert f"### Input:\n{e['context']}\n\n### Response:" in prompt.format_map(row)
        for name in ("id", "instruction", "context", "output", "licence", "answer_source", "n_tokens"):
            assert back[name] == e[name], (name, e["id"])
    for rows in published:
        got = {(e["instruction"], e["context"], e["output"]) for e in rows}
        assert got == {("Give the capital of the country.\n\nJapan", "", "Tōkyō"),
                       ('Name a prime below "3".', "", "2"),
                       ("Sum up the text.", PUBLISHED[2]["input"].strip() + "\n", "Lines.")}, got
    print(f"Stanford Alpaca's reader and datasets: {len(data)} rows, the same after an import; "
          f"{len(PUBLISHED)} published rows imported from an array and from lines")


def axolotl_alpaca(path, want, tokenizer):
    """Axolotl's type alpaca: the output alone is learnt, with its end."""
    from axolotl.prompt_tokenizers import AlpacaPromptTokenizingStrategy
    from axolotl.prompters import AlpacaPrompter
    strategy = AlpacaPromptTokenizingStrategy(AlpacaPrompter(), tokenizer, False, 1 << 20)
    data = datasets.load_dataset("json", data_files=str(path), split="train")
    kept = [(row, e) for row, e in zip(data, want) if e["n_tokens"] < LONGEST]
    for row, e in kept:
        out = strategy.tokenize_prompt(row)
        learnt = tokenizer.decode([i for i, l in zip(out["input_ids"], out["labels"]) if l != -100])
        assert learnt == e["output"] + tokenizer.eos_token, (learnt, e["output"])
        whole = tokenizer.decode(out["input_ids"])
        assert e["instruction"] in whole and e["context"].strip() in whole
    return len(kept)


def conversations(path, list_name, role, text, names, want):
    data = datasets.load_dataset("json", data_files=str(path), split="train")
    assert len(data) == len(want)
    for row, e in zip(data, want):
        turns = [(names[m[role]], m[text]) for m in row[list_name]]
        if turns[0][0] == "system":
            assert turns.pop(0)[1] == e["meta"]["system"]
        assert [r for r, _ in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert turns[1][1] == e["output"] and e["instruction"] in turns[0][1]
        assert [t for _, t in turns[2:]] == [x for t in e["turns"] for x in (t["question"], t["answer"])]
        assert row["licence"] == e["licence"] and row["answer_source"] == e["answer_source"]
    return data


def axolotl(path, field, mapping, want, tokenizer):
    """Axolotl's type chat_template: every row is tokenized, and all of the answers alone is learnt."""
    from axolotl.prompt_strategies import chat_template
    from axolotl.utils.dict import DictDefault
    about = {"chat_template": "chatml", "field_messages": field, "roles_to_train": ["assistant"], **mapping}
    strategy = chat_template.load(tokenizer, DictDefault(
        {"train_on_inputs": False, "sequence_len": 1 << 20, "chat_template": "chatml"}), DictDefault(about))
    data = datasets.load_dataset("json", data_files=str(path), split="train")
    assert len(data) == len(want)
    kept = [(row, e) for row, e in zip(data, want) if e["n_tokens"] < LONGEST]
    for row, e in kept:
        out = strategy.tokenize_prompt(row)
        learnt = tokenizer.decode([i for i, l in zip(out["input_ids"], out["labels"]) if l != -100])
        answers = [e["output"]] + [t["answer"] for t in e["turns"]]
        assert learnt == "".join(a + "<|im_end|>" for a in answers), (learnt, answers)
        assert e["instruction"] in tokenizer.decode(out["input_ids"])
    return len(kept)


def main():
    if sys.argv[1] == "publish":
        return publish(*sys.argv[2:])
    dataset, exports, chats = map(pathlib.Path, sys.argv[1:4])
    sys.path.append(sys.argv[4])
    whole = datasets.load_dataset(str(dataset))  # by the card's YAML
    plain, talk = rows_of(dataset), rows_of(chats)
    assert sum(len(s) for s in whole.values()) == len(plain)
    print(f"datasets: {len(plain)} rows in splits {sorted(whole)}")

    upstream(exports / "longalpaca.json", plain)
    again, *published = (rows_of(pathlib.Path(folder)) for folder in sys.argv[5:])
    alpaca(exports / "alpaca.json", plain, again, published)
    same = {"system": "system", "user": "user", "assistant": "assistant"}
    share = {"system": "system", "human": "user", "gpt": "assistant"}
    for name, want in (("", plain), ("chats-", talk)):
        messages = conversations(exports / f"{name}messages.jsonl", "messages", "role", "content", same, want)
        conversations(exports / f"{name}sharegpt.jsonl", "conversations", "from", "value", share, want)
    tokenizer = AutoTokenizer.from_pretrained("../shared/data/tokenizers/qwen2_5")
    tokenizer.eos_token = "<|im_end|>"
    sharegpt = {"message_property_mappings": {"role": "from", "content": "value"},
                "roles": {"user": ["human"], "assistant": ["gpt"], "system": ["system"]}}
    n = 0
    for name, want in (("", plain), ("chats-", talk)):
        n += axolotl(exports / f"{name}messages.jsonl", "messages", {}, want, tokenizer)
        n += axolotl(exports / f"{name}sharegpt.jsonl", "conversations", sharegpt, want, tokenizer)
    for name in ("alpaca", "longalpaca"):
        n += axolotl_alpaca(exports / f"{name}.json", plain, tokenizer)
    print(f"Axolotl {importlib.metadata.version('axolotl')}: {n} rows tokenized, the answers alone are learnt")
    tokenizer.chat_template = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
                               "{% endfor %}")
    for row in messages:
        assert trl.data_utils.is_conversational(row)
        text = trl.data_utils.apply_chat_template({"messages": row["messages"]}, tokenizer)["text"]
        assert all(m["content"] in text for m in row["messages"])
    print(f"TRL {trl.__version__}: {len(messages)} conversations in its form, rendered by a chat template")

    for folder in (dataset, chats):
        d = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
        assert not d.metadata.issues.errors, d.metadata.issues.errors
        n = sum(1 for _ in d.records("rows"))
        assert n == len(rows_of(folder)), n
        print(f"mlcroissant: no errors, {n} records")


if __name__ == "__main__":
    main()
