import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.preprocessing import TableEncoder
from qclmixnet.table import infer_schema, read_file, read_training_table, write_file

ENDINGS = [
    *(".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".arrow", ".feather"),
    *(".jsonl", ".ndjson"),
]

FRAME = pd.DataFrame(
    {
        "float": [0.1 + 0.2, None, 1e300, -5e-324],
        "whole": [1, 5, 2**53, -7],
        "truth": pd.Series([True, None, False, True], dtype=object),
        "text": ["a;b", None, 'say "hi",\nyou', "é"],
        "date": pd.to_datetime(["2020-01-01", "NaT", "2021-03-04", "1999-12-31"]),
        "moment": pd.to_datetime(
            ["2020-01-01 10:00", "NaT", "2021-03-04", "1999-12-31"], format="ISO8601"
        ),
        "level": pd.Series(["u", "v", None, "u"], dtype="category"),
        "always": ["x"] * 4,
    }
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_round_trip_gives_the_same_encoding(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"table{ending}"
    write_file(FRAME, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    schema, table = read_training_table(read_file(path))
    expected_schema, expected_table = read_training_table(FRAME)
    assert schema == expected_schema
    read = TableEncoder().fit(table, schema).encode(table)
    expected = TableEncoder().fit(expected_table, schema).encode(expected_table)
    np.testing.assert_array_equal(read.x_num, expected.x_num)
    np.testing.assert_array_equal(read.x_cat, expected.x_cat)
    assert read.unseen == expected.unseen == {}


def test_an_arrow_stream_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    pl.DataFrame({"a": [1, 2], "b": ["u", None]}).write_ipc_stream(path)
    assert infer_schema(read_file(path)).names == ("a", "b")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_header(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f'a{delimiter}"b{delimiter}c"\n1{delimiter}2\n', encoding="utf-8")
    assert list(read_file(path).columns) == ["a", f"b{delimiter}c"]


def test_every_missing_marker_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    markers = ["NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", " ?", '""', ""]
    path.write_text("a,b\n" + "\n".join(f"{m},1" for m in markers) + "\nx,1\n")
    assert read_file(path)["a"].isna().sum() == len(markers)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffa,b\n1,2\n".encode())
    assert list(read_file(path).columns) == ["a", "b"]


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("t.csv", b"", r"'t\.csv' is empty"),
    "blank": ("t.csv", b"\n\n", r"'t\.csv' is empty"),
    "header only": ("t.csv", b"a,b\n", r"'t\.csv' has columns but no rows"),
    "names twice": ("t.csv", b"a,b,a\n1,2,3\n", "same column name more than once: 'a'"),
    "spaced names twice": ("t.csv", b"a, a\n1,2\n", "more than once: 'a'"),
    "row too long": ("t.csv", b"a,b\n1,2\n1,2,3\n", "3"),
    "every row too long": ("t.csv", b"a,b\n1,2,3\n4,5,6\n", "3 cells in line 2, but 2"),
    "row too short": ("t.csv", b"a,b\n1,2\n3\n", "1 cells in line 3, but 2 columns"),
    "latin text": (
        "t.csv",
        "a,b\n1,é\n".encode("latin-1"),
        r"not UTF-8 text \(byte 0xe9",
    ),
    "wide text": ("t.csv", "a,b\n1,2\n".encode("utf-16"), "not UTF-8"),
    "open quote": ("t.csv", b'a,b\n1,"2\n', r"'t\.csv' could not be read"),
    "not zipped": ("t.csv.gz", b"a,b\n1,2\n", r"'t\.csv\.gz' could not be read"),
    "cut zip": ("t.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-9], "could not be read"),
    "broken parquet": ("t.parquet", b"PAR1 no", r"'t\.parquet' could not be read"),
    "broken arrow": ("t.arrow", b"ARROW1 no", r"'t\.arrow' could not be read"),
    "broken stream": ("t.arrow", b"nonsense", r"'t\.arrow' could not be read"),
    "broken json": ("t.jsonl", b'{"a": 1}\n{"a": \n', r"broken in line 2"),
    "json array": ("t.jsonl", b"[1, 2]\n", "each line must be a JSON object"),
    "json name twice": ("t.jsonl", b'{"a": 1, "a": 2}\n', "same name comes twice"),
    "latin json": ("t.jsonl", b'{"a": "\xe9"}\n', "not UTF-8"),
    "blank json": ("t.jsonl", b"\n", "is empty"),
    "spreadsheet": ("t.xlsx", b"x", r"unknown ending; known are \.csv"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence_with_its_name(case: str, tmp_path: Path) -> None:
    name, content, words = BAD_FILES[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_file(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file '.*none\.csv'"):
        read_file(tmp_path / "none.csv")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_file(tmp_path / "dir.csv")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_file(pd.DataFrame({"a": [1]}), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"'t\.parquet' could not be written"):
        write_file(pd.DataFrame({"a": [1j]}), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_bad_writes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown ending"):
        write_file(FRAME, tmp_path / "t.txt")
    with pytest.raises(InputError, match=r"come twice: \['a'\]"):
        write_file(pd.DataFrame([[1, 2]], columns=["a", "a"]), tmp_path / "t.csv")
    with pytest.raises(InputError, match="could not be written"):
        write_file(FRAME, tmp_path / "none" / "t.csv")


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_without_pyarrow_the_extra_is_named(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t{ending}"
    write_file(FRAME, path)
    monkeypatch.setattr("qclmixnet.table.files.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"qclmixnet\[files\]"):
        read_file(path)
    assert importlib.util.find_spec("pyarrow") is not None


def test_the_same_table_is_the_same_zipped_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_file(FRAME, tmp_path / name / "t.csv.gz")
    one, two = ((tmp_path / name / "t.csv.gz").read_bytes() for name in ("a", "b"))
    assert gzip.decompress(one) == gzip.decompress(two)
