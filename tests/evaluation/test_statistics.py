import math
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.single_table import corrected_t_test
from qclmixnet.evaluation.statistics import (
    IR_TIERS,
    Comparison,
    MeanRank,
    compare_with,
    critical_difference,
    friedman_test,
    holm,
    ir_tier,
    mean_ranks,
    nemenyi_groups,
    nemenyi_p_values,
)

# Demsar (2006), table 6: AUC of C4.5 with and without pruning parameters tuned.
DEMSAR = pd.DataFrame(
    [
        (0.763, 0.768, 0.771, 0.798),
        (0.599, 0.591, 0.590, 0.569),
        (0.954, 0.971, 0.968, 0.967),
        (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898),
        (0.936, 0.931, 0.916, 0.931),
        (0.661, 0.668, 0.609, 0.685),
        (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875),
        (1.000, 1.000, 1.000, 1.000),
        (0.940, 0.962, 0.965, 0.962),
        (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.9751, 0.975),
        (0.957, 0.978, 0.946, 0.970),
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)


def random_scores(n_tables: int, n_methods: int, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_tables, n_methods)) + np.arange(n_methods) / 2
    return pd.DataFrame(values, columns=[f"m{k}" for k in range(n_methods)])


def test_mean_ranks_are_those_printed_in_demsar() -> None:
    ranks = mean_ranks(DEMSAR)
    assert [rank.method for rank in ranks] == [
        "C4.5+m+cf",
        "C4.5+m",
        "C4.5+cf",
        "C4.5",
    ]
    assert [round(rank.mean_rank, 3) for rank in ranks] == [1.964, 2.0, 2.893, 3.143]
    assert all(rank.low <= rank.mean_rank <= rank.high for rank in ranks)


def test_mean_ranks_turn_around_when_lower_is_better() -> None:
    by_method = {rank.method: rank.mean_rank for rank in mean_ranks(DEMSAR)}
    for rank in mean_ranks(DEMSAR, higher_is_better=False):
        assert rank.mean_rank == pytest.approx(5 - by_method[rank.method])


def test_bootstrap_interval_of_a_mean_rank_has_the_width_of_the_normal_one() -> None:
    scores = random_scores(60, 2)
    first = (scores["m0"] > scores["m1"]).to_numpy()
    share = first.mean()
    half = 1.96 * math.sqrt(share * (1 - share) / 60)  # of a binomial share
    rank = next(r for r in mean_ranks(scores) if r.method == "m0")
    assert rank.high - rank.low == pytest.approx(2 * half, rel=0.15)
    assert mean_ranks(scores) == mean_ranks(scores)


def test_friedman_is_the_one_printed_in_demsar() -> None:
    test = friedman_test(DEMSAR, correct_ties=False)
    assert round(test.statistic, 2) == 9.28
    assert round(test.iman_davenport, 2) == 3.69
    # He gives the critical value F(3, 39) = 2.85 at 0.05.
    assert test.iman_davenport_p == pytest.approx(stats.f.sf(3.6863, 3, 39), abs=1e-5)
    assert (test.n_tables, test.n_methods) == (14, 4)


def test_friedman_with_ties_is_scipys() -> None:
    peer = stats.friedmanchisquare(*DEMSAR.to_numpy().T)
    test = friedman_test(DEMSAR)
    assert test.statistic == pytest.approx(peer.statistic)
    assert test.p_value == pytest.approx(peer.pvalue)
    expected = 13 * peer.statistic / (14 * 3 - peer.statistic)
    assert test.iman_davenport == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(14, 2), (14, 1), (1, 4)])
def test_friedman_is_nan_where_it_does_not_exist(shape: tuple[int, int]) -> None:
    test = friedman_test(random_scores(*shape))
    assert math.isnan(test.statistic)
    assert math.isnan(test.p_value)
    assert math.isnan(test.iman_davenport_p)


def test_friedman_at_its_ends() -> None:
    alike = pd.DataFrame([[1.0, 2.0, 3.0]] * 6, columns=list("abc"))
    test = friedman_test(alike)
    assert test.statistic == pytest.approx(12.0)  # N (k - 1), its largest value
    assert test.iman_davenport == math.inf
    assert test.iman_davenport_p == 0.0
    test = friedman_test(alike * 0)
    assert (test.statistic, test.p_value) == (0.0, 1.0)


