"""Chosen rules against loops over all thresholds, and against what they promise."""

from typing import get_args

import numpy as np
import pytest
from scipy.stats import binomtest

from qclmixnet.core.errors import InputError
from qclmixnet.decision import (
    ArgmaxRule,
    HeldOut,
    OffsetRule,
    RuleObjective,
    choose_rule,
    rule_for_alerts,
    rule_for_recall,
    shift_held_out,
    tune_tilt,
)
from qclmixnet.metrics import confusion_matrix, g_mean, matthews_correlation


def rows_of(
    seed: int, n_rows: int, n_classes: int = 2, *, weighted: bool = False
) -> HeldOut:
    """Rows with a long tail, probabilities in hundredths, so that many are equal."""
    rng = np.random.default_rng(seed)
    prior = 0.5 ** np.arange(n_classes)
    codes = rng.choice(n_classes, size=n_rows, p=prior / prior.sum())
    logits = rng.normal(size=(n_rows, n_classes)) + np.log(prior)
    logits[np.arange(n_rows), codes] += 1.0
    proba = np.exp(logits)
    proba = (proba / proba.sum(axis=1, keepdims=True)).round(2)
    weights = rng.uniform(0.5, 3, size=n_rows) if weighted else np.ones(n_rows)
    return HeldOut(codes.astype(np.int64), proba, weights)


def share_found(rows: HeldOut, alert: int, threshold: float) -> tuple[float, float]:
    """Recall and precision of a threshold, row by row."""
    hits = alarms = there = 0.0
    for code, proba, weight in zip(rows.codes, rows.proba, rows.weights, strict=True):
        there += weight * (code == alert)
        alarms += weight * (proba[alert] >= threshold)
        hits += weight * (code == alert and proba[alert] >= threshold)
    return hits / there, hits / alarms if alarms else 0.0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("at_least", [0.3, 0.8, 0.95, 1.0])
@pytest.mark.parametrize(("n_classes", "alert"), [(2, 1), (3, 0)])
def test_no_other_threshold_with_the_recall_is_more_precise(
    n_classes: int, alert: int, at_least: float, *, weighted: bool
) -> None:
    for seed in range(4):
        rows = rows_of(seed, 70, n_classes, weighted=weighted)
        found = rule_for_recall(rows, alert=alert, at_least=at_least).threshold
        best = (-1.0, -1.0)
        for threshold in np.unique(rows.proba[:, alert]):
            recall, precision = share_found(rows, alert, threshold)
            if recall >= at_least - 1e-9:
                best = max(best, (round(precision, 9), float(threshold)))
        assert found == best[1]


def test_of_equally_precise_thresholds_the_highest_is_taken() -> None:
    # 0.9 and 0.6 are both half right; 0.6 would find more than is asked for.
    p = np.array([0.9, 0.9, 0.6, 0.6])
    rows = HeldOut(np.array([1, 0, 1, 0]), np.stack([1 - p, p], axis=1), np.ones(4))
    assert rule_for_recall(rows, alert=1, at_least=0.5).threshold == 0.9


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("at_least", [0.5, 0.8])
def test_the_bound_is_that_of_clopper_and_pearson(
    at_least: float, confidence: float
) -> None:
    rows = rows_of(3, 120)
    n_own = int((rows.codes == 1).sum())
    rule = rule_for_recall(rows, alert=1, at_least=at_least, confidence=confidence)

    def bound(threshold: float) -> float:
        hits = round(share_found(rows, 1, threshold)[0] * n_own)
        test = binomtest(hits, n_own, alternative="greater")
        return float(test.proportion_ci(confidence, method="exact").low)

    feasible = [t for t in np.unique(rows.proba[:, 1]) if bound(t) >= at_least]
    best = max((round(share_found(rows, 1, t)[1], 9), t) for t in feasible)
    assert rule.threshold == best[1]


def test_a_confidence_is_kept_on_new_rows() -> None:
    # Scores of the class are uniform: the true recall of a threshold t is 1 - t.
    rng = np.random.default_rng(0)
    short, plain_short = 0, 0
    for _ in range(400):
        p = np.concatenate([rng.random(40), 0.6 * rng.random(200)])
        codes = np.repeat([1, 0], [40, 200])
        rows = HeldOut(codes, np.stack([1 - p, p], axis=1), np.ones(240))
        sure = rule_for_recall(rows, alert=1, at_least=0.8, confidence=0.9)
        short += 1 - sure.threshold < 0.8
        plain = rule_for_recall(rows, alert=1, at_least=0.8)
        plain_short += 1 - plain.threshold < 0.8
    assert short <= 400 * 0.1 + 2 * np.sqrt(400 * 0.1 * 0.9)
    assert plain_short > 120  # the plain one promises nothing of the kind


