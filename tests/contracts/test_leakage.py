"""Nothing of the rows to predict is learned, by any method, on the benchmark's path."""

import warnings
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from qclmixnet.baselines import baseline_card
from qclmixnet.benchmark import (
    OURS,
    CellKey,
    LabelledTable,
    list_methods,
    method_facts,
)
from qclmixnet.benchmark.cell import OUTER, Cell, FinishedFit, inner_folds_of
from qclmixnet.benchmark.fitting import FitJob, fit_and_predict
from qclmixnet.evaluation.protocol import Fold, duplicate_groups, stratified_folds

Codes = npt.NDArray[np.int64]

N_ERRORS = 4
"""Standard errors that chance may be away: 1 in 16,000 of a normal variable."""

DEEP_WITH_LIMIT = ("mlp", "ft_transformer", "realmlp", "tabm")
"""Learning noise to the end takes them long; stopped, they return their best epoch."""

ON_ONE_FOLD = (*OURS, "easy_ensemble", "catboost", *DEEP_WITH_LIMIT)
"""Their four fits for a tuned rule take seconds; on three folds that is minutes."""

LIMIT_S, NO_LIMIT_S = 1.5, 600.0


def _marked(name: str) -> object:
    if name in OURS:
        return pytest.param(name)
    card = baseline_card(name)
    marks = [pytest.mark.slow] if card.family in ("deep", "graph") else []
    if card.missing:
        marks.append(pytest.mark.skip(reason=f"needs {card.missing[0].distribution}"))
    return pytest.param(name, marks=marks)


every_method = pytest.mark.parametrize("name", [_marked(n) for n in list_methods()])


