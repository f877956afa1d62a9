"""Values at the edge of what Python and NumPy can hold end in words or in a fit."""

import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.table import class_codes, read_file

pytestmark = pytest.mark.usefixtures("users_view")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.array(["a", "b"] * 20)


def _fit(X: object = X, y: object = Y, **settings: object) -> QCLMixNetClassifier:
    weight = settings.pop("sample_weight", None)
    clf = QCLMixNetClassifier(max_epochs=1, random_state=0)
    clf.set_params(**settings)
    clf.fit(X, y, sample_weight=weight)
    # What it learned from must also be predictable.
    assert np.isfinite(clf.predict_proba(X)).all()
    return clf


def _object_column(*cells: object) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series(list(cells) * 10, dtype=object)})


FITS: dict[str, Callable[[], QCLMixNetClassifier]] = {
    "more neighbours than rows": lambda: _fit(preset="paper", n_neighbors=10**9),
    "huge class weights": lambda: _fit(class_weight={"a": 1e308, "b": 1e308}),
    "huge sample weights": lambda: _fit(sample_weight=[1e308] * 40),
    "both": lambda: _fit(class_weight={"a": 1e308}, sample_weight=[1e308] * 40),
    "a signalling NaN is missing": lambda: _fit(
        _object_column(Decimal("sNaN"), Decimal(3), Decimal(4), Decimal(1))
    ),
    "a lone surrogate as label": lambda: _fit(y=["\ud800", "b"] * 20),
    "a mix of whole numbers and durations is text": lambda: _fit(
        _object_column(3, np.timedelta64(3, "D"), 4, 5)
    ),
}


@pytest.mark.parametrize("case", FITS)
def test_these_fit_with_finite_probabilities(case: str) -> None:
    assert FITS[case]().n_iter_ == 1


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "class_weight=True": (lambda: _fit(class_weight=True), "a number from 0 to 1"),
    "a weight beyond float64": (
        lambda: _fit(sample_weight=[10**400, *[1.0] * 39]),
        "`sample_weight` must be numbers",
    ),
    "a label beyond float64": (
        lambda: _fit(y=[10**400, 1.0] * 20),
        "numbers beyond the range of float64",
    ),
    "durations as labels": (
        lambda: _fit(
            y=np.array([np.timedelta64(n, "D") for n in (1, 2)] * 20, dtype=object)
        ),
        "`y` holds durations",
    ),
    "an unknown lone surrogate": (
        lambda: class_codes(["\ud800"], np.array(["a"])),
        "not trained on",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_these_are_refused_in_words(case: str) -> None:
    call, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        call()


def test_a_row_with_too_many_cells_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(InputError, match="3 cells in line 3, but 2 columns"):
        read_file(path)


def test_warnings_of_predictions_point_at_the_callers_line() -> None:
    frame = pd.DataFrame({"c": ["u", "v"] * 20, "z": X[:, 0]})
    clf = _fit(frame)
    other = frame.assign(c="w", extra=1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        clf.predict(other)
    assert [w.category for w in seen] == [DataWarning, DataWarning]
    assert {w.filename for w in seen} == {__file__}
