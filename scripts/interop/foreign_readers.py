"""Compares what foreign readers find in a dataset with the JSON lines of `pipeline cat`.

Usage: foreign_readers.py DATASET ROWS.jsonl
"""

import hashlib
import importlib.metadata
import itertools
import json
import re
import sys
import xml.etree.ElementTree
from pathlib import Path

import datasets
import duckdb
import huggingface_hub
import mlcroissant
import pandas
import pyarrow.parquet
from datasets.utils.metadata import MetadataConfigs

# The identifiers that the hub takes for `license:`, as far as this project's data uses them.
HUB_LICENCES = {
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0",
    "mpl-2.0", "isc", "unlicense", "other",
}


def plain(value):
    """Gives every reader's values the types that JSON has."""
    if hasattr(value, "tolist"):  # numpy
        value = value.tolist()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def rows_of(rows):
    """Parses `meta`, which is JSON in a column of text; datasets does it by itself."""
    for row in rows:
        if isinstance(row.get("meta"), str):
            row["meta"] = json.loads(row["meta"])
    return rows


def by_duckdb(files):
    names = ", ".join(f"'{f}'" for f in files)
    relation = duckdb.sql(f"SELECT * FROM read_parquet([{names}])")
    return rows_of([dict(zip(relation.columns, row)) for row in relation.fetchall()])


def by_pyarrow(files):
    return rows_of([row for f in files for row in pyarrow.parquet.read_table(f).to_pylist()])


def by_pandas(files):
    frames = [pandas.read_parquet(f) for f in files]
    return rows_of([row for frame in frames for row in frame.to_dict("records")])


def by_datasets(directory, files):
    """Loads the directory by its card alone, and checks the splits that the card declares."""
    loaded = datasets.load_dataset(str(directory))
    rows = []
    for split in sorted({f.name.split("-")[0] for f in files}):
        rows += list(loaded[split])
    return rows_of(rows)


DERIVED = {"labels", "position_ids", "attention_mask"}


def derived(row):
    """The columns of --hf-columns, from the row's others."""
    n = row["n_tokens"]
    labels = [-100] * n
    for span in row["loss_spans"]:
        labels[span["start"]:span["end"]] = row["input_ids"][span["start"]:span["end"]]
    positions = [p for length in row["doc_lens"] for p in range(length)]
    return {"labels": labels, "position_ids": positions, "attention_mask": [1] * n}


def compare(reader, got, want):
    assert len(got) == len(want), f"{reader}: {len(got)} rows, want {len(want)}"
    for n, (g, w) in enumerate(zip(got, want)):
        g = plain(g)
        if g.keys() >= DERIVED:
            w = w | derived(w)
        assert g.keys() == w.keys(), f"{reader}: row {n} has {list(g)}, want {list(w)}"
        for key in w:
            assert g[key] == w[key], f"{reader}: row {n} {key}: {g[key]!r:.200} is not {w[key]!r:.200}"
    values = sum(len(v) if isinstance(v, list) else 1 for row in want for v in row.values())
    print(f"{reader}: {len(got)} rows, {values} values equal")


def check_croissant(directory, want):
    """Every column that croissant.json names has the rows' values, and nothing is wrong but the date."""
    described = mlcroissant.Dataset(jsonld=str(directory / "croissant.json"))
    issues = described.metadata.issues
    assert not issues.errors, issues.report()
    others = [w for w in issues.warnings if "datePublished" not in w]  # a clock's, which no dataset has
    assert not others, issues.report()
    n = 0
    for got, row in itertools.zip_longest(described.records("rows"), want):
        assert got is not None and row is not None, f"mlcroissant: row {n} is missing on one side"
        for key, value in got.items():
            name = key.removeprefix("rows/")
            expect = (row | derived(row) if name in DERIVED else row)[name]
            value = plain(value)
            if isinstance(value, bytes):
                value = value.decode()
            elif isinstance(value, list):
                value = [v.decode() if isinstance(v, bytes) else v for v in value]
            assert value == expect, f"mlcroissant: row {n} {name}: {value!r:.200} is not {expect!r:.200}"
        n += 1
    print(f"mlcroissant {importlib.metadata.version('mlcroissant')}: {n} rows equal")


