"""Compares what foreign readers find in a dataset with the JSON lines of `pipeline cat`.

Usage: foreign_readers.py DATASET ROWS.jsonl
"""

import json
import sys
from pathlib import Path

import datasets
import duckdb
import huggingface_hub
import pandas
import pyarrow.parquet

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


def compare(reader, got, want):
    assert len(got) == len(want), f"{reader}: {len(got)} rows, want {len(want)}"
    for n, (g, w) in enumerate(zip(got, want)):
        g = plain(g)
        assert g.keys() == w.keys(), f"{reader}: row {n} has {list(g)}, want {list(w)}"
        for key in w:
            assert g[key] == w[key], f"{reader}: row {n} {key}: {g[key]!r:.200} is not {w[key]!r:.200}"
    values = sum(len(v) if isinstance(v, list) else 1 for row in want for v in row.values())
    print(f"{reader}: {len(got)} rows, {values} values equal")


def check_card(directory):
    card = huggingface_hub.DatasetCard.load(directory / "README.md").data.to_dict()
    licences = card["license"] if isinstance(card["license"], list) else [card["license"]]
    unknown = set(licences) - HUB_LICENCES
    assert not unknown, f"the hub does not know the licences {unknown}"
    assert "other" not in licences or card["license_name"], "an other licence needs its name"
    for key in ("pretty_name", "tags", "size_categories", "configs"):
        assert card[key], f"the card's {key} is empty"
    croissant = json.loads((directory / "croissant.json").read_text())
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    print(f"card: license {', '.join(licences)}; {card['pretty_name']}")


def main():
    directory, lines = Path(sys.argv[1]), Path(sys.argv[2])
    print(f"== {directory.name}")
    want = [json.loads(line) for line in lines.open(encoding="utf-8")]
    files = sorted((directory / "data").glob("*.parquet"))
    compare(f"DuckDB {duckdb.__version__}", by_duckdb(files), want)
    compare(f"pyarrow {pyarrow.__version__}", by_pyarrow(files), want)
    compare(f"pandas {pandas.__version__}", by_pandas(files), want)
    compare(f"datasets {datasets.__version__}", by_datasets(directory, files), want)
    check_card(directory)


if __name__ == "__main__":
    main()