@pytest.fixture(autouse=True)
def _silent_fits() -> Iterator[None]:
    """Let libraries warn, as in the process of a fit (`qclmixnet.execution.child`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def separable() -> LabelledTable:
    """Three classes, 4 to 1, that numbers and a category tell apart; with holes."""
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat([0, 1, 2], [200, 50, 50])).astype(np.int64)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=["x", "y", "z"])
    frame["x"] += 3.0 * codes
    frame["y"] -= 3.0 * (codes == 1)
    frame["word"] = np.array(["ash", "elm", "oak"])[codes]
    frame.loc[::7, "y"] = np.nan
    frame.loc[::11, "word"] = None
    return LabelledTable("made_up", frame, codes, np.arange(3))


def shuffled() -> LabelledTable:
    table = separable()
    codes = np.random.default_rng(1).permutation(table.codes)
    return LabelledTable(table.name, table.frame, codes, table.classes)


def macro_recalls(
    name: str, table: LabelledTable, folds: tuple[Fold, ...], *, limit_s: float
) -> dict[str, float]:
    """Return the mean macro recall over folds of the two rules of the benchmark."""
    found: dict[str, list[float]] = {"as_is": [], "tuned": []}
    for number, fold in enumerate(folds):
        cell = Cell(
            key=CellKey(table.name, name, number, 0),
            table=table,
            fold=fold,
            inner_folds=inner_folds_of(table, fold, 0),
            method=method_facts(name),
            n_threads=1,
            time_limit_s=limit_s,
        )
        for part in (OUTER, *(f"inner-{i}" for i in range(3))):
            result = fit_and_predict(cell.job(part))
            cell.finished[part] = FinishedFit("ok", result, "", 0.0)
        for row in (cell.as_is_row(), cell.tuned_row()):
            found[str(row["rule"])].append(float(str(row["macro_recall"])))
    return {rule: float(np.mean(values)) for rule, values in found.items()}


def chance_error(codes: Codes, tests: list[Codes]) -> float:
    """Return the largest standard error of a mean macro recall at chance.

    The labels of the test rows are independent of what is predicted for them. The
    recall of a class with n test rows is then a share with a standard error of
    sqrt(q (1 - q) / n) <= 1 / (2 sqrt(n)), and their mean over K classes and F folds
    has one of at most sqrt(sum 1 / n) / (2 K F).
    """
    counts = np.stack([np.bincount(codes[rows]) for rows in tests])
    return float(np.sqrt((1 / counts).sum()) / (2 * counts.size))


@every_method
def test_shuffled_labels_are_recognised_at_chance(name: str) -> None:
    table = shuffled()
    folds = stratified_folds(table.codes, table.groups, n_folds=3, seed=0)
    folds = folds[:1] if name in ON_ONE_FOLD else folds
    limit_s = LIMIT_S if name in DEEP_WITH_LIMIT else NO_LIMIT_S
    found = macro_recalls(name, table, folds, limit_s=limit_s)
    bound = N_ERRORS * chance_error(table.codes, [fold.test for fold in folds])
    assert bound < 0.25
    assert found["as_is"] == pytest.approx(1 / 3, abs=bound)
    assert found["tuned"] == pytest.approx(1 / 3, abs=bound)


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest"])
def test_the_same_rows_with_their_own_labels_are_recognised(name: str) -> None:
    table = separable()
    folds = stratified_folds(table.codes, table.groups, n_folds=3, seed=0)
    found = macro_recalls(name, table, folds, limit_s=NO_LIMIT_S)
    assert min(found.values()) > 0.9


N_TRAIN, N_TEST, N_PROBE = 80, 600, 60
TRAIN = np.arange(N_TRAIN)
TEST = np.arange(N_TRAIN, N_TRAIN + N_TEST)
PROBE = np.arange(N_TRAIN + N_TEST, N_TRAIN + N_TEST + N_PROBE)


def with_useless_columns() -> tuple[pd.DataFrame, Codes]:
    """Two classes that overlap, and columns that say nothing about them.

    In the training rows each class has the same share of every value of ``number`` and
    ``word``, so that no weight is given to them by chance either.
    """
    rng = np.random.default_rng(2)
    n_rows = N_TRAIN + N_TEST + N_PROBE
    codes = (np.arange(n_rows) % 4 == 0).astype(np.int64)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["x", "y"])
    frame += 0.7 * codes[:, None]
    words = np.array(["no", "yes"])
    place = np.arange(n_rows) // 4  # 20 training rows of the rare class, 5 of each kind
    frame["number"] = (place % 2).astype(float)
    frame["word"] = pd.Categorical(words[place // 2 % 2], categories=words)
    frame["constant"], frame["missing"] = 7.0, np.nan
    return frame, codes


def told(
    frame: pd.DataFrame, codes: Codes, columns: list[str], *, opposite: bool = False
) -> pd.DataFrame:
    """Return the frame with the class of each test row, or the other, in columns."""
    frame = frame.copy()
    written = 1 - codes[TEST] if opposite else codes[TEST]
    for column in columns:
        values = np.array(["no", "yes"]) if column == "word" else np.array([0.0, 1.0])
        frame.loc[TEST, column] = values[written]
    return frame


def probabilities(
    name: str, frame: pd.DataFrame, codes: Codes, rows: Codes
) -> npt.NDArray[np.float64]:
    job = FitJob(
        method=name,
        X_train=frame.iloc[TRAIN],
        codes_train=codes[TRAIN],
        X_test=frame.iloc[rows],
        n_classes=2,
        random_state=0,
        n_threads=1,
        time_limit_s=NO_LIMIT_S,
    )
    return fit_and_predict(job).proba


def test_the_useless_columns_say_nothing_in_training() -> None:
    frame, codes = with_useless_columns()
    for column in ("number", "word"):
        shares = pd.crosstab(frame.loc[TRAIN, column], codes[TRAIN], normalize=1)
        np.testing.assert_allclose(shares, 0.5)


def argmax_recall(proba: npt.NDArray[np.float64], codes: Codes) -> float:
    called = proba.argmax(axis=1)
    return float(
        np.mean([(called[codes == label] == label).mean() for label in (0, 1)])
    )


def recall_at_the_share(proba: npt.NDArray[np.float64], codes: Codes) -> float:
    """Return the macro recall when the most suspicious quarter is called rare.

    Unlike by the most probable class it is no constant for a method that never calls
    a row rare.
    """
    is_rare = codes == 1
    order = np.argsort(-proba[:, 1], kind="stable")
    called = np.zeros(len(codes), dtype=bool)
    called[order[: is_rare.sum()]] = True
    return float((called[is_rare].mean() + (~called[~is_rare]).mean()) / 2)


@every_method
def test_columns_that_tell_the_class_of_test_rows_only_are_of_no_use(
    name: str,
) -> None:
    frame, codes = with_useless_columns()
    rows = np.concatenate([TEST, PROBE])
    columns = ["number", "word", "constant", "missing"]
    plain, told_right, told_wrong = (
        probabilities(name, each, codes, rows)
        for each in (
            frame,
            told(frame, codes, columns),
            told(frame, codes, columns, opposite=True),
        )
    )
    assert told_right[N_TEST:].tobytes() == plain[N_TEST:].tobytes()
    assert told_wrong[N_TEST:].tobytes() == plain[N_TEST:].tobytes()
    # A network may keep a weight on a column that says nothing. What it wins where the
    # column happens to be right it loses where it is wrong; a method that has learned
    # from the test rows wins both times. Both recalls have their standard error.
    bound = N_ERRORS * np.sqrt(2) * chance_error(codes, [TEST])
    assert bound < 0.14
    for recall in (recall_at_the_share, argmax_recall):
        honest, right, wrong = (
            recall(proba[:N_TEST], codes[TEST])
            for proba in (plain, told_right, told_wrong)
        )
        assert (right + wrong) / 2 == pytest.approx(honest, abs=bound)
        assert honest < 1 - bound


@every_method
def test_columns_constant_or_missing_in_training_change_no_probability(
    name: str,
) -> None:
    frame, codes = with_useless_columns()
    leaky = told(frame, codes, ["constant", "missing"])
    both = pd.concat([frame, leaky.iloc[TEST]], ignore_index=True)
    rows = np.concatenate([TEST, np.arange(len(frame), len(both))])
    proba = probabilities(name, both, codes, rows)
    np.testing.assert_allclose(proba[:N_TEST], proba[N_TEST:], rtol=0, atol=1e-6)


def twins() -> tuple[pd.DataFrame, Codes]:
    """1,000 rows, each of them twice, with labels drawn for the pairs."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(1000, 4)), columns=list("abcd"))
    codes = rng.permutation(np.repeat([0, 1], 500)).astype(np.int64)
    order = rng.permutation(np.tile(np.arange(1000), 2))
    return frame.iloc[order].reset_index(drop=True), codes[order]


