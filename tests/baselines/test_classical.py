import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from qclmixnet.baselines import list_baselines, make_baseline
from qclmixnet.core.errors import InputError
from qclmixnet.datasets import load_dataset

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "x": np.where(np.arange(80) % 6 == 0, np.nan, RNG.normal(size=80)),
        "n": RNG.integers(0, 9, 80),
        "city": RNG.choice(["Ulm", "Bonn", "Kiel"], 80),
        "colour": pd.Categorical(RNG.choice(["red", "blue"], 80)),
        "member": RNG.random(80) < 0.5,
    }
)
FRAME.loc[5:9, "city"] = None
LABELS = pd.Series(np.where(np.arange(80) % 5 == 0, "rare", "common"))


def by_hand(name: str) -> Pipeline:
    filled = SimpleImputer(strategy="median", add_indicator=True)
    is_linear = name == "logistic_regression"
    numbers = make_pipeline(filled, StandardScaler()) if is_linear else filled
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=64)
    encoder = ColumnTransformer(
        [("a", numbers, ["x", "n"]), ("b", one_hot, ["city", "colour", "member"])]
    )
    model = (
        LogisticRegression(class_weight="balanced", max_iter=2000, random_state=3)
        if is_linear
        else RandomForestClassifier(random_state=3)
    )
    return Pipeline([("encoder", encoder), ("model", model)])


@pytest.mark.parametrize("name", list_baselines())
def test_a_baseline_is_the_model_of_scikit_learn(name: str) -> None:
    found = make_baseline(name, random_state=3).fit(FRAME, LABELS)
    expected = by_hand(name).fit(FRAME, LABELS)
    np.testing.assert_array_equal(
        found.predict_proba(FRAME), expected.predict_proba(FRAME)
    )
    assert found.classes_.tolist() == ["common", "rare"]


@pytest.mark.parametrize("name", list_baselines())
def test_unseen_levels_and_new_holes_are_predicted(name: str) -> None:
    model = make_baseline(name).fit(FRAME, LABELS)
    changed = FRAME.assign(city="Rome", n=np.nan)
    assert np.isfinite(model.predict_proba(changed)).all()


@pytest.mark.parametrize("name", list_baselines())
@pytest.mark.parametrize("part", [["x", "n"], ["city", "colour"], ["x"]])
def test_columns_of_one_kind_alone_will_do(name: str, part: list[str]) -> None:
    model = make_baseline(name).fit(FRAME[part], LABELS)
    assert model.predict(FRAME[part]).shape == (80,)


@pytest.mark.parametrize("name", list_baselines())
def test_a_column_that_is_missing_altogether_will_do(name: str) -> None:
    frame = FRAME.assign(x=np.nan)
    assert np.isfinite(
        make_baseline(name).fit(frame, LABELS).predict_proba(frame)
    ).all()


@pytest.mark.parametrize("name", list_baselines())
def test_dates_will_do(name: str) -> None:
    frame = FRAME.assign(on=pd.Timestamp("2020-01-01"))
    frame.loc[40:, "on"] = pd.Timestamp("2021-01-01")
    assert make_baseline(name).fit(frame, LABELS).predict(frame).shape == (80,)


@pytest.mark.parametrize("name", list_baselines())
def test_the_same_seed_gives_the_same_predictions(name: str) -> None:
    first, second = (
        make_baseline(name, random_state=7).fit(FRAME, LABELS).predict_proba(FRAME)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", list_baselines())
def test_a_real_table_with_holes_is_learned(name: str) -> None:
    data = load_dataset("hypothyroid")
    model = make_baseline(name).fit(data.frame, data.target)
    assert (model.predict(data.frame) == data.target).mean() > 0.9


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="'logistic_regression', 'random_forest', got"):
        make_baseline("xgboost")
