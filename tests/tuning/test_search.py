import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from qclmixnet import QCLMixNetClassifier, QCLMixNetSearchCV
from qclmixnet.baselines import make_baseline
from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.evaluation import duplicate_groups, stratified_folds
from qclmixnet.metrics.by_class import confusion_matrix, macro_f1, macro_recall
from qclmixnet.tuning import Choice, Fraction, Range, Whole, default_space, importances
from qclmixnet.tuning.parameters import default_values, with_parameters

pytest.importorskip("optuna")

FITTED: list[dict[str, Any]] = []
"""Every fit of `Dial`, in order."""

DEATHS: set[int] = set()
"""How many fits are done when the process dies."""


class Dial(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Right on the more rows, the nearer its dial is to 0.7; the rest it gets wrong.

    The first column of a row says how hard it is, from 0 to 1.
    """

    def __init__(
        self,
        dial: float = 0.1,
        knob: str = "a",
        breaks_above: float = 2.0,
    ) -> None:
        self.dial = dial
        self.knob = knob
        self.breaks_above = breaks_above

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> "Dial":
        if len(FITTED) in DEATHS:
            raise KeyboardInterrupt
        FITTED.append(
            {"dial": self.dial, "knob": self.knob, "rows": np.asarray(X)[:, 1]}
        )
        if self.dial > self.breaks_above:
            raise RuntimeError(f"broken at {self.dial > 0}")
        self.classes_ = np.unique(y)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        hardness, truth = np.asarray(X)[:, 0], np.asarray(X)[:, 2].astype(int)
        is_right = hardness > abs(self.dial - 0.7)
        return self.classes_[np.where(is_right, truth, (truth + 1) % 2)]


@pytest.fixture
def table() -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    FITTED.clear()
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 30])
    frame = pd.DataFrame({"hard": rng.uniform(size=90), "row": np.arange(90), "is": y})
    return frame, y.astype(np.int64)


SPACE = {"dial": Fraction(0.0, 1.0), "knob": Choice(("a", "b"))}


def ends_of(entry: Range) -> tuple[object, ...]:
    if isinstance(entry, Choice):
        return tuple(getattr(entry, "values"))  # noqa: B009  (not pandas' values)
    return entry.low, entry.high


def search(**settings: Any) -> QCLMixNetSearchCV:
    usual = {"n_trials": 12, "cv": 3, "random_state": 0, "space": SPACE}
    return QCLMixNetSearchCV(**{"estimator": Dial(), **usual, **settings})


def test_it_finds_a_better_dial_than_the_default(table: tuple[Any, Any]) -> None:
    found = search(n_trials=25).fit(*table)
    assert abs(found.best_params_["dial"] - 0.7) < 0.15
    assert found.best_score_ > found.default_score_ + 0.2
    assert found.best_estimator_.dial == found.best_params_["dial"]
    assert found.score(*table) == pytest.approx(
        found.scorer_(found.best_estimator_, *table)
    )


def test_a_gain_that_is_too_small_leaves_the_default(table: tuple[Any, Any]) -> None:
    free = search().fit(*table)
    gain = free.best_score_ - free.default_score_
    assert gain > 0.2
    kept = search(min_gain=gain + 1e-9).fit(*table)
    assert kept.cv_results_["mean_test_score"] == free.cv_results_["mean_test_score"]
    assert (kept.best_index_, kept.best_params_) == (0, {})
    assert kept.best_score_ == kept.default_score_ == free.default_score_
    assert kept.best_estimator_.dial == 0.1
    taken = search(min_gain=gain - 1e-9).fit(*table)
    assert taken.best_params_ == free.best_params_


def test_a_default_that_fails_is_not_kept(table: tuple[Any, Any]) -> None:
    found = search(
        estimator=Dial(dial=0.95, breaks_above=0.9), min_gain=1.0, n_trials=12
    ).fit(*table)
    assert found.cv_results_["state"][0] == "fail"
    assert found.best_index_ > 0


def test_the_default_is_the_first_trial_and_sets_nothing(
    table: tuple[Any, Any],
) -> None:
    found = search(n_trials=3).fit(*table)
    assert FITTED[0]["dial"] == 0.1
    assert found.cv_results_["params"][0] == {}
    assert found.trials_[0].params == {"dial": 0.1, "knob": "a"}
    assert found.cv_results_["state"][0] == "complete"


def test_a_default_that_none_beats_is_kept(table: tuple[Any, Any]) -> None:
    found = search(estimator=Dial(dial=0.7)).fit(*table)
    assert found.best_index_ == 0
    assert found.best_params_ == {}
    assert found.best_score_ == found.default_score_
    assert found.best_estimator_.get_params() == Dial(dial=0.7).get_params()


@pytest.mark.parametrize("scoring", ["balanced", "macro_f1", "macro_recall"])
def test_the_best_score_is_a_plain_recomputation_over_the_folds(
    scoring: str, table: tuple[Any, Any]
) -> None:
    X, y = table
    found = search(scoring=scoring).fit(X, y)
    folds = stratified_folds(y, duplicate_groups(X), n_folds=3, seed=found.seed_)
    scores = []
    for fold in folds:
        clf = Dial(**found.best_params_).fit(X.iloc[fold.train], y[fold.train])
        matrix = confusion_matrix(y[fold.test], clf.predict(X.iloc[fold.test]), 2)
        f1, recall = macro_f1(matrix), macro_recall(matrix)
        value = {"macro_f1": f1, "macro_recall": recall, "balanced": (f1 + recall) / 2}
        scores.append(value[scoring])
    assert found.best_score_ == pytest.approx(np.mean(scores), abs=1e-12)
    row = found.best_index_
    stored = [found.cv_results_[f"split{k}_test_score"][row] for k in range(3)]
    assert stored == pytest.approx(scores, abs=1e-12)


def test_a_hopeless_trial_is_stopped_after_its_first_fold(
    table: tuple[Any, Any],
) -> None:
    found = search(n_trials=25).fit(*table)
    results = pd.DataFrame(found.cv_results_)
    stopped = results[results["state"] == "pruned"]
    assert len(stopped) > 0
    assert stopped["mean_test_score"].isna().all()
    assert stopped["split2_test_score"].isna().all()
    # By the median rule: it was below the median of the finished ones at that fold.
    for index, row in stopped.iterrows():
        before = results.loc[: int(str(index)) - 1]
        whole = before[before["state"] == "complete"]
        if np.isnan(row["split1_test_score"]):
            seen = before["split0_test_score"].dropna()
            assert row["split0_test_score"] <= max(
                seen.median(), whole["split0_test_score"].median()
            )
    n_fits = results[[f"split{k}_test_score" for k in range(3)]].notna().sum().sum()
    assert len(FITTED) == n_fits + 1  # and the last fit on all rows


def test_a_search_in_two_calls_is_a_search_in_one(
    tmp_path: Path, table: tuple[Any, Any]
) -> None:
    whole = search(storage=tmp_path / "one.sqlite", n_trials=9).fit(*table)
    search(storage=tmp_path / "two.sqlite", n_trials=5).fit(*table)
    again = search(storage=tmp_path / "two.sqlite", n_trials=9).fit(*table)
    assert len(again.trials_) == 9
    assert again.cv_results_["params"] == whole.cv_results_["params"]
    np.testing.assert_array_equal(
        again.cv_results_["mean_test_score"], whole.cv_results_["mean_test_score"]
    )
    in_memory = search(n_trials=9).fit(*table)
    assert in_memory.cv_results_["params"] == whole.cv_results_["params"]


@pytest.mark.parametrize("n_fits", [0, 1, 17])
def test_a_trial_that_died_with_its_process_is_tried_again(
    n_fits: int, tmp_path: Path, table: tuple[Any, Any]
) -> None:
    whole = search().fit(*table)
    n_whole = len(FITTED)
    FITTED.clear()
    storage = tmp_path / "killed.sqlite"
    DEATHS.add(n_fits)
    with pytest.raises(KeyboardInterrupt):
        search(storage=storage).fit(*table)
    DEATHS.clear()
    again = search(storage=storage).fit(*table)
    assert again.cv_results_["params"] == whole.cv_results_["params"]
    assert again.cv_results_["state"] == whole.cv_results_["state"]
    assert len(FITTED) - n_whole <= 2  # folds of the one trial that died


def test_failed_trials_are_recorded_and_never_chosen(table: tuple[Any, Any]) -> None:
    found = search(estimator=Dial(breaks_above=0.5)).fit(*table)
    results = pd.DataFrame(found.cv_results_)
    failed = results[results["state"] == "fail"]
    assert len(failed) > 0
    assert (failed["error"] == "RuntimeError: broken at True").all()
    assert (failed["param_dial"] > 0.5).all()
    assert found.best_index_ not in failed.index
    assert len(results) == 12


def test_when_all_fail_the_first_reason_is_told(table: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match=r"All 4 trials failed.*RuntimeError: broken"):
        search(estimator=Dial(breaks_above=-1.0), n_trials=4).fit(*table)


def test_time_ends_a_search_but_never_before_the_default(
    table: tuple[Any, Any],
) -> None:
    found = search(time_limit_s=1e-9).fit(*table)
    assert len(found.trials_) == 1
    assert found.best_index_ == 0


def test_fits_at_a_time_find_the_same_default_and_as_many_trials(
    table: tuple[Any, Any],
) -> None:
    alone = QCLMixNetSearchCV(
        LogisticRegression(),
        space={"C": Fraction(0.01, 10.0)},
        n_trials=3,
        random_state=0,
    ).fit(*table)
    both = clone(alone).set_params(n_jobs=2).fit(*table)
    assert both.default_score_ == alone.default_score_
    assert both.cv_results_["state"].count("complete") == 3


def test_it_is_a_scikit_learn_estimator(table: tuple[Any, Any]) -> None:
    X, y = table
    model = search(n_trials=3)
    assert clone(model).get_params()["n_trials"] == 3
    assert model.get_params()["estimator__dial"] == 0.1
    with pytest.raises(NotFittedError):
        model.predict(X)
    scores = cross_val_score(model, X, y, cv=StratifiedKFold(2))
    assert len(scores) == 2
    assert np.isfinite(scores).all()
    fitted = model.fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.study_.best_value == fitted.best_score_
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.n_features_in_ == 3


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        QCLMixNetSearchCV(
            LogisticRegression(), space={"C": Fraction(0.1, 10.0)}, n_trials=2, cv=2
        )
    ]
)
@pytest.mark.usefixtures("users_view")
def test_it_keeps_the_rules_of_scikit_learn(
    estimator: QCLMixNetSearchCV, check: Callable[[object], None]
) -> None:
    check(estimator)


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "list"])
def test_tables_of_every_kind_give_the_same_search(kind: str) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.integers(3, size=60)})
    y = pd.Series(np.where(frame["a"] + rng.normal(size=60) > 0, "p", "q"), name="t")
    peer = make_baseline("logistic_regression")
    found = []
    polars = pl.from_pandas(frame)
    other = {"polars": polars, "pyarrow": polars.to_arrow(), "list": frame.to_numpy()}
    X = other[kind].tolist() if kind == "list" else other[kind]
    # A list is read as an array of objects, whose hashes deal the folds.
    as_is = frame.to_numpy().astype(object) if kind == "list" else frame
    for table in (as_is, X):
        search = QCLMixNetSearchCV(peer, n_trials=3, random_state=0).fit(table, y)
        found.append(search.cv_results_["mean_test_score"])
        assert set(search.predict(table)) <= {"p", "q"}
    assert found[0] == found[1]


def test_our_classifier_is_searched_and_knows_its_target(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    y = pd.Series(np.where(X["a"] > 0.5, "rare", "common"), name="kind")
    quick = QCLMixNetClassifier(max_epochs=2, n_members=4, n_tree_rounds=2)
    found = QCLMixNetSearchCV(
        quick, n_trials=2, cv=2, random_state=0, storage=tmp_path / "s.sqlite"
    ).fit(X, y)
    best = found.best_estimator_
    assert best.target_name_ == "kind"
    assert found.feature_names_in_.tolist() == ["a", "b"]
    assert best.recipe_.schedule.max_epochs == 2
    for name, value in found.best_params_.items():
        part, field = name.split(".")
        assert getattr(getattr(best.recipe_, part), field) == value
    proba = found.predict_proba(X)
    again = with_parameters(found.unfitted_, {}).fit(X, y)
    assert again.predict_proba(X).tobytes() == proba.tobytes()


def test_without_refit_there_is_nothing_to_predict_with(
    table: tuple[Any, Any],
) -> None:
    found = search(refit=False, n_trials=2).fit(*table)
    with pytest.raises(NotFittedError, match="refit=False"):
        found.predict(table[0])
    assert found.unfitted_.get_params()["dial"] == found.best_params_.get("dial", 0.1)


def test_a_splitter_and_a_scorer_of_scikit_learn_are_understood(
    table: tuple[Any, Any],
) -> None:
    X, y = table
    found = search(cv=StratifiedKFold(2), scoring="accuracy", n_trials=2).fit(X, y)
    assert found.n_splits_ == 2
    values = []
    for train, test in StratifiedKFold(2).split(X, y):
        clf = Dial().fit(X.iloc[train], y[train])
        values.append(float((clf.predict(X.iloc[test]) == y[test]).mean()))
    assert found.default_score_ == pytest.approx(np.mean(values))


def test_equal_rows_are_never_on_both_sides_of_a_fold() -> None:
    FITTED.clear()
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [30, 30])
    frame = pd.DataFrame({"hard": rng.uniform(size=60), "row": np.arange(60), "is": y})
    twice = pd.concat([frame, frame], ignore_index=True)
    search(n_trials=1).fit(twice, np.concatenate([y, y]))
    for fit in FITTED:
        assert set(np.unique(fit["rows"], return_counts=True)[1]) == {2}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no budget": ({"n_trials": 0}, r"`n_trials` must be .* at least 1, got 0"),
    "no time": ({"time_limit_s": 0}, r"`time_limit_s` must be a number above 0"),
    "no gain": ({"min_gain": -0.1}, r"`min_gain` must be a number at least 0"),
    "no workers": ({"n_jobs": 0}, r"`n_jobs` must be .* at least 1, got 0"),
    "one fold": ({"cv": 1}, r"`cv` must be .* at least 2, got 1"),
    "no splitter": ({"cv": 0.5}, r"`cv` must be a number of folds"),
    "unknown name": (
        {"space": {"dail": Whole(1, 2)}},
        r"Dial has no hyper-parameter 'dail'; choose among .*dial",
    ),
    "no space": ({"space": {}}, r"`space` must map names"),
    "no range": ({"space": {"dial": (0, 1)}}, r"`space\['dial'\]` must be a Fraction"),
    "no score": ({"scoring": "f2"}, r"`scoring` must be one of 'balanced', 'macro_f1'"),
    "no space of its own": ({"space": None}, r"no search space for Dial\(\); give one"),
}


@pytest.mark.usefixtures("users_view")
@pytest.mark.parametrize("case", BAD)
def test_a_bad_argument_is_told_in_a_sentence(
    case: str, table: tuple[Any, Any]
) -> None:
    settings, words = BAD[case]
    with pytest.raises(InputError, match=words):
        search(**settings).fit(*table)
    assert FITTED == []


def test_one_class_is_nothing_to_search_on(table: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match="one class only"):
        search().fit(table[0], np.zeros(90, dtype=int))


def test_another_search_under_the_same_name_is_refused(
    tmp_path: Path, table: tuple[Any, Any]
) -> None:
    X, y = table
    storage = tmp_path / "s.sqlite"
    search(storage=storage, n_trials=1).fit(X, y)
    with pytest.raises(InputError, match="another table"):
        search(storage=storage, n_trials=1).fit(X, 1 - y)
    with pytest.raises(InputError, match="another seed"):
        search(storage=storage, n_trials=1, random_state=1).fit(X, y)
    with pytest.raises(InputError, match="another scoring"):
        search(storage=storage, n_trials=1, scoring="macro_f1").fit(X, y)
    search(storage=storage, n_trials=1, random_state=1, study_name="b").fit(X, y)


def test_a_seedless_search_goes_on_with_its_first_seed(
    tmp_path: Path, table: tuple[Any, Any]
) -> None:
    storage = tmp_path / "s.sqlite"
    first = search(storage=storage, n_trials=2, random_state=None).fit(*table)
    second = search(storage=storage, n_trials=4, random_state=None).fit(*table)
    assert second.seed_ == first.seed_
    assert second.cv_results_["params"][:2] == first.cv_results_["params"]


def test_a_file_that_is_no_database_is_refused(
    tmp_path: Path, table: tuple[Any, Any]
) -> None:
    storage = tmp_path / "notes.txt"
    storage.write_text("years of work " * 100)
    with pytest.raises(InputError, match="no file of an earlier search"):
        search(storage=storage).fit(*table)
    assert storage.read_text().startswith("years of work")


@pytest.mark.parametrize("library", ["optuna", "filelock"])
def test_a_missing_library_is_named(
    library: str, table: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"{library}.*qclmixnet\[tuning\]"):
        search().fit(*table)


def test_importances_name_the_dial_and_not_the_knob(table: tuple[Any, Any]) -> None:
    found = search(n_trials=40).fit(*table)
    told = importances(found.study_)
    assert next(iter(told.shares)) == "dial"
    assert sum(told.shares.values()) == pytest.approx(1)
    assert told.n_trials == found.cv_results_["state"].count("complete")
    assert importances(search(n_trials=3).fit(*table).study_).shares == {}


def test_dotted_names_reach_into_the_recipe() -> None:
    clf = QCLMixNetClassifier(focal_gamma=0.5, class_weight=0.25, random_state=3)
    assert default_values(clf, {"loss.gamma": Fraction(0, 2)}) == {"loss.gamma": 0.5}
    tuned = with_parameters(
        clf, {"trees.n_rounds": 7, "loss.gamma": 1.5, "decision": "macro_f1"}
    )
    recipe = tuned.preset
    assert (recipe.trees.n_rounds, recipe.loss.gamma) == (7, 1.5)
    assert recipe.loss.class_weight_power == 0.25  # what was given stays
    assert tuned.focal_gamma is None  # and does not win over the recipe
    assert (tuned.decision, tuned.random_state) == ("macro_f1", 3)
    assert clf.preset == "default"
    for name in ("trees.n_roudns", "trees", "tree.depth"):
        with pytest.raises(InputError, match=rf"no hyper-parameter '{name}'"):
            default_values(clf, {name: Whole(1, 2)})


def test_every_range_of_our_space_holds_the_default_and_its_ends_are_recipes() -> None:
    clf = QCLMixNetClassifier()
    for n_rows in (100, 100_000):
        space = default_space(clf, n_rows=n_rows)
        assert set(default_values(clf, space)) == set(space)
        for name, entry in space.items():
            ends = ends_of(entry)
            for value in ends:
                with_parameters(clf, {name: value})


@pytest.mark.parametrize(
    "name", ["catboost", "lightgbm", "xgboost", "random_forest", "logistic_regression"]
)
def test_a_peers_stated_defaults_are_those_it_runs_with(name: str) -> None:
    for library in ("xgboost", "lightgbm", "catboost"):
        pytest.importorskip(library)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=list("abc"))
    y = (X["a"] + rng.normal(size=80) > 0.8).astype(int)
    peer = make_baseline(name)
    values = default_values(peer, default_space(peer, n_rows=80))
    fitted = clone(peer).fit(X, y)
    plain = fitted.predict_proba(X)
    if name == "catboost":  # its rate follows the table unless others are set
        params = fitted.model_._classifier.get_all_params()
        values["learning_rate"] = params["learning_rate"]
    told = with_parameters(peer, values).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(told, plain, rtol=0, atol=1e-6)
    space = default_space(peer, n_rows=80)
    low = {n: ends_of(entry)[0] for n, entry in space.items()}
    other = with_parameters(peer, low).fit(X, y).predict_proba(X)
    assert np.abs(other - plain).max() > 1e-3


def test_a_peer_refuses_what_it_does_not_let_one_set() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(
        InputError, match=r"no parameter 'depht' to set; choose among it"
    ):
        make_baseline("catboost", params={"depht": 3}).fit(frame, [0, 1, 0, 1])
    with pytest.raises(InputError, match="settings of its card alone"):
        make_baseline("knn", params={"n_neighbors": 3}).fit(frame, [0, 1, 0, 1])


def test_ranges_check_themselves() -> None:
    with pytest.raises(InputError, match="`high` must be a number at least 2"):
        Whole(2, 1)
    with pytest.raises(InputError, match="`low` must be a number above 0"):
        Fraction(0.0, 1.0, log=True)
    with pytest.raises(InputError, match="different texts"):
        Choice(("a", "a"))
    assert not any(Whole(0, 1).holds(value) for value in (True, 0.5, 2))
    assert not Fraction(0, 1).holds(math.nan)
