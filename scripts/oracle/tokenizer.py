"""Writes the golden files of internal/tokenizer: what Hugging Face tokenizers and SentencePiece give
on tricky texts, for small tokenizers of every family that is read.

families.json: a few base tokenizers, and families that differ from them in some parts of the file.
sentencepiece.json: .model files, in base64.
trained.json: the pieces that SentencePiece learns, in order."""

import base64
import copy
import io
import json
import tempfile

import sentencepiece
import tokenizers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from common import testdata, write_json

CORPUS = """
The quick brown fox jumps over the lazy dog, and the dog doesn't mind: it's asleep. They've seen
foxes before; we'll see more. In 1984 there were 12,345 of them (about 6.5 %). "Why?" he asked.
func (t *Tree) Insert(key string, value int) error {
\tif t.root == nil {
\t\tt.root = &node{key: key, value: value}
\t\treturn nil
\t}
    return t.root.insert(key, value, 0x1F)  // spaces here
}
Der schnelle braune Fuchs springt über den faulen Hund; naïve café, garçon, déjà vu, être, là-bas.
Швидкий рудий лис стрибає через ледачого пса. Быстрая лиса прыгает, и собака её не видит.
Η γρήγορη αλεπού πηδά πάνω από το τεμπέλικο σκυλί. 敏捷的棕色狐狸跳过了懒狗。狐狸很快，狗很懒。
素早い茶色の狐はのろまな犬を飛び越える。キツネは速い。빠른 갈색 여우가 게으른 개를 뛰어넘는다.
तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है। الثعلب البني السريع يقفز فوق الكلب الكسول. 🦊🐕🙂👩‍💻🇺🇦
""".strip().split("\n")

TEXTS = [
    "", " ", "a", "Hello, world!", "  The quick  brown   fox ", "it's IT'S 'ſ we'll THEY'VE don''t",
    "\n\n\t\tif x {\r\n\r\n    y()\n}\n\n\n", "12345 1,234,567.89 ٠١٢३४ ²½Ⅷ 0x1F", "日本語のテキスト、中文字符。狐狸",
    "빠른 여우 \u1112\u1161\u11ab", "café cafe\u0301 e\u0316\u0301\u0327 \u212b \ufb01 \u1e9b\u0323",
    "\u0916\u093c \u0958 \u09c7\u09be \u09fe\u0327\u0301", "👩‍💻🇺🇦🙂🙂🏴\u200d☠️", "a\u00a0b\u2003c\u3000d\u2028e\x85f",
    "\x00\x01\x0b\x0c\x1c\x7f\ufeff\u200b\ufffd", "▁a ▁▁b ▁ c▁", "foo_bar-baz.qux(x,y)[i]{j}==!=&&||//",
    "CamelCaseHTTPServer lowerUPPER ǅ ß İı Σς", "......!!!???,,,---___'''\"\"\"", "x" * 70 + " " + "=" * 40,
    " " * 20 + "a" + "\t" * 9 + "\n" * 5, "Ĝ Ġ Ċ Ą <0x41> <0xE4>", "\U00010d40\U00011de0\u1c89\U00016ea0\u0897",
    "the<s>fox</s> <unk>dog<|x|>y<|x|> <|x|>", "<l>  a <l>b  <r>  c <lr> d  <lr><w> e<w>f <w>",
]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
NEMO = (rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*|\p{{N}}|"
        + REST)
GPT4O = (rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{{N}}{{1,3}}|" + REST)
KIMI = r"[\p{Han}]+|" + GPT4O.replace(r"\p{M}]", r"\p{M}&&[^\p{Han}]]")
DEEPSEEK3 = [
    r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
]
DEEPSEEK_CODER = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+"]


def byte_level(add_prefix_space=False, use_regex=False):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True,
            "use_regex": use_regex}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def steps(*list_):
    return {"type": "Sequence", "pretokenizers": list(list_)}


def changes(*list_):
    return {"type": "Sequence", "normalizers": list(list_)}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def metaspace(scheme, split, mark="▁"):
    return {"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": split}


def added(id_, content, special=False, normalized=False, **flags):
    return {"id": id_, "content": content, "special": special, "normalized": normalized,
            "single_word": False, "lstrip": False, "rstrip": False} | flags


