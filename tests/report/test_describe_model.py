"""What is said about a model follows from the rows it is shown."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError
from qclmixnet.report import describe_model
from qclmixnet.report.model_rows import reasons_of, unsure_rows, wrong_rows
from qclmixnet.report.model_scores import score_rows, thinned, two_class_threshold
from qclmixnet.report.model_words import good_for, not_for, rule_in_words
from qclmixnet.report.numbers_table import confusion_cells


def table(n: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"height": rng.normal(size=n), "colour": rng.choice(["a", "b"], n)}
    )
    y = pd.Series(np.where(X["height"] + rng.normal(size=n) > 1, "rare", "usual"))
    return X, y.rename("kind")


@pytest.fixture(scope="module")
def clf() -> QCLMixNetClassifier:
    X, y = table(200, 0)
    return QCLMixNetClassifier(
        max_epochs=3, n_members=2, n_tree_rounds=0, random_state=0
    ).fit(X, y)


def test_rows_of_the_training_table_are_noticed(clf: QCLMixNetClassifier) -> None:
    seen = describe_model(clf, *table(200, 0))
    fresh = describe_model(clf, *table(200, 1))
    assert "flatter" in seen.notes[0]
    assert "fitted on" in seen.not_for[0]
    assert not any("flatter" in note for note in fresh.notes)


def test_the_rule_of_two_classes_is_the_threshold_shown(
    clf: QCLMixNetClassifier,
) -> None:
    X, y = table(300, 1)
    page = describe_model(clf, X, y)
    assert page.scored is not None
    rare = page.scored.curves[0]
    assert rare.label == "rare"
    assert rare.own_threshold is not None
    called = clf.predict_proba(X)[:, 0] >= rare.own_threshold
    assert (called == (clf.predict(X) == "rare")).all()


def test_a_table_of_another_flavour_gives_the_same_page(
    clf: QCLMixNetClassifier,
) -> None:
    X, y = table(80, 1)
    one, other = (describe_model(clf, each, y) for each in (X, pl.from_pandas(X)))
    assert one.wrong == other.wrong
    assert one.columns == other.columns
    assert one.notes == other.notes


def test_lists_are_of_the_right_rows(clf: QCLMixNetClassifier) -> None:
    X, y = table(300, 1)
    page = describe_model(clf, X, y, row_numbers=np.arange(300) + 1000)
    wrong = np.flatnonzero(clf.predict(X) != y.to_numpy())
    assert page.n_wrong == len(wrong)
    assert {row.number - 1000 for row in page.wrong} <= set(wrong.tolist())
    for row in (*page.wrong[:3], *page.unsure[:3]):
        assert row.truth == y[row.number - 1000]
        assert row.cells["colour"] == X["colour"][row.number - 1000]
        assert row.probability + row.other_probability == pytest.approx(1)


def test_levels_never_seen_are_a_note_and_no_warning(clf: QCLMixNetClassifier) -> None:
    X, y = table(60, 1)
    X.loc[:3, "colour"] = "new"
    page = describe_model(clf, X, y)
    assert any("'colour'" in note for note in page.notes)


def test_explanations_of_the_classifier_are_asked_for_wrong_rows_only() -> None:
    X, y = table(200, 0)
    asked: list[pd.DataFrame] = []

    class Explaining(QCLMixNetClassifier):
        def explain(self, X: Any, **_: object) -> Any:
            asked.append(X)
            values = np.zeros((len(X), 2, 2))
            values[:, 1, :] = -1.5
            values[:, 0, 1] = 0.5
            return SimpleNamespace(columns=["height", "colour"], values=values)

        def feature_importance(self, *_: object, **__: object) -> pd.DataFrame:
            data = [[0.1, 0.2], [0.3, 0.4]]
            return pd.DataFrame(data, ["height", "colour"], ["rare", "usual"])

    clf = Explaining(max_epochs=1, n_members=2, n_tree_rounds=0, random_state=0)
    page = describe_model(clf.fit(X, y), X, y)
    (shown,) = asked
    assert [row.number - 1 for row in page.wrong] == shown.index.tolist()
    for row in page.wrong:
        first, *rest = row.reasons
        assert (first.column, first.contribution) == ("colour", -1.5)
        assert first.value == row.cells["colour"]
        assert len(rest) == (row.predicted == "usual")
    # The more important column stands first.
    assert list(page.wrong[0].cells) == ["colour", "height"]


def test_what_cannot_be_scored_is_refused(clf: QCLMixNetClassifier) -> None:
    X, y = table(20, 1)
    with pytest.raises(InputError, match="one label for each of the 20 rows"):
        describe_model(clf, X, y[:7])
    with pytest.raises(InputError, match="not trained on: 'odd'"):
        describe_model(clf, X, y.replace("rare", "odd"))


def test_reasons_are_the_heaviest_of_the_chosen_class() -> None:
    values = np.array([[[0.0, 0.1], [0.0, -2.0], [5.0, 0.3], [0.0, 0.4]]])
    found: Any = SimpleNamespace(columns=tuple("abcd"), values=values)
    (reasons,) = reasons_of(found, chosen=np.array([1]), cells=lambda _, name: name * 2)
    assert [(r.column, r.value, r.contribution) for r in reasons] == [
        ("b", "bb", -2.0),
        ("d", "dd", 0.4),
        ("c", "cc", 0.3),
    ]


def test_rows_near_another_class_are_those_by_the_rule() -> None:
    proba = np.array([[0.5, 0.5], [0.75, 0.25], [0.9, 0.1]])
    assert unsure_rows(proba, None, most=1).tolist() == [0]
    # With an offset of log 3 the odds of 3 to 1 are even.
    assert unsure_rows(proba, np.log([1.0, 3.0]), most=1).tolist() == [1]
    codes, y_pred = np.array([1, 0, 1]), np.array([0, 0, 0])
    assert wrong_rows(codes, y_pred, proba).tolist() == [2, 0]


def test_a_thinned_curve_keeps_its_ends_its_best_and_its_course() -> None:
    from qclmixnet.metrics import threshold_curve

    rng = np.random.default_rng(0)
    proba = rng.beta(0.3, 6, 20_000)  # nearly all close to 0, as of a rare class
    curve = threshold_curve(rng.random(20_000) < proba, proba)
    few = thinned(curve, most=200)
    assert 150 < len(few.thresholds) <= 200
    assert few.thresholds[[0, -1]].tolist() == curve.thresholds[[0, -1]].tolist()
    assert few.f1.max() == curve.f1.max()
    between = np.interp(curve.thresholds, few.thresholds, few.recall)
    assert np.abs(between - curve.recall).max() < 0.03


@pytest.mark.parametrize("offsets", [[0.0, 1.3], [0.7, 0.0]])
def test_the_threshold_of_two_classes_is_where_the_rule_turns(
    offsets: list[float],
) -> None:
    at = two_class_threshold(np.array(offsets))
    scores = np.log([1 - at, at]) + offsets
    assert scores[0] == pytest.approx(scores[1])


def test_words_on_a_rule_name_the_class_that_takes_less() -> None:
    words = rule_in_words("macro_f1", [0.0, -1.1], ["no", "yes"], 0.75)
    assert "“no” from a probability of 0.250 on, “yes” below" in words
    of_three = rule_in_words("balanced", [0.0, np.log(3), np.log(2)], list("abc"), None)
    assert "“b” (3.00 times) and “c” (2.00 times), relative to “a”" in of_three


def test_words_on_use_follow_from_the_intervals() -> None:
    codes = np.repeat([0, 1, 2], [300, 40, 4])
    y_pred = codes.copy()
    y_pred[300:330] = 0  # 30 of 40 missed
    y_pred[:40] = 1  # and 40 false alarms on 10 hits
    proba = np.full((344, 3), 0.01)
    proba[np.arange(344), y_pred] = 0.98
    scored = score_rows(codes, y_pred, proba, labels=["a", "b", "c"])
    good = " ".join(good_for(scored, target="", n_classes=3))
    bad = " ".join(not_for(scored, (), n_training_rows_seen=0))
    assert "Finding rows of “a”" in good
    assert "Working with its probabilities" not in good
    assert "Ruling out “b”" in bad
    assert "Acting on “b”" in bad
    assert "off by 0.18" in bad
    assert scored.n_without_curves == 1


def test_shares_of_the_confusion_matrix_are_of_the_true_class() -> None:
    first, second = confusion_cells(((9, 1), (0, 0)))
    assert [cell.share for cell in first] == [0.9, 0.1]
    assert [cell.shade for cell in (*first, *second)] == [9, 1, 0, 0]
