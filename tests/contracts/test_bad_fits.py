"""Whatever is wrong with a table, labels, weights or arguments is one clear error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError
from qclmixnet.table import infer_schema, read_table

pytestmark = pytest.mark.usefixtures("users_view")

Refuse = Callable[[Callable[[], object], str], None]
People = tuple[pd.DataFrame, pd.Series]

N = 12
LABELS = np.array(["a", "b"] * (N // 2))
NUMBERS = np.random.default_rng(0).normal(size=(N, 3))
FRAME = pd.DataFrame(NUMBERS, columns=["p", "q", "r"])
NESTED = pd.Series([[1]] * N, dtype=object)


def with_cell(value: float) -> pd.DataFrame:
    frame = FRAME.astype(object)
    frame.iloc[2, 1] = value
    return frame


BAD_TABLES: dict[str, tuple[Callable[[], object], str]] = {
    "None": (lambda: None, "got NoneType"),
    "text": (lambda: "table.csv", "got str"),
    "bytes": (lambda: b"abc", "got bytes"),
    "dict": (lambda: {"p": [1, 2]}, r"wrap it in pandas\.DataFrame"),
    "number": (lambda: 4, "got int"),
    "set": (lambda: {1, 2}, "got set"),
    "generator": (lambda: (row for row in NUMBERS), "got generator"),
    "function": (lambda: len, "got builtin_function"),
    "list of text": (lambda: ["a"] * N, "Expected 2D array, got 1D"),
    "ragged rows": (lambda: [[1, 2], [3]], "differ in length"),
    "1-D array": (lambda: NUMBERS[:, 0], "Expected 2D array, got 1D array"),
    "3-D array": (lambda: NUMBERS[:, :, None], "dim 3"),
    "0-D array": (lambda: np.array(1.0), "scalar array"),
    "Series": (lambda: FRAME["p"], r"to_frame\(\)"),
    "Index": (lambda: FRAME.index, "got 1D array"),
    "no rows": (lambda: FRAME.iloc[:0], r"0 sample\(s\)"),
    "no columns": (lambda: FRAME[[]], r"0 feature\(s\)"),
    "empty frame": (pd.DataFrame, r"0 (sample|feature)\(s\)"),
    "sparse": (lambda: sparse.csr_matrix(NUMBERS), r"X\.toarray\(\)"),
    "complex array": (lambda: NUMBERS * 1j, "Complex data not supported"),
    "complex column": (lambda: FRAME.assign(q=FRAME["q"] * 1j), "'q'.*[Cc]omplex"),
    "plus infinity": (lambda: with_cell(np.inf).astype(float), "'q'.*infinity"),
    "minus infinity": (lambda: with_cell(-np.inf).astype(float), "'q'.*infinity"),
    "infinity as object": (lambda: with_cell(np.inf), "'q'.*infinity"),
    "duplicate names": (
        lambda: FRAME.set_axis(["p", "q", "p"], axis=1),
        "more than once: 'p'",
    ),
    "names alike as text": (
        lambda: FRAME.set_axis([1, "1", "z"], axis=1),
        "more than once: '1'",
    ),
    "nested column": (lambda: FRAME.assign(q=NESTED), "'q'.*lists, dicts"),
    "polars list": (lambda: pl.DataFrame({"u": [[1]] * N}), "'u'.*lists, dicts"),
    "arrow struct": (lambda: pa.table({"u": [{"k": 1}] * N}), "'u'.*lists, dicts"),
    "bytes cells": (lambda: FRAME.assign(q=[b"x"] * N), "'q'.*raw bytes"),
    "lazy": (FRAME.pipe(pl.from_pandas).lazy, r"X\.collect\(\)"),
    "constants only": (lambda: np.ones((N, 2)), "No column can be learned from"),
    "missing only": (lambda: np.full((N, 2), np.nan), "No column can be learned"),
}

BAD_LABELS: dict[str, tuple[Callable[[], object], str]] = {
    "None": (lambda: None, "the target y is None"),
    "text": (lambda: "kind", "got str"),
    "dict": (lambda: {"a": 1}, "got dict"),
    "number": (lambda: 1, "Series, a 1-D array or a list, got int"),
    "too short": (lambda: LABELS[:-1], f"11 labels, but `X` has {N} rows"),
    "too long": (lambda: [*LABELS, "a"], f"13 labels, but `X` has {N} rows"),
    "NaN": (lambda: [np.nan, *([1.0, 2.0] * 6)][:N], "1 of 12 labels are missing"),
    "None cell": (lambda: [*LABELS[:-1], None], "1 of 12 labels.*row 11"),
    "pd.NA": (lambda: pd.array([1, 2, pd.NA] * 4, dtype="Int64"), "4 of 12 labels"),
    "polars null": (lambda: pl.Series([1, None, 2] * 4), "4 of 12 labels"),
    "continuous": (lambda: NUMBERS[:, 0], "continuous"),
    "infinite": (lambda: [np.inf, *([1.0] * 11)], "infinity"),
    "one class": (lambda: ["a"] * N, "one class only, 'a'"),
    "mixed types": (lambda: ["a", 1] * 6, "cells of type int and str"),
    "tuples": (lambda: [("a", 1), ("b", 2)] * 6, r"1d array|Unknown label type"),
    "tuple cells": (
        lambda: pd.Series([("a", 1), ("b", 2)] * 6),
        "Unknown label type|cells of type tuple",
    ),
    "two columns": (lambda: np.ones((N, 2), dtype=int), "1d array"),
    "frame of two": (lambda: pd.DataFrame({"a": LABELS, "b": LABELS}), "1d array"),
    "sparse": (lambda: sparse.csr_matrix(np.ones((N, 1))), "`y` is sparse"),
    "complex": (lambda: NUMBERS[:, 0] * 1j, "[Cc]omplex"),
    "bytes": (lambda: np.array([b"a", b"b"] * 6), "Unknown label type"),
    "dates": (
        lambda: pd.to_datetime(["2020-01-01", "2021-01-01"] * 6),
        "Unknown label type",
    ),
    "lazy": (lambda: pl.LazyFrame({"a": LABELS}), r"y\.collect\(\)"),
}

BAD_WEIGHTS: dict[str, tuple[object, str]] = {
    "too short": (np.ones(N - 1), "11 weights, but `X` has 12 rows"),
    "negative": ([-1.0] + [1.0] * (N - 1), "got -1 in row 0"),
    "NaN": ([1.0] * (N - 1) + [np.nan], "got nan in row 11"),
    "None cell": ([1.0] * (N - 1) + [None], "got nan in row 11"),
    "infinite": ([np.inf] + [1.0] * (N - 1), "got inf in row 0"),
    "all zero": (np.zeros(N), "at least one non-zero"),
    "text": ("balanced", "must be numbers"),
    "text cells": (["a"] * N, "must be numbers"),
    "two axes": (np.ones((N, 2)), "1D array or scalar"),
    "dict": ({"a": 1.0}, "must be numbers"),
    "complex": (np.ones(N) * 1j, "must be numbers"),
    "one class left": ((LABELS == "a").astype(float), "one class only|two classes"),
}

BAD_ARGUMENTS: list[tuple[str, object, str]] = [
    ("preset", "best", "`preset` must be one of 'default', 'paper', got 'best'"),
    ("preset", None, "`preset`.*got None"),
    ("preset", 3, "`preset`.*got 3"),
    ("n_members", 0, "`n_members`.*at least 1, got 0"),
    ("n_members", 2.5, r"`n_members`.*got 2\.5"),
    ("decision", "best", "`decision`.*got 'best'"),
    ("decision", ["argmax"], "`decision`.*got"),
    ("max_epochs", 0, "`max_epochs`.*at least 1, got 0"),
    ("max_epochs", -3, "`max_epochs`.*got -3"),
    ("max_epochs", 1.5, r"`max_epochs`.*got 1\.5"),
    ("max_epochs", True, "`max_epochs`.*got True"),
    ("max_epochs", "10", "`max_epochs`.*got '10'"),
    ("batch_size", 1, "`batch_size`.*at least 2, got 1"),
    ("batch_size", "all", "`batch_size`.*got 'all'"),
    ("learning_rate", 0, "`learning_rate`.*above 0, got 0"),
    ("learning_rate", np.nan, "`learning_rate`.*got nan"),
    ("learning_rate", np.inf, "`learning_rate`.*got inf"),
    ("learning_rate", [0.1], "`learning_rate`.*got"),
    ("mixup_alpha", 0, "`mixup_alpha`.*above 0, got 0"),
    ("mixup_alpha", "a", "`mixup_alpha`.*got 'a'"),
    ("n_neighbors", 0, "`n_neighbors`.*at least 1, got 0"),
    ("n_neighbors", 2.0, r"`n_neighbors`.*got 2\.0"),
    ("focal_gamma", -1, "`focal_gamma`.*at least 0, got -1"),
    ("temperature", 0, "`temperature`.*above 0, got 0"),
    ("margin", -0.1, r"`margin`.*got -0\.1"),
    ("classification_weight", 1.1, r"`classification_weight`.*at most 1, got 1\.1"),
    ("class_weight", "balance", "`class_weight` must be one of 'balanced'"),
    ("class_weight", {"c": 1.0}, "labels that are not among the classes: .'c'"),
    ("class_weight", {"a": -1.0}, "at least 0, got .'a': -1"),
    ("class_weight", {"a": np.nan}, "finite numbers"),
    ("class_weight", {"a": "2"}, "finite numbers"),
    ("class_weight", 1.5, r"`class_weight`.*at most 1, got 1\.5"),
    ("class_weight", -0.5, r"`class_weight`.*got -0\.5"),
    ("class_weight", [1.0, 2.0], "`class_weight` must be None, 'balanced'"),
    ("validation_fraction", 1.0, r"`validation_fraction`.*below 1, got 1\.0"),
    ("validation_fraction", -0.1, r"`validation_fraction`.*got -0\.1"),
    ("patience", 0, "`patience`.*at least 1, got 0"),
    ("time_limit_s", 0, "`time_limit_s`.*above 0, got 0"),
    ("time_limit_s", -1, "`time_limit_s`.*got -1"),
    ("time_limit_s", np.inf, "`time_limit_s`.*got inf"),
    ("device", "gpu", "`device` must be.*got 'gpu'"),
    ("device", "", "`device` must be.*got ''"),
    ("device", "meta", "`device` must be.*got 'meta'"),
    ("device", 7, "`device` must be.*got 7"),
    ("random_state", "seed", "`random_state`.*got 'seed'"),
    ("random_state", -1, "`random_state`.*got -1"),
    ("random_state", 1.5, r"`random_state`.*got 1\.5"),
]


def fit(X: object, y: object, weight: object = None, **arguments: Any) -> object:
    clf = QCLMixNetClassifier(**{"max_epochs": 1, "random_state": 0, **arguments})
    return clf.fit(X, y, weight)


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_is_refused(case: str, refuse: Refuse) -> None:
    make, words = BAD_TABLES[case]
    refuse(lambda: fit(make(), LABELS), words)


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels_are_refused(case: str, refuse: Refuse) -> None:
    make, words = BAD_LABELS[case]
    refuse(lambda: fit(NUMBERS, make()), words)


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights_are_refused(case: str, refuse: Refuse) -> None:
    weight, words = BAD_WEIGHTS[case]
    refuse(lambda: fit(NUMBERS, LABELS, weight), words)


# Arguments of the published network that the default preset has no part for.
PAPER_ALONE = {
    "mixup_alpha",
    "n_neighbors",
    "temperature",
    "margin",
    "classification_weight",
    "validation_fraction",
    "patience",
}


@pytest.mark.parametrize(("name", "value", "words"), BAD_ARGUMENTS)
def test_a_bad_argument_is_refused(
    name: str, value: object, words: str, refuse: Refuse
) -> None:
    preset = "paper" if name in PAPER_ALONE else "default"
    refuse(lambda: fit(NUMBERS, LABELS, **{"preset": preset, name: value}), words)


@pytest.mark.parametrize("name", sorted(PAPER_ALONE))
def test_an_argument_that_would_change_nothing_is_refused(
    name: str, refuse: Refuse
) -> None:
    words = f'`{name}` would change nothing.*`preset="paper"`'
    refuse(lambda: fit(NUMBERS, LABELS, **{name: 1}), words)


def test_members_of_a_single_network_are_refused(refuse: Refuse) -> None:
    refuse(
        lambda: fit(NUMBERS, LABELS, preset="paper", n_members=4),
        '`n_members` would change nothing.*`preset="default"`',
    )


def test_a_rule_cannot_be_tuned_without_held_out_rows(refuse: Refuse) -> None:
    refuse(
        lambda: fit(
            NUMBERS,
            LABELS,
            preset="paper",
            decision="balanced",
            validation_fraction=0,
        ),
        "`decision='balanced'`.*`validation_fraction` is 0",
    )


def test_an_absent_cuda_device_is_refused(
    monkeypatch: pytest.MonkeyPatch, refuse: Refuse
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    refuse(lambda: fit(NUMBERS, LABELS, device="cuda"), "got 'cuda', which is not")


def test_a_class_weight_of_zero_for_all_but_one_class_is_refused(
    refuse: Refuse,
) -> None:
    refuse(
        lambda: fit(NUMBERS, LABELS, class_weight={"a": 0}),
        "one class only|two classes",
    )


def test_a_refused_fit_leaves_the_classifier_as_it_was(people: People) -> None:
    frame, labels = people
    clf = QCLMixNetClassifier(max_epochs=1, random_state=0).fit(frame, labels)
    before = clf.predict_proba(frame)
    with pytest.raises(InputError, match="one class only"):
        clf.fit(frame, ["a"] * len(frame))
    np.testing.assert_array_equal(clf.predict_proba(frame), before)


GOOD = st.sampled_from(["number", "text", "boolean", "date"])
BAD = st.sampled_from(["infinite", "nested", "bytes", "complex"])


def _column(kind: str) -> pd.Series:
    cells: dict[str, list[object]] = {
        "number": [1.0, 2.5, None, 4.0],
        "text": ["u", "v", None, "u"],
        "boolean": [True, False, True, True],
        "date": [*pd.to_datetime(["2020-01-01", "2021-05-06", "NaT", "2022-02-02"])],
        "infinite": [1.0, np.inf, 2.0, 3.0],
        "nested": [[1], [2], [3], [4]],
        "bytes": [b"a", b"b", b"a", b"b"],
        "complex": [1j, 2j, 3j, 4j],
    }
    return pd.Series(cells[kind], dtype=object).infer_objects()


@given(good=st.lists(GOOD, max_size=4), bad=st.lists(BAD, min_size=1, max_size=5))
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_offending_column_is_named_in_one_error(
    good: list[str], bad: list[str]
) -> None:
    kinds = [*good, *bad]
    frame = pd.DataFrame({f"c{i}": _column(kind) for i, kind in enumerate(kinds)})
    with pytest.raises(InputError, match=f"{len(bad)} of {len(kinds)}") as caught:
        QCLMixNetClassifier().fit(frame, ["a", "b", "a", "b"])
    for i in range(len(kinds)):
        assert (f"'c{i}'" in str(caught.value)) == (i >= len(good))


CHANGES: dict[str, str | float] = {
    "age": "old",
    "income": np.inf,
    "member": "maybe",
    "since": "tomorrow",
}


@given(broken=st.sets(st.sampled_from(sorted(CHANGES)), min_size=1))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_changed_column_is_named_in_one_error(
    people: People, broken: set[str]
) -> None:
    frame = people[0]
    changed = frame.assign(**{name: CHANGES[name] for name in broken})
    with pytest.raises(InputError, match=f"{len(broken)} of 5 columns") as caught:
        read_table(changed, infer_schema(frame))
    for name in CHANGES:
        assert (f"- '{name}'" in str(caught.value)) == (name in broken)
