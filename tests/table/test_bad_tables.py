"""Every bad table ends in one sentence, told by its words."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.table import infer_schema, read_table

DUPLICATED = pd.DataFrame([[1, 2]], columns=["a", "a"])
LISTS = pd.Series([[1], [2]], dtype=object)

BAD_TRAINING_TABLES: dict[str, tuple[Callable[[], object], str]] = {
    "none": (lambda: None, "got NoneType"),
    "text": (lambda: "table.csv", "got str"),
    "dict": (lambda: {"a": [1, 2]}, r"wrap it in pandas\.DataFrame"),
    "number": (lambda: 3, "got int"),
    "generator": (lambda: iter([[1], [2]]), "got list_iterator"),
    "scalar array": (lambda: np.array(3.0), "Expected 2D array, got scalar array"),
    "vector": (lambda: np.arange(3.0), "Expected 2D array, got 1D array instead"),
    "vector, what to do": (lambda: np.arange(3.0), "Reshape your data"),
    "list of numbers": (lambda: [1, 2, 3], "Expected 2D array, got 1D array"),
    "ragged list": (lambda: [[1, 2], [3]], "rows differ in length"),
    "list of dicts": (lambda: [{"a": 1}], "Expected 2D array"),
    "empty list": (list, "Expected 2D array"),
    "cube": (lambda: np.zeros((2, 2, 2)), "dim 3, while dim <= 2"),
    "complex array": (lambda: np.ones((2, 2)) * 1j, "Complex data not supported"),
    "sparse matrix": (lambda: sparse.eye(3).tocsr(), r"sparse.*X\.toarray\(\)"),
    "sparse array": (lambda: sparse.csr_array(np.eye(3)), "sparse"),
    "pandas Series": (lambda: pd.Series([1, 2]), r"1D array instead.*to_frame\(\)"),
    "polars Series": (lambda: pl.Series([1, 2]), r"1D array instead.*to_frame\(\)"),
    "lazy": (lambda: pl.LazyFrame({"a": [1]}), r"lazy.*X\.collect\(\)"),
    "no rows": (
        lambda: np.empty((0, 3)),
        r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required\.",
    ),
    "no columns": (
        lambda: np.empty((15, 0)),
        r"0 feature\(s\) \(shape=\(15, 0\)\) while a minimum of 1 is required\.",
    ),
    "frame without rows": (lambda: pd.DataFrame({"a": []}), r"0 sample\(s\)"),
    "frame without columns": (lambda: pd.DataFrame(index=[0, 1]), r"0 feature\(s\)"),
    "duplicated names": (lambda: DUPLICATED, "more than once: 'a'"),
    "duplicated arrow names": (
        lambda: pa.table([pa.array([1]), pa.array([2])], names=["b", "b"]),
        "more than once: 'b'",
    ),
    "names equal as text": (
        lambda: pd.DataFrame([[1, 2]], columns=[1, "1"]),
        "more than once: '1'",
    ),
    "infinite": (
        lambda: pd.DataFrame({"a": [1, np.inf, -np.inf], "b": [1, 2, 3]}),
        r"'a' \(float64\): contains infinity in 2 row\(s\), first in row 1; replace",
    ),
    "infinite in polars": (
        lambda: pl.DataFrame({"a": [1.0, float("inf")]}),
        r"'a' \(Float64\): contains infinity",
    ),
    "integers beyond float": (
        lambda: pd.DataFrame({"a": [1, 10**400]}, dtype=object),
        "contains infinity",
    ),
    "lists in cells": (lambda: pd.DataFrame({"a": LISTS}), "lists, dicts or other"),
    "words of scikit-learn": (
        lambda: pd.DataFrame({"a": LISTS}),
        "argument must be a string, a number",
    ),
    "one dict among numbers": (
        lambda: np.array([[{"foo": "bar"}, 1], [1, 2]], dtype=object),
        r"'x0' \(object\): holds lists, dicts",
    ),
    "polars list": (lambda: pl.DataFrame({"a": [[1], [2]]}), r"'a' \(List\(Int64\)\)"),
    "polars struct": (lambda: pl.DataFrame({"a": [{"b": 1}, {"b": 2}]}), "Struct"),
    "arrow list": (lambda: pa.table({"a": [[1], [2]]}), r"'a' \(list<"),
    "bytes": (lambda: pd.DataFrame({"a": [b"x", b"y"]}), "raw bytes"),
    "polars binary": (lambda: pl.DataFrame({"a": [b"x", b"y"]}), "raw bytes"),
    "byte array": (lambda: np.array([[b"x"], [b"y"]]), "raw bytes"),
    "far dates": (
        lambda: np.array([["300000-01-01"], ["2020-01-01"]], dtype="M8[s]"),
        r"'x0' \(datetime64\[s\]\): holds dates or durations too far",
    ),
    "far dates of pandas": (
        lambda: pd.DataFrame(np.array([["300000-01-01"], ["2020-01-01"]], "M8[s]")),
        "too far",
    ),
    "record batch": (lambda: pa.record_batch({"a": [1, 2]}), "got RecordBatch"),
    "complex column": (
        lambda: pd.DataFrame({"a": [1j, 2j]}),
        "'a'.*Complex data not supported",
    ),
    "all constant": (
        lambda: pd.DataFrame({"a": [1, 1], "b": ["u", "u"]}),
        r"No column can be learned from in 2 sample\(s\): 'a', 'b'",
    ),
    "all missing": (lambda: pd.DataFrame({"a": [None, None]}), "No column"),
    "one row": (lambda: np.ones((1, 3)), r"in 1 sample\(s\)"),
    "row numbers": (lambda: pd.DataFrame({"n": range(60)}), "row numbers"),
}


@pytest.mark.parametrize("case", BAD_TRAINING_TABLES)
def test_a_bad_training_table_is_one_clear_error(case: str) -> None:
    make, words = BAD_TRAINING_TABLES[case]
    with pytest.raises(InputError, match=words):
        infer_schema(make())


def test_cells_of_a_wrong_type_are_a_type_error_too() -> None:
    with pytest.raises(InputTypeError):
        infer_schema(pd.DataFrame({"a": LISTS}))


def test_all_bad_columns_are_named_at_once() -> None:
    frame = pd.DataFrame(
        {"good": [1, 2], "i": [np.inf, 1], "l": LISTS, "c": [1j, 2j], "j": [1, -np.inf]}
    )
    with pytest.raises(InputError, match="4 of 5 columns") as caught:
        infer_schema(frame)
    for name in ("'i'", "'l'", "'c'", "'j'"):
        assert name in str(caught.value)
    assert "'good'" not in str(caught.value)


TRAINING = pd.DataFrame(
    {
        "age": [20, 30, 40],
        "member": [True, False, True],
        "city": ["Ulm", "Bonn", "Ulm"],
        "born": pd.to_datetime(["2001-01-01", "1990-05-06", "1980-03-04"]),
        "always": [1, 1, 1],
    }
)
SCHEMA = infer_schema(TRAINING)

BAD_CHANGES: dict[str, tuple[dict[str, object], str]] = {
    "text for a number": (
        {"age": ["20", "young", "old"]},
        "'age' .*must be a number, as in training .int64., got for example 'young'",
    ),
    "dates for a number": (
        {"age": pd.to_datetime(["2001-01-01"] * 3)},
        "'age' .*must be a number.*for example '2001-01-01",
    ),
    "infinite text": ({"age": ["1", "inf", "2"]}, "'age'.*contains infinity"),
    "infinity": ({"age": [np.inf, 1, 2]}, "'age'.*contains infinity"),
    "lists": ({"age": LISTS.reindex(range(3))}, "'age'.*lists, dicts"),
    "numbers for a boolean": (
        {"member": [0, 1, 2]},
        r"'member' \(int64\): must be a boolean.*for example '2'",
    ),
    "words for a boolean": ({"member": ["yes", "no", "no"]}, "'member'.*'yes'"),
    "dates for a boolean": (
        {"member": pd.to_datetime(["2001-01-01"] * 3)},
        "'member'.*must be a boolean",
    ),
    "dates for a category": (
        {"city": [dt.date(2001, 1, 1)] * 3},
        "'city'.*must be a category",
    ),
    "numbers for a date": ({"born": [1, 2, 3]}, "'born'.*must be a date.*'1.0'"),
    "words for a date": ({"born": ["2001-01-01", "now", None]}, "'born'.*'now'"),
    "no such day": ({"born": ["2001-02-30"] * 3}, "'born'.*'2001-02-30'"),
    "two at once": ({"age": ["a", "b", "c"], "born": [1, 2, 3]}, "2 of 5 columns"),
}


@pytest.mark.parametrize("case", BAD_CHANGES)
def test_a_changed_column_at_prediction_is_one_clear_error(case: str) -> None:
    changes, words = BAD_CHANGES[case]
    with pytest.raises(InputError, match=words):
        read_table(TRAINING.assign(**changes), SCHEMA)  # type: ignore[arg-type]


def test_missing_columns_are_named_together() -> None:
    with pytest.raises(InputError, match=r"lacks 2 of the 4 columns.*'age', 'born'"):
        read_table(TRAINING.drop(columns=["age", "born"]), SCHEMA)


def test_a_wrong_width_speaks_as_scikit_learn_does() -> None:
    schema = infer_schema(np.arange(8.0).reshape(2, 4))
    words = "X has 1 features, but Forest is expecting 4 features as input"
    with pytest.raises(InputError, match=words):
        read_table(np.ones((2, 1)), schema, estimator_name="Forest")
    with pytest.raises(InputError, match="but QCLMixNetClassifier is expecting"):
        read_table(np.ones((2, 1)), schema)