def check_manifest(directory):
    """Computes the digest, the files' hashes and those of the row groups as docs/format/manifest.md says."""
    m = json.loads((directory / "manifest.json").read_text())
    lines = [f"version {m['schema_version']}", f"kind {m['kind']}", f"config {m['config_digest']}"]
    if "tokenizer" in m:
        lines.append(f"tokenizer {m['tokenizer']['digest']}")
    blocks = 0
    for f in m["files"]:
        lines.append(f"file {f['path']} {f['sha256']}")
        lines += [f"block {b['rows']} {b['tokens']} {b['bytes']} {b['sha256']}" for b in f.get("blocks", [])]
        data = (directory / f["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == f["sha256"] and len(data) == f["bytes"], f["path"]
        groups = pyarrow.parquet.ParquetFile(directory / f["path"]).metadata
        at = 4
        assert groups.num_row_groups == len(f["blocks"]), f["path"]
        for i, b in enumerate(f["blocks"]):
            assert groups.row_group(i).num_rows == b["rows"]
            assert hashlib.sha256(data[at:at + b["bytes"]]).hexdigest() == b["sha256"], f"{f['path']} {i}"
            at += b["bytes"]
            blocks += 1
    assert hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest() == m["digest"]
    for c in m["companions"]:
        data = (directory / c["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == c["sha256"] and len(data) == c["bytes"], c["path"]
    print(f"manifest: digest, {len(m['files'])} files, {blocks} row groups, {len(m['companions'])} companions")
    return m


def check_lengths(m, want):
    """Counts the lengths of documents, contexts or packed documents again."""
    sizes = {"document": lambda r: [r["n_chars"]], "example": lambda r: [r["n_tokens"]],
             "sequence": lambda r: r["doc_lens"]}[m["kind"]]
    lengths = [n for row in want for n in sizes(row)]
    for b in m["lengths"]:
        inside = [n for n in lengths if b["from"] <= n < b["to"]]
        assert len(inside) == b["count"] and sum(inside) == b["total"], b
    assert sum(b["count"] for b in m["lengths"]) == len(lengths)


def check_pictures(directory, readme):
    """Every picture of the card is there, and is SVG."""
    names = re.findall(r"!\[[^]]*\]\(([^)]*)\)", readme)
    assert {"card/lengths.svg", "card/mixture.svg"} <= set(names), names
    for name in names:
        root = xml.etree.ElementTree.parse(directory / name).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
    return len(names)


def check_card(directory):
    loaded = huggingface_hub.DatasetCard.load(directory / "README.md")
    card = loaded.data.to_dict()
    licences = card["license"] if isinstance(card["license"], list) else [card["license"]]
    unknown = set(licences) - HUB_LICENCES
    assert not unknown, f"the hub does not know the licences {unknown}"
    assert "other" not in licences or card["license_name"], "an other licence needs its name"
    for key in ("pretty_name", "tags", "size_categories", "configs"):
        assert card[key], f"the card's {key} is empty"
    configs = MetadataConfigs.from_dataset_card_data(loaded.data)  # which checks their form
    files = {f["split"]: f["path"] for f in configs["default"]["data_files"]}
    assert all(list(directory.glob(path)) for path in files.values()), files
    pictures = check_pictures(directory, (directory / "README.md").read_text())
    print(f"card: license {', '.join(licences)}; {card['pretty_name']}; {pictures} pictures")


def main():
    directory, lines = Path(sys.argv[1]), Path(sys.argv[2])
    print(f"== {directory.name}")
    want = [json.loads(line) for line in lines.open(encoding="utf-8")]
    files = sorted((directory / "data").glob("*.parquet"))
    compare(f"DuckDB {duckdb.__version__}", by_duckdb(files), want)
    compare(f"pyarrow {pyarrow.__version__}", by_pyarrow(files), want)
    compare(f"pandas {pandas.__version__}", by_pandas(files), want)
    compare(f"datasets {datasets.__version__}", by_datasets(directory, files), want)
    check_croissant(directory, want)
    check_lengths(check_manifest(directory), want)
    check_card(directory)


if __name__ == "__main__":
    main()