def template(before, after=()):
    pieces = [{"SpecialToken": {"id": t, "type_id": 0}} for t, _ in before]
    pieces += [{"Sequence": {"id": "A", "type_id": 0}}]
    pieces += [{"SpecialToken": {"id": t, "type_id": 0}} for t, _ in after]
    return {"type": "TemplateProcessing", "single": pieces, "pair": pieces,
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in [*before, *after]}}


def train(model, size, specials, alphabet, pre):
    t = Tokenizer(model)
    t.pre_tokenizer = pre
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=alphabet, min_frequency=1,
        show_progress=False))
    j = json.loads(t.to_str())
    j["pre_tokenizer"] = None
    return j


def bases():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    qwen = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    marks = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    controls = ["<unk>", "<s>", "</s>"]
    as_bytes = [f"<0x{b:02X}>" for b in range(256)]
    fallback = train(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), 800,
                     controls + as_bytes, [], marks)
    fallback["added_tokens"] = fallback["added_tokens"][:3]
    decoder = {"decoder": byte_level()}
    return {
        "bytes": train(models.BPE(), 600, ["<|x|>"], alphabet, qwen) | decoder,
        "wide": train(models.BPE(), 500, ["<|x|>"], alphabet, whole) | decoder,  # merges cross words
        "few": train(models.BPE(), 200, ["<unk>"], [], qwen) | decoder,  # bytes without a token
        "marks": fallback,
        "unknown": train(models.BPE(unk_token="<unk>", fuse_unk=True), 160, controls, [], marks),
    }


