"""The same cells are the same table, whoever brings them."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import _NotAnArray

from qclmixnet.core.errors import DataWarning
from qclmixnet.preprocessing import TableEncoder
from qclmixnet.table import Table, infer_schema, read_table, read_training_table

Cells = dict[str, list[object]]


def as_numpy(cells: Cells) -> np.ndarray:
    array = np.empty((len(next(iter(cells.values()))), len(cells)), dtype=object)
    for position, column in enumerate(cells.values()):
        array[:, position] = column
    return array


FLAVOURS: dict[str, Callable[[Cells], object]] = {
    "pandas": pd.DataFrame,
    "pandas objects": lambda cells: pd.DataFrame(cells, dtype=object),
    "pandas nullable": lambda cells: pd.DataFrame(cells).convert_dtypes(),
    "pandas arrow": lambda cells: pd.DataFrame(cells).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "polars": lambda cells: pl.DataFrame(cells, strict=False),
    "pyarrow": pa.table,
}


def assert_equal_tables(one: Table, other: Table) -> None:
    assert one.n_rows == other.n_rows
    assert list(one.columns) == list(other.columns)
    for name, values in one.columns.items():
        assert values.dtype == other.columns[name].dtype
        np.testing.assert_array_equal(values, other.columns[name], err_msg=name)


def kinds_of(X: object) -> list[str]:
    return [column.kind for column in infer_schema(X).columns]


def holed(values: st.SearchStrategy[object], n: int) -> st.SearchStrategy[list[object]]:
    return st.lists(st.none() | values, min_size=n, max_size=n)


@st.composite
def mixed_cells(draw: st.DrawFn) -> Cells:
    n = draw(st.integers(3, 12))
    texts = st.sampled_from(["", "a", "b", "1", "1.0", "nan", "é", " a"])
    dates = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))
    numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
    cells: Cells = {
        "float": draw(holed(numbers, n)),
        "whole": draw(st.lists(st.integers(-(2**40), 2**40), min_size=n, max_size=n)),
        "truth": draw(holed(st.booleans(), n)),
        "text": draw(holed(texts, n)),
        "date": draw(holed(dates, n)),
    }
    cells["anchor"] = [float(i % 2) + 0.5 for i in range(n)]  # one column always varies
    return cells


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(deadline=None, max_examples=40)
@given(cells=mixed_cells())
def test_every_flavour_gives_the_same_schema_table_and_encoding(
    flavour: str, cells: Cells
) -> None:
    schema, table = read_training_table(FLAVOURS[flavour](cells))
    expected_schema, expected = read_training_table(
        pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in cells.items()})
    )
    assert schema == expected_schema
    assert_equal_tables(table, expected)
    array_schema, array_table = read_training_table(as_numpy(cells))
    assert [c.kind for c in array_schema.columns] == [c.kind for c in schema.columns]
    one = TableEncoder().fit(table, schema).encode(table)
    two = TableEncoder().fit(array_table, array_schema).encode(array_table)
    np.testing.assert_array_equal(one.x_num, two.x_num)
    np.testing.assert_array_equal(one.x_cat, two.x_cat)


@settings(deadline=None, max_examples=30)
@given(cells=mixed_cells())
def test_reading_the_training_table_again_gives_the_same_table(cells: Cells) -> None:
    schema, table = read_training_table(pl.DataFrame(cells, strict=False))
    assert_equal_tables(read_table(pa.table(cells), schema), table)


KINDS: dict[str, tuple[Any, str]] = {
    "integers": ([1, 5, 2], "number"),
    "decimals": ([Decimal("1.5"), None, Decimal(2)], "number"),
    "numbers of all types": ([1, 2.5, Decimal(3), np.float32(4), None], "number"),
    "truths and numbers": ([True, 2, 0], "number"),
    "nullable integers": (pd.Series([1, None, 3], dtype="Int64"), "number"),
    "unsigned": (pd.Series([1, 5], dtype="uint64"), "number"),
    "float16": (pd.Series([1, 5], dtype="float16"), "number"),
    "durations": (pd.to_timedelta(["1s", "2s", "NaT"]), "number"),
    "times": ([dt.time(1), dt.time(2), None], "number"),
    "sparse": (pd.Series(pd.arrays.SparseArray([0, 0, 1.0])), "number"),
    "truths": ([True, False, None], "boolean"),
    "nullable truths": (pd.Series([True, None], dtype="boolean"), "boolean"),
    "texts": (["a", "b", None], "category"),
    "truth words": (["true", "false", "true"], "category"),
    "texts of numbers": (["1", "2", "2"], "category"),
    "mixed objects": ([1, "a", None], "category"),
    "category": (pd.Series(["a", "b"], dtype="category"), "category"),
    "category of dates": (
        pd.Series(["2020-01-01", "2020-01-02"]).astype("category"),
        "category",
    ),
    "intervals": (pd.cut([1, 5, 9], 2), "category"),
    "datetimes": (pd.to_datetime(["2020-01-01", "2020-01-02", "NaT"]), "date"),
    "zoned": (pd.to_datetime(["2020-01-01", "NaT"]).tz_localize("Asia/Tokyo"), "date"),
    "dates": ([dt.date(2020, 1, 1), None], "date"),
    "periods": (pd.period_range("2020-01", periods=3, freq="M"), "date"),
    "ISO texts": (["2020-01-01", None, "2020-01-02T10:00:00Z"], "date"),
    "nearly ISO texts": (["2020-01-01", "2020-01-32"], "category"),
    "equal": ([1, 1, 1], "constant"),
    "equal texts": (["a", "a"], "constant"),
    "equal truths": ([True, True], "constant"),
    "nothing": ([None, None], "constant"),
    "not a number": ([np.nan, np.nan], "constant"),
    "one value and a hole": ([1.0, None, 1.0], "number"),
    "one text and a hole": (["a", None, "a"], "category"),
    "one date and a hole": ([dt.date(2020, 1, 1), None], "date"),
    "row numbers": (range(10, 70), "id"),
    "few row numbers": (range(49), "number"),
    "shuffled row numbers": (np.random.default_rng(0).permutation(60), "id"),
    "row numbers of a split": (range(0, 120, 2), "id"),
    "every fourth number": (range(0, 240, 4), "number"),
    "row numbers, one twice": ([*range(59), 58], "number"),
    "row numbers and a hole": ([*range(60), None], "number"),
    "float row numbers": (np.arange(60.0), "number"),
    "keys": ([f"k{i}" for i in range(50)], "id"),
    "few keys": ([f"k{i}" for i in range(49)], "category"),
    "keys with a hole": ([None, *(f"k{i}" for i in range(50))], "category"),
}


@pytest.mark.parametrize("case", KINDS)
def test_kind(case: str) -> None:
    values, kind = KINDS[case]
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    frame = pd.DataFrame({"v": column})
    frame["anchor"] = [0.5 * (i % 2) for i in range(len(frame))]
    assert kinds_of(frame) == [kind, "number"]


def test_kind_does_not_depend_on_the_library() -> None:
    frame = pl.DataFrame(
        {
            "d": [dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)],
            "dec": [Decimal("1.50"), None, Decimal("2.25")],
            "dur": [dt.timedelta(seconds=90), None, dt.timedelta(days=1)],
            "time": [dt.time(0, 1), None, dt.time(12)],
            "cat": pl.Series(["u", None, "v"], dtype=pl.Categorical),
            "enum": pl.Series(["u", None, "v"], dtype=pl.Enum(["v", "u"])),
            "zoned": pl.Series([dt.datetime(2020, 1, 1), None, dt.datetime(2021, 1, 1)])
            .dt.replace_time_zone("Europe/Berlin"),
            "void": [None, None, None],
            "big": [2**53 + 1, None, 3],
            "year": [dt.date(9999, 12, 31), None, dt.date(1, 1, 1)],
        }
    )  # fmt: skip
    schema, table = read_training_table(frame)
    assert [c.kind for c in schema.columns] == [
        *("date", "number", "number", "number", "category", "category", "date"),
        *("constant", "number", "date"),
    ]
    for other in (frame.to_arrow(), frame.to_pandas()):
        other_schema, other_table = read_training_table(other)
        assert other_schema == schema
        assert_equal_tables(other_table, table)
    np.testing.assert_array_equal(table.columns["dur"], [90.0, np.nan, 86400.0])
    np.testing.assert_array_equal(table.columns["time"], [60.0, np.nan, 43200.0])
    assert table.columns["zoned"][0] == np.datetime64("2019-12-31T23:00")


def test_integers_of_128_bits_are_numbers() -> None:
    frame = pl.DataFrame({"a": pl.Series([2**100, None, 1], dtype=pl.Int128)})
    values = read_training_table(frame)[1].columns["a"]
    np.testing.assert_array_equal(values, [2.0**100, np.nan, 1.0])


def test_missing_of_every_flavour_is_missing() -> None:
    cells = [1.5, None, np.nan, pd.NA, pd.NaT, Decimal("NaN"), 2.5]
    column = read_training_table(pd.DataFrame({"a": pd.Series(cells, dtype=object)}))
    np.testing.assert_array_equal(
        np.isnan(column[1].columns["a"]), [0, 1, 1, 1, 1, 1, 0]
    )


def test_integer_levels_keep_their_text_beside_holes() -> None:
    plain = pd.DataFrame({"a": pd.Series([1, 2, 1]).astype("category")})
    holes = pd.DataFrame({"a": pd.Series([1, 2, None]).astype("category")})
    assert list(read_training_table(plain)[1].columns["a"]) == ["1", "2", "1"]
    assert list(read_training_table(holes)[1].columns["a"]) == ["1", "2", None]


def test_masked_cells_are_missing() -> None:
    masked = np.ma.array(
        [[1.0, 2.0], [3.0, 4.0]], mask=np.array([[False, True], [False, False]])
    )
    table = read_training_table(masked)[1]
    np.testing.assert_array_equal(table.columns["x1"], [np.nan, 4.0])


def test_an_object_with_an_array_inside_is_an_array() -> None:
    assert infer_schema(_NotAnArray([[1, 2], [3, 4]])).names == ("x0", "x1")


def test_names_become_text() -> None:
    assert infer_schema(pd.DataFrame([[1, 2], [3, 4]])).names == ("0", "1")


def test_a_schema_survives_its_dict() -> None:
    schema = infer_schema([[1, "a"], [2, "b"]])
    assert type(schema).from_dict(schema.to_dict()) == schema
    assert schema.of_kind("category") == ("x1",)


TRAINING = pd.DataFrame(
    {
        "age": [20, 30, None],
        "city": ["1", "2", "a"],
        "member": [True, False, True],
        "born": ["2020-01-01", None, "2021-01-01"],
        "always": ["x", "x", "x"],
    }
)


def test_columns_are_found_by_name_in_any_order() -> None:
    schema, table = read_training_table(TRAINING)
    reversed_frame = TRAINING[TRAINING.columns[::-1]]
    assert_equal_tables(read_table(reversed_frame, schema), table)


def test_a_constant_of_the_training_may_be_absent() -> None:
    schema, table = read_training_table(TRAINING)
    assert_equal_tables(read_table(TRAINING.drop(columns="always"), schema), table)


def test_extra_columns_are_one_warning() -> None:
    schema, table = read_training_table(TRAINING)
    with pytest.warns(DataWarning, match="ignored: 'p', 'q'") as caught:
        read = read_table(TRAINING.assign(p=1, q=[b"", b"", b""]), schema)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert_equal_tables(read, table)


def test_habits_of_csv_are_understood() -> None:
    schema, table = read_training_table(TRAINING)
    habits = pl.DataFrame(
        {
            "age": ["20", "3e1", None],
            "city": ["1", "2", "a"],
            "member": [1, 0, 1],
            "born": [dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)],
        }
    )
    assert_equal_tables(read_table(habits, schema), table)
    truths = pl.DataFrame({**habits.to_dict(), "member": ["true", "False", "1"]})
    assert_equal_tables(read_table(truths, schema), table)


@pytest.mark.parametrize("city", [[1.0, None, 2.0], [1, None, 2]])
def test_numbers_for_a_category_are_written_as_levels_are(city: list[object]) -> None:
    schema = infer_schema(TRAINING)
    read = read_table(TRAINING.assign(city=pd.Series(city)), schema)
    assert list(read.columns["city"]) == ["1", None, "2"]


def test_columns_without_any_value_are_allowed() -> None:
    schema = infer_schema(TRAINING)
    nothing = pd.DataFrame({name: [None, None] for name in schema.names}, dtype=object)
    read = read_table(nothing, schema)
    assert all(pd.isna(values).all() for values in read.columns.values())
    assert read.columns["born"].dtype == "datetime64[us]"
    assert read.columns["city"].dtype == object


def test_an_array_for_a_named_table_is_read_by_position_with_a_warning() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    schema, table = read_training_table(frame)
    with pytest.warns(DataWarning, match="read by position"):
        assert_equal_tables(read_table(frame.to_numpy(), schema), table)


def test_named_columns_for_an_array_are_read_by_position_with_a_warning() -> None:
    schema = infer_schema(np.array([[1.0, 3.0], [2.0, 4.0]]))
    with pytest.warns(DataWarning, match="read by position"):
        read = read_table(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), schema)
    np.testing.assert_array_equal(read.columns["x1"], [3.0, 4.0])
