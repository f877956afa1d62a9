"""The outlook against scores by hand, and its intervals against new rows."""

import numpy as np
import pytest

from qclmixnet import metrics
from qclmixnet.core.errors import InputError
from qclmixnet.decision import (
    ArgmaxRule,
    BudgetRule,
    CostRule,
    HeldOut,
    OffsetRule,
    ThresholdRule,
    choose_rule,
    expect,
    rule_for_recall,
)
from qclmixnet.decision.sweep import inner_score


def rows_of(
    seed: int, n_rows: int, n_classes: int = 3, *, skill: float = 1.0
) -> HeldOut:
    rng = np.random.default_rng(seed)
    prior = 0.4 ** np.arange(n_classes)
    codes = rng.choice(n_classes, size=n_rows, p=prior / prior.sum())
    logits = rng.normal(size=(n_rows, n_classes)) + np.log(prior)
    logits[np.arange(n_rows), codes] += skill
    proba = np.exp(logits)
    proba = proba / proba.sum(axis=1, keepdims=True)
    return HeldOut(codes.astype(np.int64), proba, np.ones(n_rows))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_figures_of_a_given_rule_are_those_of_the_metrics(
    *, weighted: bool
) -> None:
    rows = rows_of(0, 200)
    weights = np.random.default_rng(0).uniform(0.5, 2, size=200)
    rows = HeldOut(rows.codes, rows.proba, weights if weighted else rows.weights)
    costs = np.array([[0.0, 1, 2], [5, 0, 1], [9, 4, 0]])
    rule = CostRule(costs)
    outlook = expect(rule, rows, costs=costs)
    decided = rule.decide(rows.proba)
    confusion = metrics.confusion_matrix(rows.codes, decided, 3, weights=rows.weights)
    precision, recall, f1 = metrics.precision_recall_f1(confusion)
    for k, of in enumerate(outlook.classes):
        assert of.n_rows == (rows.codes == k).sum()
        assert of.recall is not None
        assert of.precision is not None
        assert of.f1 is not None
        assert of.recall.value == pytest.approx(recall[k])
        assert of.precision.value == pytest.approx(precision[k])
        assert of.f1.value == pytest.approx(f1[k])
        share = rows.weights[decided == k].sum() / rows.weights.sum()
        assert of.share.value == pytest.approx(share)
    assert outlook.n_rows == 200
    assert outlook.macro_f1.value == pytest.approx(metrics.macro_f1(confusion))
    assert outlook.macro_recall.value == pytest.approx(metrics.macro_recall(confusion))
    assert outlook.g_mean.value == pytest.approx(metrics.g_mean(confusion))
    mcc = metrics.matthews_correlation(confusion)
    assert outlook.mcc.value == pytest.approx(mcc)
    right = np.average(decided == rows.codes, weights=rows.weights)
    assert outlook.accuracy.value == pytest.approx(right)
    assert outlook.mean_cost is not None
    mean_cost = np.average(costs[rows.codes, decided], weights=rows.weights)
    assert outlook.mean_cost.value == pytest.approx(mean_cost)
    np.testing.assert_allclose(outlook.confusion, confusion / confusion.sum())
    assert not outlook.cross_fitted
    assert outlook.note == ""


def test_the_same_seed_draws_the_same_intervals() -> None:
    rows = rows_of(1, 100)
    first, second, other = (expect(ArgmaxRule(), rows, seed=s) for s in (0, 0, 1))
    assert first == second
    assert first != other
    assert first.mean_cost is None


def test_all_of_three_rows_right_is_no_certainty() -> None:
    codes = np.repeat([0, 1], [50, 3])
    outlook = expect(ArgmaxRule(), HeldOut(codes, np.eye(2)[codes], np.ones(53)))
    of = outlook.classes[1]
    assert of.recall is not None
    # Three rows and one more, spread evenly over two cells: Beta(3.5, 0.5).
    draws = np.random.default_rng(9).beta(3.5, 0.5, size=100_000)
    assert of.recall.value == of.recall.high == 1.0
    assert of.recall.low == pytest.approx(np.percentile(draws, 5), abs=0.05)


def test_the_figures_of_new_rows_lie_in_their_intervals_as_often_as_stated() -> None:
    rule = ArgmaxRule()
    truth = expect(rule, rows_of(99, 400_000), n_draws=1)
    hits = np.zeros(6)
    for seed in range(150):
        found = expect(rule, rows_of(seed, 150), n_draws=200)
        rare, true_rare = found.classes[2], truth.classes[2]
        assert rare.recall is not None
        assert true_rare.recall is not None
        pairs = [
            (found.accuracy, truth.accuracy),
            (found.macro_f1, truth.macro_f1),
            (found.macro_recall, truth.macro_recall),
            (found.mcc, truth.mcc),
            (rare.recall, true_rare.recall),
            (rare.share, true_rare.share),
        ]
        hits += [of.low <= true.value <= of.high for of, true in pairs]
    # 90 % of 150, with the chance of so many tables, and some more or less for the
    # shares of the true classes, which are taken as known.
    assert (hits / 150 > 0.9 - 0.08).all(), hits / 150