LLAMA = changes({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁"))
DECODER = [replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
           {"type": "Strip", "content": " ", "start": 1, "stop": 0}]


def decoders(*list_):
    return {"type": "Sequence", "decoders": list(list_)}


def byte_families(n):
    """Families with byte-level vocabularies; n is the size of the base's."""
    specials = [added(0, "<|x|>", True)]
    spaces = [added(n + i, " " * (9 - i), normalized=True) for i in range(8)]
    flags = [added(n, "<l>", True, lstrip=True), added(n + 1, "<r>", rstrip=True),
             added(n + 2, "<lr>", normalized=True, lstrip=True, rstrip=True),
             added(n + 3, "<w>", single_word=True), added(n + 4, "fox", normalized=True, single_word=True),
             added(n + 5, "cafe\u0301", normalized=True), added(n + 6, "he qu"), added(n + 7, "he")]
    nfc = {"type": "NFC"}
    yield "gpt2", {"pre_tokenizer": byte_level(use_regex=True)}
    yield "gpt2-prefix", {"pre_tokenizer": byte_level(True, True)}
    yield "llama3", {"pre_tokenizer": steps(split(LLAMA3), byte_level()),
                     "post_processor": template([("<|x|>", 0)]), "model": {"ignore_merges": True}}
    yield "qwen", {"pre_tokenizer": steps(split(QWEN2), byte_level()), "normalizer": nfc}
    yield "nemo", {"pre_tokenizer": steps(split(NEMO), byte_level()), "model": {"ignore_merges": True}}
    yield "gpt4o", {"pre_tokenizer": steps(split(GPT4O), byte_level())}
    yield "kimi", {"pre_tokenizer": steps(split(KIMI), byte_level())}
    yield "neox", {"pre_tokenizer": byte_level(use_regex=True), "normalizer": nfc,
                   "added_tokens": specials + spaces}
    yield "starcoder", {"pre_tokenizer": steps({"type": "Digits", "individual_digits": True},
                                               byte_level(use_regex=True))}
    yield "falcon", {"pre_tokenizer": steps(
        {"type": "Punctuation", "behavior": "Contiguous"}, byte_level(use_regex=True),
        {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]"))}
    yield "bloom", {"pre_tokenizer": steps(split(r" ?[^(\s|[.,!?…。，、।۔،])]+"), byte_level())}
    yield "deepseek3", {"pre_tokenizer": steps(*map(split, DEEPSEEK3), byte_level())}
    yield "deepseek-coder", {"pre_tokenizer": steps(
        *map(split, DEEPSEEK_CODER), {"type": "Digits", "individual_digits": True}, byte_level())}
    yield "roberta", {"pre_tokenizer": byte_level(use_regex=True), "added_tokens": specials + flags,
                      "post_processor": {"type": "RobertaProcessing", "sep": ["<r>", n + 1],
                                         "cls": ["<|x|>", 0], "trim_offsets": True,
                                         "add_prefix_space": False}}
    yield "added-nfkc", {"pre_tokenizer": steps(split(QWEN2), byte_level()),
                         "normalizer": {"type": "NFKC"}, "added_tokens": specials + flags}
    yield "nfd", {"pre_tokenizer": byte_level(use_regex=True), "normalizer": {"type": "NFD"}}
    yield "plain-letters", {"pre_tokenizer": byte_level(use_regex=True), "normalizer": changes(
        {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "StripAccents"})}
    yield "tidied", {"pre_tokenizer": byte_level(use_regex=True), "normalizer": changes(
        {"type": "Nmt"}, replace(r"\s+", " ", "Regex"), replace("''", '"'),
        {"type": "Strip", "strip_left": True, "strip_right": True})}
    yield "byte-normalizer", {"normalizer": {"type": "ByteLevel"},
                              "pre_tokenizer": split("Ġ?[^Ġ]+|Ġ+")}
    yield "bert-words", {"pre_tokenizer": steps({"type": "BertPreTokenizer"}, byte_level(True))}
    yield "words", {"pre_tokenizer": steps({"type": "Whitespace"}, byte_level(True))}
    yield "fixed", {"pre_tokenizer": steps({"type": "FixedLength", "length": 3}, byte_level())}
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            yield f"{behavior}-{'inverted' if invert else 'plain'}", {"pre_tokenizer": steps(
                split(r"[,.]|\s|é", behavior, invert), split("==", behavior, invert, "String"),
                byte_level(use_regex=True))}


def mark_families(n):
    """Families with SentencePiece vocabularies; n is the size of the base's."""
    post = template([("<s>", 1)])
    controls = [added(0, "<unk>", True), added(1, "<s>", True), added(2, "</s>", True)]
    in_text = [added(i, t, True, True) for i, t in enumerate(["<unk>", "<s>", "</s>"])]
    code = [added(n, "▁<l>", True), added(n + 1, "▁<r>", True, True),
            added(n + 2, "<lr>", True, True, lstrip=True, rstrip=True), added(n + 3, "<w>", single_word=True),
            added(n + 4, "  ", normalized=True), added(n + 5, "▁▁", normalized=False)]
    gemma = [added(n + i, "\n" * (i + 2)) for i in range(4)] + [
        added(n + 4 + i, "▁" * (i + 2)) for i in range(4)] + [added(n + 8, "<l>")]
    llama = {"normalizer": LLAMA, "decoder": decoders(*DECODER), "post_processor": post}
    yield "llama2", llama
    yield "llama2-ends", llama | {"post_processor": template([("<s>", 1)], [("</s>", 2)])}
    yield "llama2-normalized", llama | {"added_tokens": in_text}
    yield "code-llama", llama | {"added_tokens": controls + code}
    yield "gemma", llama | {"normalizer": replace(" ", "▁"), "added_tokens": controls + gemma,
                            "pre_tokenizer": split(" ", "MergedWithPrevious", kind="String"),
                            "decoder": decoders(*DECODER[:3])}
    for scheme in ["always", "first", "never"]:
        for cut in [False, True]:
            m = metaspace(scheme, cut)
            yield f"metaspace-{scheme}-{'split' if cut else 'whole'}", {
                "pre_tokenizer": m, "decoder": m, "post_processor": post}
    yield "metaspace-behind-strip", {
        "normalizer": {"type": "Strip", "strip_left": True, "strip_right": False},
        "pre_tokenizer": metaspace("first", True), "decoder": metaspace("first", True)}
    yield "metaspace-digits", {"pre_tokenizer": steps(
        {"type": "Digits", "individual_digits": True}, metaspace("first", True))}
    yield "metaspace-underscore", {"pre_tokenizer": metaspace("always", True, "_")}
    yield "metaspace-words", {"pre_tokenizer": steps({"type": "WhitespaceSplit"},
                                                     metaspace("always", True))}
    yield "ignoring-merges", llama | {"model": {"ignore_merges": True}}
    yield "stripped-decoder", llama | {"decoder": decoders(
        replace("▁+", " ", "Regex"), {"type": "ByteFallback"})}
    yield "fused-decoder", llama | {"decoder": decoders(
        {"type": "ByteFallback"}, {"type": "Fuse"}, replace("▁", " "),
        {"type": "Strip", "content": " ", "start": 2, "stop": 0})}


def other_families():
    regex = byte_level(use_regex=True)
    llama = {"normalizer": LLAMA, "decoder": decoders(*DECODER)}
    yield "wide", "no-words", {"pre_tokenizer": byte_level()}
    yield "few", "bytes-dropped", {"pre_tokenizer": regex}
    yield "few", "bytes-unknown", {"pre_tokenizer": regex, "model": {"unk_token": "<unk>"}}
    yield "few", "bytes-unknown-fused", {
        "pre_tokenizer": regex, "model": {"unk_token": "<unk>", "fuse_unk": True}}
    yield "unknown", "unknown-fused", llama
    yield "unknown", "unknown-each", llama | {"model": {"fuse_unk": False}}
    yield "unknown", "unknown-dropped", llama | {"model": {"unk_token": None}}
    yield "unknown", "no-stages", {"decoder": None}
    yield "bytes", "no-decoder", {"pre_tokenizer": regex, "decoder": None}


def assemble(base, parts):
    j = copy.deepcopy(base)
    j["model"] |= parts.get("model", {})
    return j | {k: v for k, v in parts.items() if k != "model"}


def numbered(base, parts):
    """The parts with the ids that the engine gives to added tokens: a token of the vocabulary keeps its
    id, the others follow behind it."""
    vocab, given = base["model"]["vocab"], {}
    for a in parts.get("added_tokens", []):
        a["id"] = vocab.get(a["content"], len(vocab) + len(given))
        if a["content"] not in vocab:
            given[a["content"]] = a["id"]
    return parts


def family(name, base_name, base, parts):
    """A case is the ids, their text where it is not the one encoded, and the text without special
    tokens where it is not that. What goes around a text is before and after."""
    parts = numbered(base, parts)
    t = Tokenizer.from_str(json.dumps(assemble(base, parts)))
    around = t.encode("").ids
    split_at = next((i for i, x in enumerate(t.encode("a").ids) if i >= len(around) or x != around[i]),
                    len(around))
    before, after = around[:split_at], around[split_at:]
    cases = []
    for text in TEXTS:
        ids = t.encode(text, add_special_tokens=False).ids
        assert t.encode(text).ids == before + ids + after, (name, text)
        decoded = t.decode(ids, skip_special_tokens=False)
        skipped = t.decode(ids, skip_special_tokens=True)
        cases.append([ids, None if decoded == text else decoded,
                      None if skipped == decoded else skipped])
    return {"name": name, "base": base_name, "parts": parts, "before": before, "after": after,
            "cases": cases}


def families():
    b = bases()
    sizes = {k: len(v["model"]["vocab"]) for k, v in b.items()}
    listed = [("bytes", *f) for f in byte_families(sizes["bytes"])]
    listed += [("marks", *f) for f in mark_families(sizes["marks"])]
    listed += other_families()
    write_json(testdata("internal/tokenizer", "families.json"), {
        "tokenizers": tokenizers.__version__, "texts": TEXTS, "bases": b,
        "families": [family(name, base, b[base], parts) for base, name, parts in listed],
    })


RULES = "FB01\t66 69\n41\t61\n20AC\t45 55 52\n2003\t20\n61 301\tE1\nAD\t\n"  # some normalization rules

MODELS = {
    "llama": dict(byte_fallback=True, remove_extra_whitespaces=False, split_digits=True,
                  allow_whitespace_only_pieces=True),
    "squeezed": dict(byte_fallback=True),
    "no-prefix": dict(byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False),
    "symbols": dict(byte_fallback=True, remove_extra_whitespaces=False,
                    user_defined_symbols=["<l>", "ab", "▁fox", "fox jumps", "\ufb01", "  "]),
    "rules": dict(normalization_rule_tsv="RULES", user_defined_symbols=["A B"]),
    "unknown": dict(character_coverage=0.98, remove_extra_whitespaces=False),
    "no-begin": dict(bos_id=-1, byte_fallback=True),
}


def model(name, options):
    if options.get("normalization_rule_tsv"):
        with tempfile.NamedTemporaryFile("w", suffix=".tsv", delete=False) as f:
            f.write(RULES)
        options = options | {"normalization_rule_tsv": f.name}
    else:
        options = options | {"normalization_rule_name": "identity"}
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=out, vocab_size=500 if options.get("byte_fallback")
        else 250, model_type="bpe", minloglevel=2, num_threads=1, hard_vocab_limit=False,
        max_sentence_length=10000, **options)
    p = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    cases = []
    for i, text in enumerate(TEXTS):
        if any(s in text for s in ["<s>", "</s>", "<unk>"]):
            continue  # which the library reads as text, and we as what they are
        ids = p.encode(text)
        cases.append([i, ids, None if p.unk_id() in ids else p.decode(ids)])
    return {"name": name, "file": base64.b64encode(out.getvalue()).decode(), "cases": cases}


def sentencepieces():
    write_json(testdata("internal/tokenizer", "sentencepiece.json"), {
        "sentencepiece": sentencepiece.__version__, "texts": TEXTS,
        "models": [model(*m) for m in MODELS.items()],
    })


# More text to learn from: runs, marks, several scripts in a word, digits of two kinds, ties.
ODD = [
    "aaaaaaaaaaaaa aaaa aa aaaaaaaaa", "======= ===== ========= -----===", "a    b      c  d        ",
    "  two before", "x1y22z333 １２３ ٣٤ 3.14e-10", "東京タワーへ行きました。ラーメンを食べました。東京タワー",
    "abcабвabc αβγabc", "the<code>fox<code> jumps <code>", "ab ba ab ba cd dc cd dc", "naïve naïve café cafe\u0301",
    "\tif x {\t\treturn\t}", "pneumonoultramicroscopic pneumonoultramicroscopic pneumonoultramicroscopic",
    "bcdfghjklmnpqrst " * 9, "zyxwvutsrqponmlkj " * 9, "▁a▁b", "🦊🦊🦊 🐕🐕", "l'été l'été qu'il", "don't don't can't", "▂▃", "\u00a0x\u3000y\u2003z",
]

TRAINED = {
    "bytes": dict(VocabSize=620, Coverage=0.999, Special=["<s>", "</s>"], User=[]),
    "everything": dict(VocabSize=980, Coverage=1.0, Special=["<s>", "</s>"], User=[]),
    "few": dict(VocabSize=490, Coverage=0.98, Special=["<s>", "</s>"], User=[]),
    "user": dict(VocabSize=700, Coverage=0.9995, Special=["<s>", "</s>"], User=["<code>", "東京", "ab"]),
    "no-bytes": dict(VocabSize=500, Coverage=0.9995, Special=["<s>", "</s>"], User=[], NoBytes=True),
    "digits": dict(VocabSize=700, Coverage=0.9995, Special=["<s>", "</s>"], User=[], JoinDigits=True),
}


def learned(name, o):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS + ODD), model_writer=out, vocab_size=o["VocabSize"], model_type="bpe",
        character_coverage=o["Coverage"], user_defined_symbols=o["User"],
        byte_fallback=not o.get("NoBytes"), split_digits=not o.get("JoinDigits"), minloglevel=2,
        num_threads=1, hard_vocab_limit=False, max_sentence_length=10000, allow_whitespace_only_pieces=True,
        remove_extra_whitespaces=False, normalization_rule_name="identity")
    p = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
    return {"name": name, "options": o | {"MinFrequency": 1},
            "pieces": [p.id_to_piece(i) for i in range(len(p))]}


def trained():
    write_json(testdata("internal/tokenizer", "trained.json"), {
        "sentencepiece": sentencepiece.__version__, "lines": CORPUS + ODD,
        "models": [learned(*m) for m in TRAINED.items()],
    })


families()
sentencepieces()
trained()
