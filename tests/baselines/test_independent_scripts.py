"""Peers score what a short script straight on the library scores."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_sample_weight

from qclmixnet import load_dataset
from qclmixnet.baselines import make_baseline

Split = tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]
Script = Callable[[pd.DataFrame, pd.DataFrame, np.ndarray], np.ndarray]


@pytest.fixture(scope="module", params=["hypothyroid", "yeast", "page_blocks"])
def split(request: pytest.FixtureRequest) -> Split:
    data = load_dataset(request.param)
    # Keep classes of at least 20 rows, then 800 rows of the table.
    large = data.target.map(data.target.value_counts()) >= 20
    frame, target = data.frame[large], data.target[large].astype(str)
    _, frame, _, target = train_test_split(
        frame, target, test_size=800, stratify=target, random_state=0
    )
    parts: Split = tuple(
        train_test_split(frame, target, test_size=0.3, stratify=target, random_state=1)
    )
    return parts


def _is_number(frame: pd.DataFrame, column: str) -> bool:
    return pd.api.types.is_numeric_dtype(frame[column])


def _native(train: pd.DataFrame, test: pd.DataFrame) -> list[pd.DataFrame]:
    """Numbers as they are, then categories with the levels of training."""
    numbers = [str(c) for c in train if _is_number(train, str(c))]
    others = [str(c) for c in train if c not in numbers]
    out = []
    for part in (train, test):
        encoded = part[numbers].astype(float)
        for column in others:
            levels = sorted(train[column].dropna().astype(str).unique())
            texts = part[column].astype(object)
            encoded[column] = pd.Categorical(texts, categories=levels)
        out.append(encoded)
    return out


def _dense(train: pd.DataFrame, test: pd.DataFrame) -> list[np.ndarray]:
    """Numbers with the median, a column for each hole, then a column for each level."""
    numbers = [str(c) for c in train if _is_number(train, str(c))]
    others = [str(c) for c in train if c not in numbers]
    medians = train[numbers].median()
    out = []
    for part in (train, test):
        columns = [part[c].fillna(medians[c]) for c in numbers]
        columns += [part[c].isna() for c in numbers if train[c].isna().any()]
        for column in others:
            levels = sorted(train[column].dropna().astype(str).unique())
            columns += [part[column] == level for level in levels]
            if train[column].isna().any():
                columns.append(part[column].isna())
        out.append(np.column_stack([np.asarray(c, dtype=float) for c in columns]))
    return out


def _random_forest(
    train: pd.DataFrame, test: pd.DataFrame, codes: np.ndarray
) -> np.ndarray:
    x, x_test = _dense(train, test)
    forest = RandomForestClassifier(random_state=4).fit(x, codes)
    return np.asarray(forest.predict_proba(x_test))


def _xgboost(train: pd.DataFrame, test: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    xgboost = pytest.importorskip("xgboost")
    x, x_test = _native(train, test)
    booster = xgboost.XGBClassifier(enable_categorical=True, random_state=4, n_jobs=1)
    booster.fit(x, codes, sample_weight=compute_sample_weight("balanced", codes))
    return np.asarray(booster.predict_proba(x_test))


def _lightgbm(train: pd.DataFrame, test: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    lightgbm = pytest.importorskip("lightgbm")
    x, x_test = _native(train, test)
    booster = lightgbm.LGBMClassifier(
        class_weight="balanced", random_state=4, n_jobs=1, verbosity=-1
    )
    return np.asarray(booster.fit(x, codes).predict_proba(x_test))


def _catboost(train: pd.DataFrame, test: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    catboost = pytest.importorskip("catboost")
    x, x_test = _native(train, test)
    categories = [str(c) for c in x if not _is_number(x, str(c))]
    for part in (x, x_test):
        for column in categories:
            part[column] = part[column].astype(object).fillna("(missing)")
    booster = catboost.CatBoostClassifier(
        auto_class_weights="Balanced",
        random_seed=4,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
    )
    booster.fit(x, codes, cat_features=categories)
    return np.asarray(booster.predict_proba(x_test))


SCRIPTS: dict[str, Script] = {
    "random_forest": _random_forest,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n == "catboost" else [])
        for n in SCRIPTS
    ],
)
def test_the_peer_scores_what_the_script_scores(name: str, split: Split) -> None:
    train, test, y_train, y_test = split
    # Constants are left out by the table door; a script has to know.
    varies = [c for c in train if len(train[c].unique()) > 1]
    classes, codes = np.unique(y_train, return_inverse=True)
    proba = SCRIPTS[name](train[varies], test[varies], codes)
    peer = make_baseline(name, random_state=4).fit(train, y_train)
    np.testing.assert_allclose(peer.predict_proba(test), proba, atol=1e-6)
    expected = f1_score(y_test, classes[proba.argmax(axis=1)], average="macro")
    found = f1_score(y_test, peer.predict(test), average="macro")
    assert found == pytest.approx(expected, abs=1e-9)
