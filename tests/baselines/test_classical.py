import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from qclmixnet.baselines import make_baseline
from qclmixnet.datasets import load_dataset

CLASSICAL = ["logistic_regression", "knn", "svm_rbf", "random_forest"]
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
MODELS = {
    "logistic_regression": LogisticRegression(
        class_weight="balanced", max_iter=2000, random_state=3
    ),
    "knn": KNeighborsClassifier(),
    "svm_rbf": SVC(class_weight="balanced", break_ties=True, random_state=3),
    "random_forest": RandomForestClassifier(random_state=3),
}


def by_hand(name: str) -> Pipeline:
    filled = SimpleImputer(strategy="median", add_indicator=True)
    is_forest = name == "random_forest"
    numbers = filled if is_forest else make_pipeline(filled, StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=64)
    # A boolean is a number, 0 or 1.
    encoder = ColumnTransformer(
        [("a", numbers, ["x", "n", "member"]), ("b", one_hot, ["city", "colour"])],
        sparse_threshold=0,
    )
    return Pipeline([("encoder", encoder), ("model", MODELS[name])])


@pytest.mark.parametrize("name", ["logistic_regression", "knn", "random_forest"])
def test_a_baseline_is_the_model_of_scikit_learn(name: str) -> None:
    found = make_baseline(name, random_state=3).fit(FRAME, LABELS)
    expected = by_hand(name).fit(FRAME.astype({"member": float}), LABELS)
    np.testing.assert_allclose(
        found.predict_proba(FRAME), expected.predict_proba(FRAME), rtol=1e-12
    )
    assert found.classes_.tolist() == ["common", "rare"]


@pytest.mark.parametrize("table", ["people", "newthyroid"])
def test_the_svm_decides_as_the_svm_of_scikit_learn(table: str) -> None:
    if table == "people":
        frame, target = FRAME.astype({"member": float}), LABELS
    else:
        data = load_dataset(table)
        frame, target = data.frame, data.target
    peer = make_baseline("svm_rbf", random_state=3).fit(frame, target)
    encoder = by_hand("svm_rbf").named_steps["encoder"]
    if table != "people":
        encoder = StandardScaler()
    expected = make_pipeline(encoder, MODELS["svm_rbf"]).fit(frame, target)
    np.testing.assert_array_equal(peer.predict(frame), expected.predict(frame))


@pytest.mark.parametrize("n_rare", [1, 2, 3, 7])
def test_the_svm_takes_a_class_of_few_rows(n_rare: int) -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1, 2], [30, 30, n_rare])
    frame = pd.DataFrame(rng.normal(size=(len(labels), 2)) * 0.1, columns=["p", "q"])
    frame["p"] += 5 * (labels == 1)
    frame["q"] += 5 * (labels == 2)
    peer = make_baseline("svm_rbf").fit(frame, labels)
    np.testing.assert_array_equal(peer.predict(frame), labels)


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("part", [["x", "n"], ["city", "colour"], ["x"]])
def test_columns_of_one_kind_alone_will_do(name: str, part: list[str]) -> None:
    model = make_baseline(name).fit(FRAME[part], LABELS)
    assert model.predict(FRAME[part]).shape == (80,)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_column_that_is_missing_altogether_changes_nothing(name: str) -> None:
    holes = FRAME.assign(nothing=np.nan)
    with_it, without = (
        make_baseline(name).fit(frame, LABELS).predict_proba(frame)
        for frame in (holes, FRAME)
    )
    np.testing.assert_array_equal(with_it, without)


@pytest.mark.parametrize("name", CLASSICAL)
def test_numbers_beyond_float32_will_do(name: str) -> None:
    frame = FRAME.assign(x=FRAME["x"].replace(FRAME["x"].iloc[1], 1e200))
    model = make_baseline(name).fit(frame, LABELS)
    assert np.isfinite(model.predict_proba(frame)).all()


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_real_table_with_holes_is_learned(name: str) -> None:
    data = load_dataset("hypothyroid")
    model = make_baseline(name).fit(data.frame, data.target)
    assert (model.predict(data.frame) == data.target).mean() > 0.9
