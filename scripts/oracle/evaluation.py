"""Writes pipeline/decontaminate/testdata/lists.parquet with pyarrow: evaluation items whose texts stand in
groups and lists, as SQuAD's answers, the choices of multiple choice, and turns with questions of their own."""

import pyarrow as pa
import pyarrow.parquet as pq

from common import testdata

QUESTION = "Which of the two captains first saw the white whale off the coast of Japan"
ANSWER = "It was the captain of the Samuel Enderby who saw him one season on the Line before"
CHOICE = "the mate who had sailed with him for thirty years and never once had lowered a boat"
TURN = "And what did the carpenter make for the captain from the jaw of the sperm whale then"

ROWS = [
    {"question": QUESTION, "answers": {"text": ["no", ANSWER], "answer_start": [3, 17]}, "choices": None,
     "turns": [], "id": "a"},
    {"question": None, "answers": {"text": [], "answer_start": []}, "choices": ["short", None, CHOICE],
     "turns": None, "id": "b"},
    {"question": "short", "answers": None, "choices": [], "id": "c",
     "turns": [{"question": "short", "remark": QUESTION}, {"question": TURN, "remark": None}]},
]

schema = pa.schema([
    ("id", pa.string()), ("question", pa.string()),
    ("answers", pa.struct([("text", pa.list_(pa.string())), ("answer_start", pa.list_(pa.int32()))])),
    ("choices", pa.large_list(pa.string())),
    ("turns", pa.list_(pa.struct([("question", pa.string()), ("remark", pa.string())]))),
])
path = testdata("pipeline/decontaminate", "lists.parquet")
pq.write_table(pa.Table.from_pylist(ROWS, schema=schema), path, row_group_size=2)
print("wrote pipeline/decontaminate/testdata/lists.parquet")
