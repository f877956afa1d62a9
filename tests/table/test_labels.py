import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score
from sklearn.utils.estimator_checks import _NotAnArray

from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.table import read_labels, read_sample_weight

LABELS: dict[str, tuple[object, list[object], str]] = {
    "list of texts": (["b", "a", "b"], ["a", "b"], "O"),
    "text array": (np.array(["b", "a", "b"]), ["a", "b"], "U"),
    "pandas texts": (pd.Series(["b", "a", "b"]), ["a", "b"], "O"),
    "polars texts": (pl.Series(["b", "a", "b"]), ["a", "b"], "O"),
    "arrow texts": (pa.chunked_array([["b", "a"], ["b"]]), ["a", "b"], "O"),
    "integers": (np.array([5, 2, 5], dtype=np.int32), [2, 5], "i"),
    "negative": ([-1, -2, -1], [-2, -1], "i"),
    "objects of integers": (np.array([5, 2, 5], dtype=object), [2, 5], "i"),
    "nullable": (pd.Series([5, 2, 5], dtype="Int64"), [2, 5], "i"),
    "whole floats": ([5.0, 2.0, 5.0], [2.0, 5.0], "f"),
    "decimals": ([Decimal(5), Decimal(2), Decimal(5)], [2.0, 5.0], "f"),
    "truths": ([True, False, True], [False, True], "b"),
    "polars truths": (pl.Series([True, False, True]), [False, True], "b"),
    "unused levels": (
        pd.Series(pd.Categorical(["b", "a", "b"], categories=["z", "b", "a"])),
        ["a", "b"],
        "O",
    ),
    "integer levels": (pd.Series([5, 2, 5]).astype("category"), [2, 5], "i"),
    "polars category": (
        pl.Series(["b", "a", "b"], dtype=pl.Categorical),
        ["a", "b"],
        "O",
    ),
    "array-like": (_NotAnArray([5, 2, 5]), [2, 5], "i"),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_come_back_in_the_callers_dtype(case: str) -> None:
    y, classes, kind = LABELS[case]
    labels = read_labels(y, n_rows=3)
    assert labels.classes.tolist() == classes
    assert labels.classes.dtype.kind == kind
    assert labels.codes.dtype == np.int64
    assert labels.codes.tolist() == [1, 0, 1]


def test_predictions_can_be_scored_by_scikit_learn() -> None:
    y = pd.Series(["yes", "no", "yes"])
    labels = read_labels(y, n_rows=3)
    assert accuracy_score(y, labels.classes[labels.codes]) == 1.0


BAD_LABELS: dict[str, tuple[Callable[[], object], str]] = {
    "none": (lambda: None, "requires y to be passed, but the target y is None"),
    "hole": (
        lambda: ["a", None, "b", None],
        r"Input y contains NaN: 2 of 4 labels are missing, first in row 1; drop",
    ),
    "nan": (lambda: [1.0, np.nan, 2.0, 1.0], "Input y contains NaN"),
    "pandas NA": (lambda: pd.Series([1, None, 2, 1], dtype="Int64"), "contains NaN"),
    "polars null": (lambda: pl.Series([1, None, 2, 1]), "contains NaN"),
    "infinite": (
        lambda: np.full(4, np.inf),
        r"Input y contains infinity or a value too large for dtype\('float64'\)",
    ),
    "too short": (lambda: ["a", "b"], "`y` has 2 labels, but `X` has 4 rows"),
    "one class": (lambda: ["a"] * 4, "one class only, 'a', in 4 sample"),
    "fractions": (lambda: [0.5, 1, 2, 1], "Unknown label type: continuous.*0.5"),
    "matrix": (lambda: np.zeros((4, 2)), r"y should be a 1d array.*\(4, 2\)"),
    "two columns": (lambda: pd.DataFrame(np.eye(4)), "y should be a 1d array"),
    "lists": (lambda: [[1], [2, 3], [1], [2]], "Unknown label type.*list"),
    "mixed": (lambda: [1, "a", 1, "a"], "Unknown label type.*int and str"),
    "dates": (lambda: [dt.date(2020, 1, d) for d in (1, 2, 1, 2)], "Unknown label"),
    "datetime array": (
        lambda: np.array(["2020", "2021"] * 2, dtype="M8[D]"),
        "Unknown label type",
    ),
    "bytes": (lambda: np.array([b"a", b"b"] * 2), "Unknown label type"),
    "complex": (lambda: np.array([1j, 2j] * 2), "Complex data not supported"),
    "text": (lambda: "abcd", "got str"),
    "scalar": (lambda: 3, "got int"),
    "sparse": (lambda: sparse.eye(4).tocsr(), "sparse"),
    "lazy": (lambda: pl.LazyFrame({"y": [1]}), "lazy"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels_are_one_clear_error(case: str) -> None:
    make, words = BAD_LABELS[case]
    with pytest.raises(InputError, match=words):
        read_labels(make(), n_rows=4)


def test_no_labels_at_all_are_one_clear_error() -> None:
    with pytest.raises(InputError, match="`y` is empty"):
        read_labels([], n_rows=0)


def test_nearly_as_many_floats_as_rows_are_continuous() -> None:
    with pytest.raises(InputError, match=r"continuous.*40 different floats in 60 rows"):
        read_labels(np.arange(60.0) % 40, n_rows=60)


def test_nearly_as_many_classes_as_rows_deserve_a_look() -> None:
    with pytest.warns(DataWarning, match="40 classes in 60 rows"):
        read_labels(np.arange(60) % 40, n_rows=60)


@pytest.mark.parametrize(
    "column",
    [
        np.array([[1], [2], [1]]),
        pd.DataFrame({"y": [1, 2, 1]}),
        pl.DataFrame({"y": [1, 2, 1]}),
    ],
)
def test_a_column_of_labels_is_accepted_with_scikit_learns_warning(
    column: object,
) -> None:
    words = "A column-vector y was passed when a 1d array was expected"
    with pytest.warns(DataConversionWarning, match=words):
        assert read_labels(column, n_rows=3).codes.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "weights",
    [
        [1, 0, 2.5],
        np.array([1, 0, 2.5], dtype=np.float32),
        pd.Series([1, 0, 2.5]),
        pl.Series([1.0, 0.0, 2.5]),
        pa.chunked_array([[1.0, 0.0, 2.5]]),
        _NotAnArray([1, 0, 2.5]),
    ],
)
def test_weights_of_every_flavour(weights: object) -> None:
    read = read_sample_weight(weights, n_rows=3)
    assert read.dtype == np.float64
    assert read.tolist() == [1.0, 0.0, 2.5]


def test_no_weights_are_ones() -> None:
    assert read_sample_weight(None, n_rows=2).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([0, 0, 0], "Sample weights must contain at least one non-zero number"),
        ([1, -2, 3], "at least 0, got -2 in row 1"),
        ([1, np.nan, 3], "got nan in row 1"),
        ([1, None, 3], "got nan in row 1"),
        ([1, np.inf, 3], "got inf in row 1"),
        ([1, 2], "has 2 weights, but `X` has 3 rows"),
        (np.ones((3, 2)), r"must be 1D array or scalar, got shape \(3, 2\)"),
        (["a", "b", "c"], "must be numbers"),
        (np.array(["a", "b", "c"]), "must be numbers"),
        ("balanced", "must be numbers, one for each row, got 'balanced'"),
        (object(), "got object"),
        ([[1], [2, 3], 3], "must be numbers"),
    ],
)
def test_bad_weights_are_one_clear_error(weights: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_sample_weight(weights, n_rows=3)