def test_a_recall_that_few_rows_cannot_show_is_refused_with_the_best_there_is() -> None:
    rows = HeldOut(np.repeat([0, 1], [90, 10]), np.full((100, 2), 0.5), np.ones(100))
    best = 0.05 ** (1 / 10)  # all ten are found
    with pytest.raises(InputError, match=rf"10 held-out rows.*at most {best:.4g} with"):
        rule_for_recall(rows, alert=1, at_least=0.95, confidence=0.95)
    rule = rule_for_recall(rows, alert=1, at_least=best, confidence=0.95)
    assert rule.threshold == 0.5


def test_weights_that_differ_make_the_bound_wider() -> None:
    p = np.full(20, 0.5)
    even = HeldOut(np.ones(20, np.int64), np.stack([1 - p, p], axis=1), np.ones(20))
    uneven = HeldOut(even.codes, even.proba, np.repeat([10.0, 0.1], 10))
    rule_for_recall(even, alert=1, at_least=0.86, confidence=0.95)
    with pytest.raises(InputError, match="can show a recall of at most"):
        rule_for_recall(uneven, alert=1, at_least=0.86, confidence=0.95)
    constant = HeldOut(even.codes, even.proba, np.full(20, 7.0))
    rule_for_recall(constant, alert=1, at_least=0.86, confidence=0.95)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_alerts", [300, 2_500, 10_000])
def test_no_lower_threshold_raises_so_few_alerts(
    n_alerts: int, *, weighted: bool
) -> None:
    for seed in range(4):
        rows = rows_of(seed, 80, 3, weighted=weighted)
        found = rule_for_alerts(rows, alert=2, n_alerts=n_alerts)
        total = rows.weights.sum()
        allowed = [
            float(t)
            for t in np.unique(rows.proba[:, 2])
            if sum(rows.weights[rows.proba[:, 2] >= t]) / total
            <= n_alerts / 10_000 + 1e-9
        ]
        assert found.threshold == min(allowed)
        share = rows.weights[found.decide(rows.proba) == 2].sum() / total
        assert share <= n_alerts / 10_000 + 1e-9


def test_fewer_alerts_than_rows_with_the_highest_probability_are_refused() -> None:
    p = np.repeat([0.7, 0.1], [3, 7])
    rows = HeldOut(
        (p > 0.5).astype(np.int64), np.stack([1 - p, p], axis=1), np.ones(10)
    )
    with pytest.raises(InputError, match=r"already 30 per 100\. Allow"):
        rule_for_alerts(rows, alert=1, n_alerts=20, per_rows=100)
    assert rule_for_alerts(rows, alert=1, n_alerts=30, per_rows=100).threshold == 0.7


@pytest.mark.parametrize("objective", get_args(RuleObjective))
def test_rows_of_weight_3_count_as_three(objective: RuleObjective) -> None:
    rows = rows_of(1, 90, 3)
    copies = np.random.default_rng(1).integers(1, 4, size=90)
    often = np.repeat(np.arange(90), copies)
    weighted = HeldOut(rows.codes, rows.proba, (copies * 0.5).astype(np.float64))
    copied = HeldOut(rows.codes[often], rows.proba[often], np.ones(len(often)))
    first, second = (choose_rule(of, objective) for of in (weighted, copied))
    if isinstance(first, OffsetRule):
        assert isinstance(second, OffsetRule)
        np.testing.assert_allclose(first.offsets, second.offsets, atol=1e-9)
        assert first.inner_after == pytest.approx(second.inner_after)
        assert first.objective == objective
    else:
        assert first == second == ArgmaxRule()


