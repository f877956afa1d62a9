"""Score the rows of a CSV file with an exported model, onnxruntime and nothing else.

    python benchmarks/onnx_alone.py model.onnx rows.csv scored.csv

Needs NumPy and onnxruntime; the rest is Python's own. `benchmarks/onnx_parity.py` runs
this in an environment that has no more.
"""

import csv
import json
import sys
from datetime import UTC, datetime

import numpy as np
import onnxruntime

ROWS_AT_ONCE = 256
SPECIAL = {"": np.nan, "True": 1.0, "False": 0.0}


def number(text):
    return SPECIAL[text] if text in SPECIAL else float(text)


def seconds(text):
    if not text:
        return np.nan
    date = datetime.fromisoformat(text)
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()


def vector(column, texts):
    if column["kind"] == "category":
        return np.array([text or column["missing"] for text in texts], dtype=object)
    read = seconds if column["kind"] == "date" else number
    return np.array([read(text) for text in texts])


def score(model, rows):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a network this small is over before a second one
    session = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
    columns = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        inputs = {
            c["input"]: vector(c, [r[c["column"]] for r in part]) for c in columns
        }
        labels, proba = session.run(["label", "probabilities"], inputs)
        yield from zip(labels.tolist(), proba.tolist(), strict=True)


def main():
    model, source, target = sys.argv[1:]
    foreign = {"torch", "sklearn", "scipy", "pandas", "qclmixnet"} & set(sys.modules)
    assert not foreign, foreign
    with open(source, newline="", encoding="utf-8") as file:  # noqa: PTH123
        rows = list(csv.DictReader(file))
    with open(target, "w", newline="", encoding="utf-8") as file:  # noqa: PTH123
        writer = csv.writer(file)
        for label, proba in score(model, rows):
            writer.writerow([label, *map(repr, proba)])


if __name__ == "__main__":
    main()
