"""Compares tokenizers that we trained, as Hugging Face tokenizers and SentencePiece read them, with our
own encoding, and the pieces with those that SentencePiece's trainer learns.

Usage: trained_tokenizer.py FOLDER, which holds bytes.json, pieces.json, pieces.model and documents:
rows.jsonl (all) and train.jsonl (those learned from).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import sentencepiece
import tokenizers

OTHERS = [
    "", " ", "\n\n\n", "\r\n\r\n  x", "na\u00efve cafe\u0301 \u00dfgro\u00df", "Привіт, світе! Як справи?",
    "白日依山尽，黄河入海流。", "नमस्ते दुनिया", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1fa\U0001f1e6",
    "x\x00y\ufeffz", "  leading", "trailing  ", "1234567890 3.14e-10", "don't WE'LL i'M \u017fs",
    "<s></s>", "a<s>b", "\t\tif (a&&b){c++;}", "a" * 5000, " " * 3000, "x<code>y <|x|> z<code><code>",
]
USER = ["<code>", "<|x|>"]


def ours(work, name, flags):
    files = sorted((work / "texts").iterdir())
    command = [os.environ["PIPELINE"], "tokenizer", "encode", "--tokenizer", work / name, *flags, *files]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def compare(what, texts, got, encode):
    assert len(got) == len(texts)
    for text, ids in zip(texts, got):
        want = encode(text)
        assert ids == want, f"{what}: {text[:60]!r}: {ids[:20]} is not {want[:20]}"
    print(f"{what}: {len(texts)} texts, {sum(map(len, got))} tokens equal")


def hugging_face(work, texts):
    version = f"tokenizers {tokenizers.__version__}"
    for name in ("bytes.json", "pieces.json"):
        theirs = tokenizers.Tokenizer.from_file(str(work / name))
        for flags in ([], ["--no-special"]):
            ids = ours(work, name, flags)
            compare(f"{version} {name} {' '.join(flags)}", texts, ids,
                    lambda t: theirs.encode(t, add_special_tokens=not flags).ids)
        decoded = subprocess.run(
            [os.environ["PIPELINE"], "tokenizer", "decode", "--json", "--tokenizer", work / name, "-"],
            input="\n".join(map(json.dumps, ids)), check=True, capture_output=True, text=True)
        for want, line in zip((theirs.decode(i) for i in ids), decoded.stdout.splitlines(), strict=True):
            assert json.loads(line) == want, f"{name}: decoded as {line[:60]}, want {want[:60]!r}"
        print(f"{version} {name}: {len(texts)} texts decoded alike")


def sentence_piece(work, texts):
    version = f"sentencepiece {sentencepiece.__version__}"
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(work / "pieces.model"))
    for name in ("pieces.model", "pieces.json"):
        pairs = [(t, i) for t, i in zip(texts, ours(work, name, ["--no-special"]))
                 if "<s>" not in t and "</s>" not in t and "<unk>" not in t]  # which the library reads as text
        compare(f"{version} {name}", *zip(*pairs), theirs.encode)
    ids = theirs.encode("x<code>")
    assert theirs.decode(ids) == "x<code>" and theirs.bos_id() == 1 and theirs.eos_id() == 2


def trainer(work):
    with (work / "train.jsonl").open(encoding="utf-8") as f, (work / "lines").open("w", encoding="utf-8") as out:
        for line in f:
            out.write(json.loads(line)["text"] + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(work / "lines"), model_prefix=str(work / "theirs"), model_type="bpe", vocab_size=3000,
        character_coverage=0.9995, byte_fallback=True, split_digits=True, allow_whitespace_only_pieces=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, user_defined_symbols=USER,
        max_sentence_length=100_000_000, minloglevel=2, num_threads=1)
    models = [sentencepiece.SentencePieceProcessor(model_file=str(work / m)) for m in ("pieces.model", "theirs.model")]
    got, want = ([m.id_to_piece(i) for i in range(len(m))] for m in models)
    equal = sum(a == b for a, b in zip(got, want))
    print(f"sentencepiece {sentencepiece.__version__}, trained on the same text: {equal} of {len(want)} pieces "
          f"have the same id, {len(set(got) & set(want))} are in both")
    assert len(got) == len(want) and equal == len(want), [(a, b) for a, b in zip(got, want) if a != b][:5]


def main():
    work = Path(sys.argv[1])
    texts = [json.loads(line)["text"] for line in (work / "rows.jsonl").open(encoding="utf-8")]
    texts += OTHERS
    (work / "texts").mkdir()
    for n, text in enumerate(texts):
        (work / "texts" / f"{n:05d}").write_bytes(text.encode())
    hugging_face(work, texts)
    sentence_piece(work, texts)
    trainer(work)


if __name__ == "__main__":
    main()
