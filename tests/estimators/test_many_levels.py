"""Columns of very many different texts: told in bounded memory, named, left out.

The scans run in a process of their own, whose peak memory is theirs alone.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qclmixnet.preprocessing.facts import MOST_LEVELS

FREQUENT = 20
SCAN = """
import json, resource, sys, warnings
from qclmixnet.estimators.fitting import warn_of_ids
from qclmixnet.preprocessing import scan_shards
from qclmixnet.table import ParquetShards

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

shards = ParquetShards.open(sys.argv[1])
before = peak_mb()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    scanned = scan_shards(shards, target="y", columns=["text", "x"])
    warn_of_ids(scanned.schema)
known = scanned.facts.get("text")
counts = {} if known is None else known.counts
print(json.dumps({
    "more_mb": peak_mb() - before,
    "warnings": [str(one.message) for one in caught],
    "kinds": {column.name: column.kind for column in scanned.schema.columns},
    "counts": {name: n for name, n in counts.items() if name.startswith("often")},
    "n_counted": len(counts),
}))
"""


def scan(texts: list[str], folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    n_rows = len(texts)
    table = pa.table(
        {"text": texts, "x": rng.normal(size=n_rows), "y": rng.random(n_rows) < 0.1}
    )
    for place in range(2):
        half = table.slice(place * n_rows // 2, n_rows // 2)
        pq.write_table(half, folder / f"{place}.parquet")
    out = subprocess.run(
        [sys.executable, "-c", SCAN, str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(out.stdout)
    return found


@pytest.mark.slow
def test_a_million_different_texts_are_an_id_that_is_left_out(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(1_000_000)
    found = scan([f"user-{number:07}" for number in order], tmp_path)
    assert found["kinds"] == {"text": "id", "x": "number"}
    assert len(found["warnings"]) == 1
    assert "as ids have: 'text'" in found["warnings"][0]
    # 8 bytes a row to tell that they differ, the sample, 200,000 levels; all levels
    # with their counts would be more.
    assert found["more_mb"] < 250


@pytest.mark.slow
def test_frequent_levels_keep_their_counts_among_300_000_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    often = rng.integers(0, FREQUENT, 200_000)
    texts = [f"often {level}" for level in often]
    texts += [f"rare {level}" for level in range(300_000)]
    found = scan([texts[row] for row in rng.permutation(len(texts))], tmp_path)
    assert found["kinds"] == {"text": "category", "x": "number"}
    assert len(found["warnings"]) == 1
    assert "more than 200,000 different levels: 'text'" in found["warnings"][0]
    true = np.bincount(often)
    for level in range(FREQUENT):
        counted = found["counts"][f"often {level}"]
        assert true[level] - len(texts) / MOST_LEVELS <= counted <= true[level]
    assert found["n_counted"] <= 2 * MOST_LEVELS
    assert found["more_mb"] < 250
