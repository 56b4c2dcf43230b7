"""Checks derived columns and Megatron files against the Parquet rows.

Usage: trainers.py DATASET MEGATRON_PREFIX
"""

import struct
import sys

import datasets
import numpy
import torch
import transformers


def check_columns(rows):
    """transformers: labels are the inputs where scored, else -100, unshifted; positions by document."""
    for row in rows:
        ids, lens = numpy.array(row["input_ids"]), row["doc_lens"]
        scored = numpy.zeros(len(ids), bool)
        for span in row["loss_spans"]:
            scored[span["start"]:span["end"]] = True
        assert (numpy.array(row["labels"]) == numpy.where(scored, ids, -100)).all()
        assert (numpy.array(row["position_ids"]) == numpy.concatenate([numpy.arange(n) for n in lens])).all()
        assert row["attention_mask"] == [1] * len(ids)
        starts = [i for i, p in enumerate(row["position_ids"]) if p == 0]
        assert numpy.diff(starts + [len(ids)]).tolist() == lens  # what padding-free attention derives
    names = ["input_ids", "labels", "attention_mask"]
    collate = transformers.DataCollatorWithFlattening(return_tensors="pt")
    batch = collate([{k: row[k] for k in names[:2]} for row in rows[:4]])
    assert batch["input_ids"].shape[1] == sum(row["n_tokens"] for row in rows[:4])
    default = transformers.default_data_collator([{k: r[k] for k in names} for r in rows[:1]])
    assert default["labels"].dtype == torch.int64 and default["labels"].shape[0] == 1
    print(f"columns: {len(rows)} rows hold; transformers {transformers.__version__} collates them")


def read_megatron(prefix):
    """Reads an indexed dataset by the layout in megatron/core/datasets/indexed_dataset.py."""
    with open(prefix + ".idx", "rb") as f:
        assert f.read(9) == b"MMIDIDX\x00\x00"
        version, code, sequences, documents = struct.unpack("<QBQQ", f.read(25))
        assert version == 1 and code in (4, 8)
        lengths = numpy.frombuffer(f.read(4 * sequences), "<i4")
        pointers = numpy.frombuffer(f.read(8 * sequences), "<i8")
        bounds = numpy.frombuffer(f.read(8 * documents), "<i8")
        assert not f.read(1)
    dtype = numpy.dtype({4: "<i4", 8: "<u2"}[code])
    tokens = numpy.fromfile(prefix + ".bin", dtype)
    assert bounds.tolist() == list(range(sequences + 1))
    return [tokens[p // dtype.itemsize:p // dtype.itemsize + n] for p, n in zip(pointers, lengths)]


def check_megatron(rows, prefix):
    got, want = read_megatron(prefix), []
    for row in rows:
        bounds = numpy.cumsum([0] + row["doc_lens"])
        want += [row["input_ids"][a:b] for a, b in zip(bounds[:-1], bounds[1:])]
    assert len(got) == len(want)
    assert all(g.tolist() == w for g, w in zip(got, want))
    print(f"megatron: {len(want)} documents, {sum(map(len, want))} tokens equal by the published layout")
    try:
        from megatron.core.datasets.indexed_dataset import IndexedDataset
    except ImportError:
        print("megatron-core is not installed")
        return
    theirs = IndexedDataset(prefix)
    assert len(theirs) == len(want) and all(theirs[i].tolist() == w for i, w in enumerate(want))
    print("megatron-core reads the same")


def main():
    rows = list(datasets.load_dataset(sys.argv[1])["train"])
    check_columns(rows)
    check_megatron(rows, sys.argv[2])


main()