@pytest.mark.parametrize("objective", ["macro_f1", "macro_recall", "balanced"])
def test_a_score_is_gone_for_as_in_the_fit(objective: RuleObjective) -> None:
    rows = rows_of(2, 200, 3)
    rule = choose_rule(rows, objective)
    assert objective in ("macro_f1", "macro_recall", "balanced")
    fitted = tune_tilt(
        rows.codes, rows.proba, np.bincount(rows.codes), power=0.0, objective=objective
    )
    assert isinstance(rule, OffsetRule)
    np.testing.assert_allclose(rule.offsets, fitted.offsets)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_new_scores_are_those_of_the_metrics(n_classes: int) -> None:
    rows = rows_of(5, 300, n_classes)
    for rule, score in (
        (choose_rule(rows, "g_mean"), g_mean),
        (choose_rule(rows, "mcc"), matthews_correlation),
    ):
        assert isinstance(rule, OffsetRule)
        for chosen, inner in (
            (rule.decide(rows.proba), rule.inner_after),
            (rows.proba.argmax(axis=1), rule.inner_before),
        ):
            confusion = confusion_matrix(rows.codes, chosen, n_classes)
            assert inner == pytest.approx(score(confusion))


def test_a_rule_scores_more_on_new_rows_by_the_score_it_goes_for() -> None:
    gains = {"g_mean": 0.0, "mcc": 0.0}
    for seed in range(6):
        rows, fresh = rows_of(seed, 400, 4), rows_of(seed + 100, 4000, 4)
        argmax = confusion_matrix(fresh.codes, fresh.proba.argmax(axis=1), 4)
        by_g, by_mcc = (
            confusion_matrix(fresh.codes, rule.decide(fresh.proba), 4)
            for rule in (choose_rule(rows, "g_mean"), choose_rule(rows, "mcc"))
        )
        gains["g_mean"] += g_mean(by_g) - max(g_mean(by_mcc), g_mean(argmax))
        mcc = matthews_correlation
        gains["mcc"] += mcc(by_mcc) - mcc(by_g)
    assert min(gains.values()) > 0


def test_a_class_that_becomes_rarer_is_leaned_towards_more() -> None:
    rows, shares = rows_of(3, 400), np.array([2 / 3, 1 / 3])
    before, after = (
        choose_rule(shift_held_out(rows, shares, wanted), "macro_recall")
        for wanted in (shares, [0.95, 0.05])
    )
    assert isinstance(before, OffsetRule)
    assert isinstance(after, OffsetRule)
    assert after.offsets[1] - after.offsets[0] > 1 + before.offsets[1]


def test_few_rows_of_a_class_are_noted_by_their_number_not_their_weight() -> None:
    codes = np.repeat([0, 1], [40, 9])
    rows = HeldOut(codes, np.full((49, 2), 0.5), np.full(49, 5.0))
    rule = choose_rule(rows, "balanced")
    assert isinstance(rule, OffsetRule)
    assert "has 9 held-out rows" in rule.note
    more = HeldOut(np.repeat([0, 1], [40, 10]), np.full((50, 2), 0.5), np.ones(50))
    rule = choose_rule(more, "balanced")
    assert isinstance(rule, OffsetRule)
    assert rule.note == ""


NOTHING = HeldOut(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0))
SOME = rows_of(0, 20)
REFUSED = [
    (lambda: choose_rule(NOTHING, "mcc"), r"No rows were held out"),
    (lambda: rule_for_recall(NOTHING, alert=1), r"No held-out row is of class"),
    (lambda: rule_for_alerts(NOTHING, alert=1, n_alerts=5), r"No rows were held out"),
    (lambda: rule_for_recall(SOME, alert=2), r"from 0 to 1, got 2"),
    (lambda: rule_for_alerts(SOME, alert=-1, n_alerts=5), r"from 0 to 1, got -1"),
    (lambda: rule_for_recall(SOME, alert=1, at_least=0.0), r"`at_least`.*got 0\.0"),
    (lambda: rule_for_recall(SOME, alert=1, at_least=1.1), r"`at_least`.*got 1\.1"),
    (lambda: rule_for_recall(SOME, alert=1, confidence=1.0), r"`confidence`.*got 1\.0"),
    (lambda: rule_for_alerts(SOME, alert=1, n_alerts=0), r"`n_alerts`.*got 0"),
    (
        lambda: rule_for_alerts(SOME, alert=1, n_alerts=11, per_rows=10),
        r"`per_rows` must be a whole number of at least 11, got 10",
    ),
]


@pytest.mark.parametrize(("ask", "words"), REFUSED)
def test_what_cannot_be_had_is_refused(ask: object, words: str) -> None:
    assert callable(ask)
    with pytest.raises(InputError, match=words):
        ask()
