"""Parquet files as one table: which files, which rows, which errors."""

from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.table import ParquetShards, shards


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "BLOCK_ROWS", 7)


def frame_of(n_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "level": rng.choice(["a", "b"], n_rows),
            "y": np.arange(n_rows),
        }
    )


def write(frame: pd.DataFrame, folder: Path, sizes: list[int]) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    start = 0
    for place, size in enumerate(sizes):
        part = frame.iloc[start : start + size]
        part.to_parquet(folder / f"{place:02}.parquet", index=False)
        start += size
    assert start == len(frame)
    return folder


def rows_of(opened: ParquetShards) -> list[tuple[int, list[int]]]:
    return [(b.start, b.rows["y"].to_pylist()) for b in opened.blocks(["y"])]


@pytest.mark.parametrize("sizes", [[23], [1, 22], [7, 7, 9], [3] * 7 + [2]])
def test_blocks_do_not_depend_on_where_files_end(
    tmp_path: Path, sizes: list[int]
) -> None:
    opened = ParquetShards.open(write(frame_of(23), tmp_path, sizes))
    wanted = [(s, list(range(s, min(s + 7, 23)))) for s in range(0, 23, 7)]
    assert rows_of(opened) == wanted
    assert opened.n_rows == 23


def test_a_block_names_the_files_it_is_from(tmp_path: Path) -> None:
    opened = ParquetShards.open(write(frame_of(10), tmp_path, [4, 6]))
    found = [[Path(name).name for name in block.shards] for block in opened.blocks()]
    assert found == [["00.parquet", "01.parquet"], ["01.parquet"]]


def test_rows_left_out_are_skipped_and_the_others_numbered_anew(tmp_path: Path) -> None:
    opened = ParquetShards.open(write(frame_of(23), tmp_path, [10, 13]))
    rest = opened.without(np.array([0, 9, 10, 22]))
    found = [row for _, rows in rows_of(rest) for row in rows]
    assert found == [row for row in range(23) if row not in (0, 9, 10, 22)]
    assert rest.n_rows == 19
    assert rest.read(np.array([0, 18]), ["y"])["y"].to_pylist() == [1, 21]


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    opened = ParquetShards.open(write(frame_of(3), tmp_path, [3]))
    assert next(opened.blocks(["y", "number"])).rows.column_names == ["y", "number"]


def test_files_are_found_by_path_folder_glob_list_and_address(tmp_path: Path) -> None:
    folder = write(frame_of(9), tmp_path / "shards", [4, 5])
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "x.parquet").write_bytes(b"half a file")
    (folder / "readme.txt").write_text("no shard", encoding="utf-8")
    memory = fsspec.filesystem("memory")
    memory.put(str(folder / "00.parquet"), "/bucket/00.parquet")
    memory.put(str(folder / "01.parquet"), "/bucket/01.parquet")
    try:
        sources = [
            folder,
            str(folder / "*.parquet"),
            [folder / "00.parquet", folder / "01.parquet"],
            f"file://{folder}",
            "memory://bucket",
            "memory://bucket/*.parquet",
        ]
        for source in sources:
            opened = ParquetShards.open(source)
            assert [row for _, rows in rows_of(opened) for row in rows] == list(
                range(9)
            )
    finally:
        memory.rm("/bucket", recursive=True)


def test_a_list_keeps_its_order(tmp_path: Path) -> None:
    folder = write(frame_of(4), tmp_path, [2, 2])
    opened = ParquetShards.open([folder / "01.parquet", folder / "00.parquet"])
    assert rows_of(opened) == [(0, [2, 3, 0, 1])]


def test_a_file_without_rows_is_skipped(tmp_path: Path) -> None:
    opened = ParquetShards.open(write(frame_of(5), tmp_path, [2, 0, 3]))
    assert rows_of(opened) == [(0, [0, 1, 2, 3, 4])]
    alone = write(frame_of(0), tmp_path / "alone", [0])
    with pytest.raises(InputError, match=r"alone' has columns but no rows"):
        ParquetShards.open(alone)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nothing.parquet", r"There is no file '.*nothing.parquet'"),
        ("*.parquet", r"No file matches '.*\*.parquet'"),
        (".", r"'.*' is a folder without a .parquet file"),
        ("nowhere://bucket/x", r"could not be opened: Protocol not known: nowhere"),
    ],
)
def test_a_source_without_files_is_refused(
    tmp_path: Path, source: str, words: str
) -> None:
    place = source if "://" in source else str(tmp_path / source)
    with pytest.raises(InputError, match=words):
        ParquetShards.open(place)


def test_a_source_of_another_type_is_refused() -> None:
    with pytest.raises(InputTypeError, match=r"must be a path, .* got 3"):
        ParquetShards.open(3)


@pytest.mark.parametrize("content", [b"", b"PAR1 this is no Parquet file PAR1"])
def test_a_broken_file_is_named_when_it_is_opened(
    tmp_path: Path, content: bytes
) -> None:
    folder = write(frame_of(4), tmp_path, [2, 2])
    (folder / "01.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"01.parquet' could not be read: .*again"):
        ParquetShards.open(folder)


@pytest.mark.parametrize("checksums", [False, True])
def test_a_file_with_broken_pages_is_named_when_they_are_read(
    tmp_path: Path, *, checksums: bool
) -> None:
    folder = write(frame_of(4000), tmp_path, [2000, 2000])
    path = folder / "01.parquet"
    table = pa.Table.from_pandas(frame_of(2000), preserve_index=False)
    pq.write_table(table, path, write_page_checksum=checksums)
    whole = bytearray(path.read_bytes())
    # Without checksums only a broken header shows: numbers may be any bits.
    start = 9000 if checksums else 4
    whole[start : start + 100] = b"\xff" * 100
    path.write_bytes(bytes(whole))
    opened = ParquetShards.open(folder)
    with pytest.raises(InputError, match=r"01.parquet' could not be read: "):
        list(opened.blocks())


def test_a_file_of_another_schema_is_named_with_all_differences(tmp_path: Path) -> None:
    folder = write(frame_of(4), tmp_path, [4])
    other = pa.table({"number": pa.array([1, 2]), "y": [1, 2], "more": ["p", "q"]})
    pq.write_table(other, folder / "zz.parquet")
    with pytest.raises(InputError) as caught:
        ParquetShards.open(folder)
    said = str(caught.value)
    assert "zz.parquet' has another schema than" in said
    for words in (
        "00.parquet'",
        "lacks 'level'",
        "also has 'more'",
        "'number' is int64 (there double)",
    ):
        assert words in said


def test_columns_may_come_in_another_order(tmp_path: Path) -> None:
    folder = write(frame_of(4), tmp_path, [4])
    frame_of(4)[["y", "level", "number"]].to_parquet(folder / "zz.parquet", index=False)
    assert ParquetShards.open(folder).n_rows == 8


def test_a_column_that_is_not_there_is_named_with_a_near_one(tmp_path: Path) -> None:
    opened = ParquetShards.open(write(frame_of(4), tmp_path, [4]))
    with pytest.raises(InputError, match=r"no column 'numbers'. Did you mean 'number'"):
        opened.check_columns(["y", "numbers"])


def test_a_file_that_changes_during_a_fit_is_named(tmp_path: Path) -> None:
    folder = write(frame_of(4), tmp_path, [4])
    opened = ParquetShards.open(folder)
    write(frame_of(5), tmp_path, [5])
    with pytest.raises(InputError, match=r"has 5 rows, but had 4 when it was opened"):
        list(opened.blocks())


def test_equal_names_are_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(twice, tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"come more than once: 'a'"):
        ParquetShards.open(tmp_path)