def recall_of_twins(name: str, *, grouped: bool) -> float:
    frame, codes = twins()
    groups = duplicate_groups(frame)
    if not grouped:
        groups = np.arange(len(frame), dtype=np.uint64)
    recalls = []
    for fold in stratified_folds(codes, groups, n_folds=5, seed=0):
        job = FitJob(
            method=name,
            X_train=frame.iloc[fold.train],
            codes_train=codes[fold.train],
            X_test=frame.iloc[fold.test],
            n_classes=2,
            random_state=0,
            n_threads=1,
            time_limit_s=NO_LIMIT_S,
        )
        proba = fit_and_predict(job).proba
        recalls.append(argmax_recall(proba, codes[fold.test]))
    return float(np.mean(recalls))


@pytest.mark.parametrize(("name", "leaked"), [("knn", 0.62), ("random_forest", 0.8)])
def test_twins_leak_unless_they_stay_together(name: str, leaked: float) -> None:
    # A pair counts once: 500 pairs of each class.
    bound = N_ERRORS * np.sqrt(2 / 500) / 4
    assert bound < 0.07
    assert recall_of_twins(name, grouped=True) == pytest.approx(0.5, abs=bound)
    # By hand: in 4 of 5 cases the twin is in the training part. It is one of the five
    # neighbours, so of the other four only two need to agree: 11 of 16. That makes
    # 0.8 * 0.6875 + 0.2 * 0.5 = 0.65. A forest remembers the twin.
    assert recall_of_twins(name, grouped=False) > leaked