def test_critical_differences_are_those_printed_in_demsar() -> None:
    assert round(critical_difference(4, 14), 2) == 1.25
    assert round(critical_difference(4, 14, alpha=0.10), 2) == 1.12
    # His table 5a. Its entries for 3 and 7 methods come from a rounded table of the
    # studentised range (2.3437 and 2.9483 are exact), so they hold to a thousandth.
    printed = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
    for k, q in enumerate(printed, start=2):
        n_tables = k * (k + 1)  # leaves sqrt(1 / 6)
        found = critical_difference(k, n_tables) * math.sqrt(6)
        assert found == pytest.approx(q, abs=0.001)


def test_groups_by_hand() -> None:
    def groups(critical: float, *means: float) -> tuple[tuple[str, ...], ...]:
        named = zip("abcde", means, strict=False)
        return nemenyi_groups([MeanRank(n, m, m, m) for n, m in named], critical)

    # Demsar's figure 1a: only the whole is told apart at its ends.
    assert groups(1.0, 1.964, 2.0, 2.893, 3.143) == (("a", "b", "c"), ("c", "d"))
    assert groups(1.25, 1.964, 2.0, 2.893, 3.143) == (("a", "b", "c", "d"),)
    assert groups(0.5, 3.0, 1.0, 2.0) == (("b",), ("c",), ("a",))
    assert groups(1.0, 1.0, 2.0) == (("a",), ("b",))  # at the difference: different
    assert groups(1.0) == ()


def test_nemenyi_p_values_meet_the_critical_difference() -> None:
    scores = random_scores(12, 5)
    p = nemenyi_p_values(scores)
    means = {rank.method: rank.mean_rank for rank in mean_ranks(scores)}
    critical = critical_difference(5, 12)
    assert list(p.index) == list(p.columns) == list(scores.columns)
    found = p.to_numpy()
    ranks = np.array([means[name] for name in scores.columns])
    far = np.abs(ranks[:, None] - ranks[None, :]) > critical
    np.testing.assert_array_equal(found < 0.05, far)
    np.testing.assert_array_equal(found, found.T)
    assert (np.diag(found) == 1).all()
    assert far.any()


def test_nemenyi_p_values_are_those_of_scikit_posthocs() -> None:
    posthocs = pytest.importorskip("scikit_posthocs")
    peer = posthocs.posthoc_nemenyi_friedman(DEMSAR.to_numpy())
    np.testing.assert_allclose(nemenyi_p_values(DEMSAR), peer, atol=1e-6)


def test_wilcoxon_of_demsars_example() -> None:
    # His table 2: R+ = 93, R- = 12, with the zeros' ranks split. The p-value is the
    # share of all 2^12 ways to sign the 12 differences that are at least as far out.
    comparison = compare_with(DEMSAR[["C4.5+m", "C4.5"]], "C4.5+m")[0]
    assert (comparison.wins, comparison.ties, comparison.losses) == (10, 2, 2)
    gaps = (DEMSAR["C4.5+m"] - DEMSAR["C4.5"]).round(6).to_numpy()
    ranks = stats.rankdata(np.abs(gaps))
    zeros = ranks[gaps == 0].sum() / 2
    plus, minus = ranks[gaps > 0].sum() + zeros, ranks[gaps < 0].sum() + zeros
    assert (plus, minus) == (93.0, 12.0)
    moved = ranks[gaps != 0]
    signs = np.array(list(product((-1, 1), repeat=len(moved))))
    share = (np.abs(signs @ moved) >= plus - minus).mean()
    assert comparison.p_value == pytest.approx(share, abs=1e-12)
    # His z = -2.54, the normal approximation, leads to 0.011.
    assert (12 - 14 * 15 / 4) / math.sqrt(14 * 15 * 29 / 24) == pytest.approx(
        stats.norm.ppf(0.011 / 2), abs=0.002
    )
    assert comparison.p_value == 0.0078125
    assert comparison.mean_difference == pytest.approx(gaps.mean())
    assert comparison.verdict == "better"
    assert compare_with(DEMSAR, "C4.5")[0].losses == 10


