"""What every baseline promises, whatever library stands behind it."""

import importlib.util
import pickle
from importlib.machinery import ModuleSpec

import numpy as np
import pandas as pd
import pytest

from qclmixnet.baselines import Peer, baseline_card, list_baselines, make_baseline
from qclmixnet.core.errors import InputError, MissingExtraError

Frames = tuple[pd.DataFrame, pd.Series]


def _marked(name: str) -> object:
    card = baseline_card(name)
    marks = [pytest.mark.slow] if card.family in ("deep", "graph") else []
    if card.missing:
        marks.append(pytest.mark.skip(reason=f"needs {card.missing[0].distribution}"))
    return pytest.param(name, marks=marks)


every_baseline = pytest.mark.parametrize("name", [_marked(n) for n in list_baselines()])


def _table(n_rows: int = 90, seed: int = 0) -> pd.DataFrame:
    """Numbers, a boolean, categories and dates; holes in all but the boolean."""
    rng = np.random.default_rng(seed)
    days = pd.to_timedelta(rng.integers(0, 900, n_rows), unit="D")
    frame = pd.DataFrame(
        {
            "x [a.u.]": rng.normal(size=n_rows),
            "count": rng.integers(0, 9, n_rows).astype(float),
            "member": rng.random(n_rows) < 0.5,
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], n_rows),
            "colour<1>": rng.choice(["red", "blue"], n_rows),
            "since": pd.Timestamp("2020-01-01") + days,
        }
    )
    for place, column in enumerate(["x [a.u.]", "city", "since"]):
        frame.loc[place::11, column] = None
    return frame


def _labels(n_rows: int = 90) -> pd.Series:
    """Return three classes as texts, not in the order of their size, one of 3 rows."""
    is_little = np.arange(n_rows) % 4 == 0
    labels = np.where(is_little, "a little", "much").astype(object)
    labels[[7, 30, 61]] = "hardly any"
    return pd.Series(labels)


def _separable() -> Frames:
    """Three classes a long way apart in every number and in a category."""
    rng = np.random.default_rng(1)
    classes = np.repeat([2, 0, 1], 40)
    frame = pd.DataFrame(rng.normal(size=(120, 3)) * 0.1, columns=list("pqr"))
    frame["p"] += 3 * (classes == 0)
    frame["q"] += 3 * (classes == 1)
    frame["r"] += 3 * (classes == 2)
    frame["letter"] = np.array(["u", "v", "w"])[classes]
    return frame, pd.Series(np.array(["z", "b", "m"])[classes])


def _check_probabilities(peer: Peer, frame: pd.DataFrame, classes: list[str]) -> None:
    assert peer.classes_.tolist() == classes
    proba = peer.predict_proba(frame)
    assert proba.dtype == np.float64
    assert proba.shape == (len(frame), len(classes))
    assert np.isfinite(proba).all()
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_array_equal(
        peer.predict(frame), peer.classes_[proba.argmax(axis=1)]
    )


@every_baseline
def test_probabilities_of_two_classes(name: str) -> None:
    labels = _labels().replace("hardly any", "much")
    peer = make_baseline(name).fit(_table(), labels)
    _check_probabilities(peer, _table(20, seed=5), ["a little", "much"])


@every_baseline
def test_probabilities_of_many_classes_one_of_three_rows(name: str) -> None:
    peer = make_baseline(name).fit(_table(), _labels())
    _check_probabilities(peer, _table(20, seed=5), ["a little", "hardly any", "much"])


@every_baseline
def test_unseen_categories_and_new_holes_are_predicted(name: str) -> None:
    peer = make_baseline(name).fit(_table(), _labels())
    strange = _table(20, seed=5).assign(city="Rome")
    strange.loc[3:8, ["count", "colour<1>", "since"]] = None
    strange.loc[9:, "since"] = pd.Timestamp("1900-05-05 13:00")
    _check_probabilities(peer, strange, ["a little", "hardly any", "much"])


