"""One pass over files says what reading the whole table says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qclmixnet import load_dataset
from qclmixnet.core import row_sample
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.preprocessing import ScannedTable, TableEncoder, facts, scan, scan_shards
from qclmixnet.table import ParquetShards, read_labels, read_training_table, shards

N_ROWS = 120


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "BLOCK_ROWS", 17)


def many_kinds() -> pa.Table:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=N_ROWS, freq="37h")
    late = [None] * 60 + ["a", "b"] * 30
    return pa.table(
        {
            "number": rng.normal(size=N_ROWS),
            "holes": pa.array([None if i % 7 == 0 else i / 3 for i in range(N_ROWS)]),
            "row": np.arange(N_ROWS),
            "shuffled row": rng.permutation(N_ROWS) + 5,
            "twice": np.arange(N_ROWS) // 2,
            "wide integers": rng.permutation(N_ROWS) * 1000,
            "id holes": pa.array([None, *range(1, N_ROWS)]),
            "truth": rng.random(N_ROWS) < 0.5,
            "level": rng.choice(["a", "b", "c"], N_ROWS),
            "level later": pa.array(late),
            "coded": pa.array(rng.choice(["p", "q"], N_ROWS)).dictionary_encode(),
            "text id": [f"t{i}" for i in range(N_ROWS)],
            "nearly id": [f"t{max(i, 1)}" for i in range(N_ROWS)],
            "day": pa.array(days),
            "one time": pa.array([days[0]] * N_ROWS),
            "text day": [str(day.date()) for day in days],
            "nearly day": [str(d.date()) for d in days[:-1]] + ["soon"],
            "always": ["x"] * N_ROWS,
            "always or not": pa.array(["x", None] * (N_ROWS // 2)),
            "seven": [7] * N_ROWS,
            "first hole": pa.array([None] + [7.0] * (N_ROWS - 1)),
            "nothing": pa.nulls(N_ROWS),
            "no text": pa.array([None] * N_ROWS, type=pa.string()),
            "no number": pa.array([None] * N_ROWS, type=pa.float64()),
        }
    )


def scan_table(table: pa.Table, folder: Path) -> ScannedTable:
    path = folder / "table.parquet"
    pq.write_table(table, path)
    opened = ParquetShards.open(path)
    columns = [name for name in opened.names if name != "y"]
    return scan_shards(opened, target="y", columns=columns)


def with_labels(table: pa.Table) -> pa.Table:
    return table.append_column("y", pa.array(np.arange(table.num_rows) % 3 == 0))


def check_same(table: pa.Table, scanned: ScannedTable) -> None:
    schema, read = read_training_table(table)
    found = {column.name: column.kind for column in scanned.schema.columns}
    assert found == {column.name: column.kind for column in schema.columns}
    for name, values in read.columns.items():
        np.testing.assert_array_equal(values, scanned.sample.columns[name], name)
    assert set(read.columns) == set(scanned.sample.columns)
    whole = TableEncoder(scaling="robust", max_levels=2).fit(read, schema)
    parts = TableEncoder(scaling="robust", max_levels=2)
    parts.fit_sample(scanned.sample, scanned.schema, scanned.facts)
    assert whole.to_state()[0] == parts.to_state()[0]
    for name, values in whole.to_state()[1].items():
        np.testing.assert_array_equal(values, parts.to_state()[1][name])


def test_every_kind_is_told_as_in_a_table_read_at_once(tmp_path: Path) -> None:
    table = many_kinds()
    check_same(table, scan_table(with_labels(table), tmp_path))


@pytest.mark.parametrize("name", ["german", "hypothyroid", "email_spam"])
def test_real_tables_are_told_as_when_read_at_once(tmp_path: Path, name: str) -> None:
    X, y = load_dataset(name, return_X_y=True)
    table = pa.Table.from_pandas(X.iloc[:600], preserve_index=False)
    scanned = scan_table(
        table.append_column("y", pa.array(y.iloc[:600].astype(str))), tmp_path
    )
    check_same(table, scanned)
    wanted = read_labels(y.iloc[:600].astype(str), n_rows=600)
    assert scanned.labels.classes.tolist() == wanted.classes.tolist()
    np.testing.assert_array_equal(scanned.labels.codes, wanted.codes)


def test_quantiles_of_large_tables_come_from_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_sample, "MOST_SAMPLED", 40)
    table = many_kinds()
    scanned = scan_table(with_labels(table), tmp_path)
    assert scanned.sample.n_rows == 40
    rows = row_sample.sample_of_rows(N_ROWS)
    assert len(np.unique(rows)) == 40
    number = table["number"].to_numpy()
    np.testing.assert_array_equal(scanned.sample.columns["number"], number[rows])
    schema, read = read_training_table(table)
    whole = TableEncoder().fit(read, schema)
    parts = TableEncoder().fit_sample(scanned.sample, scanned.schema, scanned.facts)
    assert whole.to_state()[0] == parts.to_state()[0]
    centre = whole.to_state()[1]["centre"]
    np.testing.assert_array_equal(centre, parts.to_state()[1]["centre"])
    place = whole.numeric_names.index("number")
    assert centre[place] == pytest.approx(number[rows].mean())


def test_classes_are_sorted_whatever_comes_first(tmp_path: Path) -> None:
    table = pa.table({"a": np.arange(6.0) ** 2, "y": [9, 2, 9, 5, 5, 2]})
    labels = scan_table(table, tmp_path).labels
    assert labels.classes.tolist() == [2, 5, 9]
    assert labels.codes.tolist() == [2, 0, 2, 1, 1, 0]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["a"] * 30, r"'y' holds one class only, 'a', in 30 rows"),
        ([0.5, 1.5] * 15, r"Unknown label type: continuous"),
        (
            ["a", "b"] * 14 + [None, "a"],
            r"no class in 1 rows of '.*table.parquet', .*28",
        ),
    ],
)
def test_labels_that_are_none_are_refused(
    tmp_path: Path, y: list[object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        scan_table(pa.table({"a": np.arange(30.0) ** 2, "y": y}), tmp_path)


def test_a_target_with_a_class_for_nearly_each_row_is_warned_of(tmp_path: Path) -> None:
    table = pa.table({"a": np.arange(30.0) ** 2, "y": [*range(28), 0, 1]})
    with pytest.warns(DataWarning, match=r"`y` has 28 classes in 28 rows"):
        scan_table(table, tmp_path)


def test_too_many_classes_end_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "MOST_CLASSES", 20)
    table = pa.table({"a": np.arange(90.0) ** 2, "y": np.arange(90)})
    with pytest.raises(InputError, match=r"more than 20 different values"):
        scan_table(table, tmp_path)


def test_all_columns_with_infinity_are_named(tmp_path: Path) -> None:
    values = np.arange(30.0) ** 2
    values[[20, 25]] = np.inf
    table = pa.table({"a": values, "b": np.arange(30.0) ** 2, "c": -values})
    with pytest.raises(InputError) as caught:
        scan_table(with_labels(table), tmp_path)
    assert "2 of 3 columns" in str(caught.value)
    assert "'a' (double): contains infinity in 2 row(s), first in row 20" in str(
        caught.value
    )
    assert "'c'" in str(caught.value)


def test_nested_columns_are_refused(tmp_path: Path) -> None:
    table = pa.table({"a": [[1, 2]] * 30, "b": np.arange(30.0) ** 2})
    with pytest.raises(InputError, match=r"'a' .*nested cells"):
        scan_table(with_labels(table), tmp_path)


def test_a_table_of_constants_and_ids_is_refused(tmp_path: Path) -> None:
    table = pa.table({"a": np.arange(60), "b": ["x"] * 60})
    with pytest.raises(InputError, match=r"No column can be learned from in 60"):
        scan_table(with_labels(table), tmp_path)


def test_an_explosion_of_levels_is_counted_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "MOST_LEVELS", 50)
    rng = np.random.default_rng(0)
    rare = [f"t{i // 2}" for i in range(1000)]  # no id: each comes twice
    level = np.where(rng.random(1000) < 0.3, "often", np.array(rare)).tolist()
    table = with_labels(pa.table({"level": level, "b": rng.normal(size=1000)}))
    with pytest.warns(DataWarning, match=r"different levels: 'level'"):
        scanned = scan_table(table, tmp_path)
    known = scanned.facts["level"]
    assert isinstance(known, facts.LevelFacts)
    assert not known.is_complete
    assert len(known.counts) <= 100
    frequent = max(known.counts, key=lambda text: known.counts[text])
    assert frequent == "often"
    true = level.count("often")
    assert true - 1000 / 50 <= known.counts["often"] <= true


def test_texts_that_all_differ_are_an_id_however_many(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = [f"t{i}" for i in rng.permutation(1000)]
    table = pa.table({"text": texts, "b": rng.normal(size=1000)})
    scanned = scan_table(with_labels(table), tmp_path)
    assert scanned.schema.of_kind("id") == ("text",)
