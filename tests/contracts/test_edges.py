"""Tables at the edge of what can be learned from, and the flavours of one table."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import DataWarning, FitWarning

People = tuple[pd.DataFrame, pd.Series]


def fit(X: object, y: object, max_epochs: int = 2) -> QCLMixNetClassifier:
    return QCLMixNetClassifier(max_epochs=max_epochs, random_state=0).fit(X, y)


def assert_usable(clf: QCLMixNetClassifier, X: object, n_rows: int) -> None:
    proba = clf.predict_proba(X)
    assert proba.shape == (n_rows, len(clf.classes_))
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert set(clf.predict(X)) <= set(clf.classes_)


def normal(n_rows: int, n_columns: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n_rows, n_columns))


def test_ten_rows_are_enough() -> None:
    X = normal(10, 3)
    assert_usable(fit(X, [0] * 8 + [1] * 2), X, 10)


def test_two_rows_are_enough() -> None:
    X = normal(2, 2)
    with pytest.warns(FitWarning, match="single row: 0, 1"):
        clf = fit(X, [0, 1])
    assert_usable(clf, X, 2)


def test_a_class_of_one_row_is_kept_and_warned_of() -> None:
    X = normal(30, 2)
    X[-1] += 50
    with pytest.warns(FitWarning, match="single row: lone"):
        clf = fit(X, ["common"] * 29 + ["lone"])
    assert clf.classes_.tolist() == ["common", "lone"]
    assert_usable(clf, X, 30)


def test_all_classes_but_one_may_have_one_row() -> None:
    X = normal(20, 2)
    labels = ["common"] * 15 + list("abcde")
    with pytest.warns(FitWarning, match="a, b, c, d, e"):
        clf = fit(X, labels)
    assert_usable(clf, X, 20)


def test_two_hundred_classes() -> None:
    X = normal(800, 4)
    assert_usable(fit(X, np.arange(800) % 200, max_epochs=1), X, 800)


def test_one_column() -> None:
    X = normal(40, 1)
    clf = fit(X, X[:, 0] > 0.5)
    assert_usable(clf, X, 40)
    assert clf.predict(X).dtype == bool


def test_more_columns_than_rows() -> None:
    X = normal(40, 2000)
    assert_usable(fit(X, [0] * 30 + [1] * 10, max_epochs=1), X, 40)


def test_categories_alone() -> None:
    rng = np.random.default_rng(2)
    X = pd.DataFrame({name: rng.choice(list("xyz"), 40) for name in "abc"})
    X.loc[3:9, "b"] = None
    assert_usable(fit(X, X["a"] == "x"), X, 40)


def test_dates_alone() -> None:
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        np.random.default_rng(3).integers(0, 900, 60), unit="D"
    )
    X = pd.DataFrame({"on": days})
    assert_usable(fit(X, days.year), X, 60)


def test_numbers_of_very_different_size() -> None:
    X = normal(40, 3) * np.array([1e-300, 1.0, 1e300])
    assert_usable(fit(X, [0] * 30 + [1] * 10), X, 40)


def test_a_column_that_is_almost_all_missing() -> None:
    X = normal(40, 2)
    X[1:, 1] = np.nan
    assert_usable(fit(X, [0] * 30 + [1] * 10), X, 40)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (np.array([3, 7], dtype=np.int16), "i"),
        (np.array([2**40, 2**41]), "i"),
        (np.array([1.0, 2.0], dtype=np.float32), "f"),
        (np.array([True, False]), "b"),
        (np.array(["no", "yes"]), "U"),
        (np.array(["no", "yes"], dtype=object), "O"),
    ],
)
def test_labels_come_back_in_their_dtype(labels: np.ndarray, kind: str) -> None:
    y = np.tile(labels, 10)
    X = normal(20, 2)
    clf = fit(X, y)
    predicted = clf.predict(X)
    assert predicted.dtype == labels.dtype
    assert predicted.dtype.kind == kind
    assert clf.classes_.tolist() == sorted(labels.tolist())


def test_of_category_labels_only_the_used_levels_are_classes() -> None:
    y = pd.Series(pd.Categorical(["u", "v"] * 10, categories=["v", "w", "u"]))
    clf = fit(normal(20, 2), y)
    assert clf.classes_.tolist() == ["u", "v"]


def test_lists_give_what_arrays_give() -> None:
    X = normal(20, 2)
    y = ["a", "b"] * 10
    np.testing.assert_array_equal(
        fit(X.tolist(), y).predict_proba(X.tolist()),
        fit(X, np.array(y)).predict_proba(X),
    )


Flavour = Callable[[pd.DataFrame], object]
FLAVOURS: dict[str, Flavour] = {
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "pandas of objects": lambda frame: frame.astype(object),
    "pandas of arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "pandas of nullables": lambda frame: frame.convert_dtypes(),
    "columns in another order": lambda frame: frame[frame.columns[::-1]],
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_flavour_of_the_table_does_not_matter(
    flavour: str, people: People, fitted: QCLMixNetClassifier
) -> None:
    frame, labels = people
    expected = fitted.predict_proba(frame)
    other = FLAVOURS[flavour](frame)
    np.testing.assert_array_equal(fitted.predict_proba(other), expected)
    if flavour != "columns in another order":
        refitted = fit(other, labels, max_epochs=1)
        np.testing.assert_array_equal(refitted.predict_proba(frame), expected)


def test_an_array_of_objects_gives_what_the_frame_gives(
    people: People, fitted: QCLMixNetClassifier
) -> None:
    frame, labels = people
    cells = frame.astype(object).to_numpy()
    refitted = fit(cells, labels, max_epochs=1)
    expected = fitted.predict_proba(frame)
    np.testing.assert_array_equal(refitted.predict_proba(cells), expected)
    with pytest.warns(DataWarning, match="read by position"):
        by_position = fitted.predict_proba(cells)
    np.testing.assert_array_equal(by_position, expected)


def test_the_flavour_of_the_labels_does_not_matter(
    people: People, fitted: QCLMixNetClassifier
) -> None:
    frame, labels = people
    expected = fitted.predict_proba(frame)
    flavours: list[object] = [
        labels.tolist(),
        labels.to_numpy(),
        labels.astype("category"),
        pl.Series(labels.tolist()),
        pa.chunked_array([labels.tolist()]),
    ]
    for flavour in flavours:
        refitted = fit(frame, flavour, max_epochs=1)
        np.testing.assert_array_equal(refitted.predict_proba(frame), expected)


def test_unseen_categories_are_one_warning_with_counts(
    people: People, fitted: QCLMixNetClassifier
) -> None:
    frame = people[0].copy()
    frame.loc[:4, "city"] = "Rome"
    with pytest.warns(DataWarning) as caught:
        proba = fitted.predict_proba(frame)
    assert len(caught) == 1
    assert "'city' (5)" in str(caught[0].message)
    assert np.isfinite(proba).all()


def test_extra_columns_are_one_warning(
    people: People, fitted: QCLMixNetClassifier
) -> None:
    frame = people[0]
    with pytest.warns(DataWarning) as caught:
        proba = fitted.predict_proba(frame.assign(more=1, still="x"))
    assert len(caught) == 1
    assert "'more', 'still'" in str(caught[0].message)
    np.testing.assert_array_equal(proba, fitted.predict_proba(frame))


def test_a_column_of_integers_may_have_holes_at_prediction(
    people: People, fitted: QCLMixNetClassifier
) -> None:
    frame = people[0].astype({"age": float})
    full = fitted.predict_proba(frame)
    frame.loc[0, "age"] = np.nan
    with_hole = fitted.predict_proba(frame)
    np.testing.assert_array_equal(with_hole[1:], full[1:])
    assert np.isfinite(with_hole[0]).all()


def test_a_row_is_predicted_alone_as_among_others(
    people: People, fitted: QCLMixNetClassifier
) -> None:
    frame = people[0]
    one_by_one = [fitted.predict_proba(frame.iloc[[i]])[0] for i in range(10)]
    together = fitted.predict_proba(frame)[:10]
    np.testing.assert_allclose(one_by_one, together, rtol=0, atol=1e-12)


def test_a_clean_fit_and_prediction_warn_of_nothing(people: People) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(*people).predict(people[0])


def test_columns_may_be_called_like_attributes_of_tables() -> None:
    rng = np.random.default_rng(0)
    names = ["column_names", "columns", "name", "dtype"]
    X = pd.DataFrame(rng.normal(size=(30, 4)), columns=names)
    clf = QCLMixNetClassifier(max_epochs=1, random_state=0).fit(X, ["a", "b"] * 15)
    assert clf.feature_names_in_.tolist() == names
    assert len(clf.predict(X[names[::-1]])) == 30
