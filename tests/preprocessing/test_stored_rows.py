"""Encoded rows in files are the rows that were encoded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import (
    EncodedTable,
    StoredRows,
    TableEncoder,
    store_encoded,
    stored_rows,
)
from qclmixnet.table import ParquetShards, read_training_table, shards


def made(n_rows: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=n_rows),
            "b": rng.choice(["p", "q", "r"], n_rows),
            "c": np.where(rng.random(n_rows) < 0.2, np.nan, rng.normal(size=n_rows)),
        }
    )


def store(frame: pd.DataFrame, folder: Path) -> tuple[StoredRows, EncodedTable]:
    schema, table = read_training_table(frame)
    encoder = TableEncoder().fit(table, schema)
    frame.to_parquet(folder / "x.parquet", index=False)
    opened = ParquetShards.open(folder / "x.parquet")
    heard: list[int] = []
    rows = store_encoded(
        opened,
        encoder,
        schema,
        columns=list(frame.columns),
        folder=folder,
        on_rows=heard.append,
    )
    assert sum(heard) == len(frame)
    return rows, encoder.encode(table)


def check(rows: StoredRows, encoded: EncodedTable, wanted: np.ndarray) -> None:
    found = rows.take(wanted)
    np.testing.assert_array_equal(found.x_num, encoded.x_num[wanted])
    np.testing.assert_array_equal(found.x_cat, encoded.x_cat[wanted])
    assert found.x_num.dtype == np.float32
    assert found.x_cat.dtype == np.int64


@pytest.mark.parametrize("kept", [[], [3], [0, 7, 49], list(range(50))])
def test_rows_come_back_in_any_order_kept_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: list[int]
) -> None:
    monkeypatch.setattr(shards, "BLOCK_ROWS", 8)
    monkeypatch.setattr(stored_rows, "_READS_AT_ONCE", 5)  # maps are given back often
    rows, encoded = store(made(), tmp_path)
    rows.keep(np.array(kept, dtype=np.int64))
    assert (rows.n_rows, rows.n_num, rows.n_cat) == (50, 3, 1)
    for wanted in ([4], [49, 0, 3, 3, 7], [], list(range(50))):
        check(rows, encoded, np.array(wanted, dtype=np.int64))


@pytest.mark.parametrize("name", ["a", "b"])
def test_tables_of_numbers_or_of_categories_alone(tmp_path: Path, name: str) -> None:
    rows, encoded = store(made()[[name]], tmp_path)
    check(rows, encoded, np.array([5, 1, 30]))


def test_files_of_rows_can_be_mapped_again(tmp_path: Path) -> None:
    rows, encoded = store(made(), tmp_path)
    rows.keep(np.array([1, 4]))
    assert rows.kept_rows.tolist() == [1, 4]
    assert [file.path.stat().st_size for file in rows.files] == [
        file.n_bytes for file in rows.files
    ]
    check(StoredRows(*rows.files), encoded, np.arange(50))


def test_rows_that_cannot_be_written_say_how_much_room_they_need(
    tmp_path: Path,
) -> None:
    frame = made()
    schema, table = read_training_table(frame)
    encoder = TableEncoder().fit(table, schema)
    frame.to_parquet(tmp_path / "x.parquet", index=False)
    with pytest.raises(InputError, match=r"could not be written .*take 0 MB.*TMPDIR"):
        store_encoded(
            ParquetShards.open(tmp_path / "x.parquet"),
            encoder,
            schema,
            columns=list(frame.columns),
            folder=tmp_path / "nowhere",
        )