def test_a_class_without_rows_has_no_recall_and_weighs_nothing() -> None:
    rows = rows_of(2, 60)
    codes = np.where(rows.codes == 2, 0, rows.codes)
    outlook = expect(ThresholdRule(2, 2.0), HeldOut(codes, rows.proba, rows.weights))
    gone = outlook.classes[2]
    assert (gone.n_rows, gone.recall, gone.precision, gone.f1) == (0, None, None, None)
    assert gone.share.value == gone.share.low == 0.0
    decided = np.argmax(rows.proba[:, :2], axis=1)
    confusion = metrics.confusion_matrix(codes, decided, 2)
    assert outlook.macro_f1.value == pytest.approx(metrics.macro_f1(confusion))
    # Where it is predicted all the same, it has a precision and an F1 of 0.
    called = expect(ArgmaxRule(), HeldOut(codes, rows.proba, rows.weights)).classes[2]
    assert called.recall is None
    assert called.precision is not None
    assert called.f1 is not None
    assert called.precision.value == called.f1.value == 0.0


def test_cross_fitting_by_loop() -> None:
    rows = rows_of(3, 101)
    seen: list[HeldOut] = []

    def choose(part: HeldOut) -> ThresholdRule:
        seen.append(part)
        return ThresholdRule(1, float(part.proba[:, 1].mean()))

    outlook = expect(choose, rows, n_parts=4)
    assert outlook.cross_fitted
    assert len(seen) == 4
    decided = np.full(101, -1)
    keys = [row.tobytes() for row in rows.proba]
    for part in seen:
        kept = {row.tobytes() for row in part.proba}
        own = np.array([key not in kept for key in keys])
        assert (decided[own] == -1).all()  # each row is judged once
        threshold = part.proba[:, 1].mean()
        decided[own] = ThresholdRule(1, float(threshold)).decide(rows.proba[own])
        # Each class has its share in each part, give or take a row.
        for k in range(3):
            share = (rows.codes == k).sum() / 4
            assert abs((rows.codes[own] == k).sum() - share) < 1
    confusion = metrics.confusion_matrix(rows.codes, decided, 3)
    np.testing.assert_allclose(outlook.confusion, confusion / 101)


def test_cross_fitted_figures_are_not_optimistic() -> None:
    tried = np.random.default_rng(0).normal(size=(120, 4))

    def choose(rows: HeldOut) -> OffsetRule:  # the best of so many overfits few rows
        rules = [OffsetRule(offsets, "macro_f1", 0.0, 0.0, "") for offsets in tried]
        scores = [
            inner_score(rows.codes, rule.decide(rows.proba), 4, "macro_f1")
            for rule in rules
        ]
        return rules[int(np.argmax(scores))]

    naive, crossed, true = [], [], []
    for seed in range(12):
        rows, fresh = rows_of(seed, 60, 4), rows_of(seed + 50, 5000, 4)
        rule = choose(rows)
        naive.append(expect(rule, rows, n_draws=1).macro_f1.value)
        crossed.append(expect(choose, rows, n_draws=1).macro_f1.value)
        true.append(expect(rule, fresh, n_draws=1).macro_f1.value)
    assert np.mean(naive) - np.mean(true) > 0.05
    assert abs(np.mean(crossed) - np.mean(true)) < 0.04


def test_a_rule_that_parts_cannot_choose_is_judged_where_it_was_chosen() -> None:
    codes = np.repeat([0, 1], [40, 60])
    rows = HeldOut(codes, np.eye(2)[codes] * 0.8 + 0.1, np.ones(100))

    def choose(part: HeldOut) -> ThresholdRule:  # 48 rows can show at most 0.9395
        return rule_for_recall(part, alert=1, at_least=0.95, confidence=0.95)

    outlook = expect(choose, rows)
    assert not outlook.cross_fitted
    assert "which is optimistic" in outlook.note
    assert "can show a recall of at most 0.9395" in outlook.note
    with pytest.raises(InputError, match=r"at most 0\.9478"):
        expect(lambda part: rule_for_recall(part, alert=1, confidence=0.96), rows)


def test_a_budget_is_judged_as_its_share_of_a_batch() -> None:
    rows = rows_of(4, 400)
    outlook = expect(BudgetRule(2, 50), rows, batch_rows=1000)
    assert outlook.classes[2].share.value == pytest.approx(0.05)
    decided = BudgetRule(2, 20).decide(rows.proba)
    confusion = metrics.confusion_matrix(rows.codes, decided, 3)
    np.testing.assert_allclose(outlook.confusion, confusion / 400)
    # Rows of weight 3 fill it as three would.
    heavy = HeldOut(rows.codes, rows.proba, np.full(400, 3.0))
    again = expect(BudgetRule(2, 50), heavy, batch_rows=1000)
    np.testing.assert_allclose(again.confusion, outlook.confusion)
    whole = expect(BudgetRule(2, 50), rows, batch_rows=50)
    assert whole.classes[2].share.value == 1.0
    with pytest.raises(InputError, match="state `batch_rows`"):
        expect(BudgetRule(2, 50), rows)


def test_a_chosen_rule_of_a_named_score_is_judged() -> None:
    rows = rows_of(6, 300)
    outlook = expect(lambda part: choose_rule(part, "macro_f1"), rows)
    assert outlook.cross_fitted
    assert outlook.macro_f1.low < outlook.macro_f1.value < outlook.macro_f1.high


def test_no_rows_are_refused() -> None:
    nothing = HeldOut(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(InputError, match="nothing to judge a rule on"):
        expect(ArgmaxRule(), nothing)
    with pytest.raises(InputError, match=r"`costs`.*3 of both, got shape \(2, 2\)"):
        expect(ArgmaxRule(), rows_of(0, 20), costs=np.ones((2, 2)))