@pytest.mark.parametrize("n_tables", [5, 9, 18, 40])
def test_wilcoxon_without_ties_is_scipys_exact_one(n_tables: int) -> None:
    scores = random_scores(n_tables, 2, seed=n_tables)
    peer = stats.wilcoxon(scores["m0"] - scores["m1"], method="exact")
    found = compare_with(scores, "m0")[0].p_value
    assert found == pytest.approx(peer.pvalue, abs=1e-12)


def test_wilcoxon_on_very_many_tables_is_the_normal_one() -> None:
    scores = random_scores(300, 2)
    scores["m1"] -= 0.5
    peer = stats.wilcoxon(scores["m0"] - scores["m1"], correction=False)
    found = compare_with(scores, "m0")[0].p_value
    assert found == pytest.approx(peer.pvalue, rel=1e-6)


def test_verdicts_follow_the_corrected_test() -> None:
    rng = np.random.default_rng(0)
    ours = rng.uniform(0.5, 0.8, size=18)
    scores = pd.DataFrame(
        {
            "weak": ours - rng.uniform(0.01, 0.05, 18),
            "ours": ours,
            "even": ours + np.tile([0.02, -0.02, 0.01], 6),
            "strong": ours + rng.uniform(0.01, 0.05, 18),
            "same": ours,
        }
    )
    found = {c.peer: c for c in compare_with(scores, "ours")}
    assert list(found) == ["weak", "even", "strong", "same"]
    assert [c.verdict for c in found.values()] == [
        "better",
        "not distinguishable",
        "worse",
        "not distinguishable",
    ]
    assert (found["same"].p_value, found["same"].ties) == (1.0, 18)
    assert found["weak"].p_value == pytest.approx(2 / 2**18)
    assert found["weak"].p_holm == pytest.approx(4 * 2 / 2**18)
    assert 0.01 < found["weak"].low < found["weak"].mean_difference
    assert found["weak"].mean_difference < found["weak"].high < 0.05
    turned = {c.peer: c for c in compare_with(-scores, "ours", higher_is_better=False)}
    assert turned["weak"].verdict == "better"
    assert turned["strong"].mean_difference == found["strong"].mean_difference


def test_five_tables_never_suffice_and_one_gives_nan() -> None:
    five = pd.DataFrame({"ours": [0.9] * 5, "peer": [0.1, 0.2, 0.3, 0.4, 0.5]})
    comparison = compare_with(five, "ours")[0]
    assert comparison.p_value == pytest.approx(2 / 2**5)
    assert comparison.verdict == "not distinguishable"
    comparison = compare_with(five.head(1), "ours")[0]
    assert math.isnan(comparison.p_value)
    assert math.isnan(comparison.p_holm)
    assert comparison.verdict == "not distinguishable"
    assert compare_with(five[["ours"]], "ours") == ()


def test_differences_below_the_stated_size_are_ties() -> None:
    scores = pd.DataFrame({"ours": [0.5, 0.6, 0.7], "peer": [0.5 + 1e-15, 0.601, 0.6]})
    comparison = compare_with(scores, "ours")[0]
    assert (comparison.wins, comparison.ties, comparison.losses) == (1, 1, 1)
    comparison = compare_with(scores, "ours", tie_below=0.01)[0]
    assert (comparison.wins, comparison.ties, comparison.losses) == (1, 2, 0)


def test_verdict_at_the_level_itself_is_not_distinguishable() -> None:
    at = Comparison("p", 0.1, 0.0, 0.2, 0.05, 0.05, 5, 0, 0, direction=1)
    assert at.verdict == "not distinguishable"


def test_holm_by_hand() -> None:
    # Sorted 0.005 0.01 0.03 0.04 by 4 3 2 1: 0.02 0.03 0.06 0.04, made increasing.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()
    found = holm([0.01, math.nan, 0.02])
    assert found[0] == found[2] == 0.02
    assert math.isnan(found[1])


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    peer = multitest.multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), peer)