@every_baseline
def test_the_columns_of_probabilities_follow_the_classes(name: str) -> None:
    frame, labels = _separable()
    order = np.random.default_rng(2).permutation(len(frame))
    peer = make_baseline(name).fit(frame.iloc[order], labels.iloc[order])
    assert peer.classes_.tolist() == ["b", "m", "z"]
    # TabNet makes one step an epoch here and stops early with two classes learned; with
    # its columns in a wrong order it could get one right.
    assert peer.score(frame, labels) >= (0.6 if name == "tabnet" else 0.99)


@every_baseline
def test_the_same_seed_gives_the_same_probabilities(name: str) -> None:
    first, second = (
        make_baseline(name, random_state=7).fit(_table(), _labels()) for _ in range(2)
    )
    probe = _table(20, seed=5)
    assert first.predict_proba(probe).tobytes() == second.predict_proba(probe).tobytes()


@every_baseline
def test_nothing_of_the_test_fold_is_learned(name: str) -> None:
    frame, labels = _table(110), _labels(110)
    train = pd.Series(np.arange(110) % 11 != 3)
    garbage, wrong = frame.copy(), labels.copy()
    garbage.loc[~train, ["x [a.u.]", "count"]] = 1e9
    garbage.loc[~train, ["city", "colour<1>"]] = "nowhere"
    garbage.loc[~train, "since"] = pd.Timestamp("1700-01-01")
    wrong[~train] = "poison"
    # A pandas category lists the levels of the rows that were cut off.
    frame["city"] = frame["city"].astype("category")
    garbage["city"] = garbage["city"].astype("category")
    labels, wrong = labels.astype("category"), wrong.astype("category")
    probe = _table(20, seed=5)
    clean = make_baseline(name).fit(frame[train], labels[train])
    poisoned = make_baseline(name).fit(garbage[train], wrong[train])
    # A fold that is predicted in between must not be learned from either.
    poisoned.predict_proba(garbage[~train])
    expected, found = clean.predict_proba(probe), poisoned.predict_proba(probe)
    assert found.tobytes() == expected.tobytes()


@every_baseline
def test_a_row_is_predicted_without_a_look_at_the_others(name: str) -> None:
    peer = make_baseline(name).fit(_table(), _labels())
    probe = _table(12, seed=5)
    alone = [peer.predict_proba(probe.iloc[[row]]) for row in range(len(probe))]
    np.testing.assert_allclose(
        peer.predict_proba(probe), np.concatenate(alone), atol=1e-5
    )


@every_baseline
def test_no_global_random_state_is_used_up(name: str) -> None:
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    make_baseline(name).fit(_table(), _labels())
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize("name", list_baselines())
def test_a_missing_library_is_told_with_its_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = baseline_card(name)
    gone, found = card.needs[0], importlib.util.find_spec

    def find_spec(module: str) -> ModuleSpec | None:
        return None if module == gone.module else found(module)

    monkeypatch.setattr("qclmixnet.baselines.peer.find_spec", find_spec)
    assert card.missing == (gone,)
    with pytest.raises(MissingExtraError, match=r"qclmixnet\[baselines\]") as caught:
        make_baseline(name).fit(_table(), _labels())
    assert f"{card.title} needs {gone.distribution}" in str(caught.value)


@pytest.mark.parametrize("name", list_baselines())
def test_a_card_says_what_runs_and_on_which_version(name: str) -> None:
    card = baseline_card(name)
    assert card.name == name
    assert card.description
    assert "\n" not in card.description
    assert card.seconds_per_1k > 0
    assert set(card.versions) == {library.distribution for library in card.needs}


def test_names_are_stable_and_grouped_by_family() -> None:
    assert list_baselines() == (
        *("logistic_regression", "knn", "svm_rbf", "random_forest"),
        *("balanced_random_forest", "easy_ensemble", "rusboost"),
        *("smote_random_forest", "smote_xgboost"),
        *("xgboost", "lightgbm", "catboost"),
        *("mlp", "ft_transformer", "realmlp", "tabm", "tabnet"),
        *("gcn", "graphsage", "gat"),
    )


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"'logistic_regression', .*, got 'adaboost'"):
        make_baseline("adaboost")