@pytest.mark.parametrize(
    ("ratio", "tier"),
    [
        (1.0, "<5"),
        (4.999, "<5"),
        (5.0, "5-10"),
        (10.0, "10-50"),
        (50.0, ">50"),
        (175.5, ">50"),
    ],
)
def test_ir_tier_by_hand(ratio: float, tier: str) -> None:
    assert ir_tier(ratio) == tier
    assert tier in IR_TIERS


def test_corrected_t_test_by_hand() -> None:
    # Mean 0.02, variance 2e-4 / 3, 4 splits, 20 test rows to 80: the error is
    # sqrt((1/4 + 1/4) 2e-4 / 3) = 0.0057735, so t = 3.4641 with 3 degrees of freedom,
    # whose 0.975 quantile is 3.18245.
    test = corrected_t_test([0.02, 0.01, 0.03, 0.02], n_train=80, n_test=20)
    assert test.mean == pytest.approx(0.02)
    assert test.low == pytest.approx(0.02 - 3.18245 * 0.0057735, abs=1e-7)
    assert test.high == pytest.approx(0.02 + 3.18245 * 0.0057735, abs=1e-7)
    # The density of t with 3 degrees of freedom integrates to
    # 1/2 + (atan(u) + u / (1 + u^2)) / pi with u = t / sqrt(3), here u = 2.
    tail = 0.5 - (math.atan(2.0) + 2.0 / 5.0) / math.pi
    assert test.p_value == pytest.approx(2 * tail)


def test_corrected_t_test_without_test_rows_to_speak_of_is_the_plain_one() -> None:
    gaps = np.random.default_rng(0).normal(0.2, 1.0, size=20).tolist()
    error = stats.sem(gaps)
    test = corrected_t_test(gaps, n_train=10**12, n_test=1)
    plain = 2 * stats.t.sf(abs(np.mean(gaps)) / error, 19)
    assert test.p_value == pytest.approx(plain, rel=1e-6)
    low, high = stats.t.interval(0.95, 19, loc=np.mean(gaps), scale=error)
    assert (test.low, test.high) == pytest.approx((low, high), rel=1e-6)


def test_corrected_t_test_widens_with_larger_test_parts() -> None:
    gaps = [0.02, 0.01, 0.03, 0.02]
    widths = [
        test.high - test.low
        for test in (corrected_t_test(gaps, n_train=80, n_test=n) for n in (1, 20, 80))
    ]
    assert all(narrow < wide for narrow, wide in pairwise(widths))


def test_corrected_t_test_at_its_ends() -> None:
    single = corrected_t_test([0.1], n_train=80, n_test=20)
    assert single.mean == 0.1
    assert math.isnan(single.low)
    assert math.isnan(single.p_value)
    equal = corrected_t_test([0.1, 0.1, 0.1], n_train=80, n_test=20)
    assert equal.low == equal.high == pytest.approx(0.1)
    assert equal.p_value == 0.0
    assert corrected_t_test([0.0, 0.0], n_train=80, n_test=20).p_value == 1.0


def test_bad_input_is_refused_in_words() -> None:
    with pytest.raises(InputError, match=r"must be a method.*got 'x'.*C4\.5"):
        compare_with(DEMSAR, "x")
    holes = DEMSAR.copy()
    holes.iloc[2, 1] = math.nan
    with pytest.raises(InputError, match=r"nan for 'C4\.5\+m' on 2"):
        mean_ranks(holes)
    with pytest.raises(InputError, match=r"at least one table.*got 0 by 4"):
        friedman_test(DEMSAR.head(0))
    with pytest.raises(InputError, match=r"distinct method names"):
        mean_ranks(pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]))
    with pytest.raises(InputError, match=r"number of methods.*at least 2, got 1"):
        nemenyi_p_values(DEMSAR[["C4.5"]])
    with pytest.raises(InputError, match=r"one or more finite numbers, got \[\]"):
        corrected_t_test([], n_train=80, n_test=20)
    with pytest.raises(InputError, match=r"at least 1, got 0\.5"):
        ir_tier(0.5)
