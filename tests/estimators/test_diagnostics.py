"""Every signature is told apart from its absence; numbers are checked by hand."""

import itertools
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet import QCLMixNetClassifier
from qclmixnet.augment import find_neighbours
from qclmixnet.core.errors import DataWarning
from qclmixnet.estimators import fitting
from qclmixnet.estimators.diagnostics import (
    Diagnostic,
    disagreement,
    judge_disagreement,
    judge_loss_terms,
    judge_overfitting,
    listed,
    loss_shares,
    sample_rows,
    warn_of_diagnostics,
)
from qclmixnet.estimators.neighbour_diagnostics import (
    hubness,
    judge_neighbours,
    neighbour_purity,
    purity_p_values,
)
from qclmixnet.estimators.table_diagnostics import (
    Contradictions,
    column_recalls,
    count_contradictions,
    judge_class_sizes,
    judge_columns,
    judge_contradictions,
)

PAPER = {"focal": 0.7, "intra": 0.007, "inter": 0.007, "supcon": 0.3, "triplet": 0.3}
Found = list[Diagnostic]


def normal(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def names(found: Found) -> list[str]:
    return [each.name for each in found]


# Rows that are looked at


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=8).filter(any),
    st.integers(0, 400),
)
def test_a_sample_has_no_more_rows_than_asked_for(
    counts: list[int], n_rows: int
) -> None:
    codes = np.repeat(np.arange(len(counts)), counts)
    rows = sample_rows(codes, n_rows=n_rows)
    assert len(rows) <= n_rows or len(codes) <= n_rows
    assert len(np.unique(rows)) == len(rows)
    assert (np.diff(rows) > 0).all()


def test_a_sample_keeps_small_classes_and_is_the_same_each_time() -> None:
    codes = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [9000, 960, 40]))
    rows = sample_rows(codes, n_rows=1000)
    # 50, 50 and 40 rows first; 860 more in the proportion of 8,950 to 910: 780 and 79.
    assert np.bincount(codes[rows]).tolist() == [830, 129, 40]
    np.testing.assert_array_equal(rows, sample_rows(codes, n_rows=1000))


def test_a_long_list_is_cut() -> None:
    assert listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdefgh")) == "a, b, c, d, e and 3 more"


# Neighbours


def test_the_purity_of_six_rows_by_hand() -> None:
    x = np.array([[0], [1], [2.1], [10], [11], [12.1]], dtype=np.float32)
    neighbours = find_neighbours(x, k=2).indices
    # The left three rows are each other's neighbours, and so are the right three.
    codes = np.array([0, 0, 1, 1, 1, 0])
    # Class 0: 1/2, 1/2, 0. Class 1: 0, 1/2, 1/2.
    assert neighbour_purity(neighbours, codes) == pytest.approx([1 / 3, 1 / 3])
    assert neighbour_purity(neighbours, np.array([0, 0, 0, 2, 2, 2])) == pytest.approx(
        [1, np.nan, 1], nan_ok=True
    )


def test_the_purity_is_that_of_a_slow_loop() -> None:
    codes = np.random.default_rng(1).integers(0, 3, size=40)
    neighbours = find_neighbours(normal(40, 2), k=5).indices
    for code, got in enumerate(neighbour_purity(neighbours, codes)):
        pairs = [(i, j) for i in range(40) if codes[i] == code for j in neighbours[i]]
        assert got == pytest.approx(np.mean([codes[j] == code for _, j in pairs]))


def test_a_p_value_is_small_where_classes_stay_together() -> None:
    x = normal(200, 2)
    together = (x[:, 0] > 1).astype(np.int64)
    neighbours = find_neighbours(x, k=5).indices
    assert purity_p_values(neighbours, together).tolist() == [0.01, 0.01]
    apart = np.random.default_rng(1).permutation(together)
    assert purity_p_values(neighbours, apart).min() > 0.05


def test_p_values_of_shuffled_labels_are_spread_evenly() -> None:
    neighbours = find_neighbours(normal(100, 2), k=5).indices
    p_values = [
        purity_p_values(
            neighbours,
            np.random.default_rng(seed).permutation(np.repeat([0, 1], [75, 25])),
        )[1]
        for seed in range(100, 200)
    ]
    # Of 100 draws 5 are expected, and more than 14 in 1 of 10,000 cases.
    assert np.mean(np.array(p_values) <= 0.05) <= 0.14
    assert 0.35 < np.mean(p_values) < 0.65


def test_the_hubness_of_a_star_by_hand() -> None:
    # Row 0 is the neighbour of all others: the counts are 9 and 1, then 0 eight times.
    neighbours = np.array([[1]] + 9 * [[0]])
    deviations = np.array([9, 1] + 8 * [0]) - 1.0
    skewness = np.mean(deviations**3) / np.mean(deviations**2) ** 1.5
    assert hubness(neighbours) == pytest.approx(skewness)
    assert hubness(np.array([[1], [0]])) == 0


def test_neighbours_that_mean_nothing_are_noted_by_class() -> None:
    x = normal(300, 3)
    told = (x[:, 0] > 1.2).astype(np.int64)
    assert judge_neighbours(x, told, ["common", "rare"]) == []
    untold = np.random.default_rng(1).permutation(told)
    (found,) = judge_neighbours(x, untold, ["common", "rare"])
    assert (found.name, found.severity) == ("neighbours", "note")
    assert "rare (" in found.message
    assert "common" not in found.message  # the larger half is among its own by chance
    assert found.value > found.threshold == 0.05


def test_only_the_class_without_meaning_is_named() -> None:
    x = normal(400, 3)
    codes = np.where(x[:, 0] > 1, 1, 0)
    lost = np.random.default_rng(1).choice(np.flatnonzero(codes == 0), 40)
    codes[lost] = 2
    (found,) = judge_neighbours(x, codes, ["a", "b", "c"])
    assert "c (" in found.message
    assert "b (" not in found.message


def test_a_class_of_few_rows_is_not_blamed_for_its_neighbours() -> None:
    codes = np.repeat([0, 1], [191, 9])
    assert judge_neighbours(normal(200, 3), codes, ["a", "b"]) == []


def test_hubs_are_noted_in_many_dimensions_only() -> None:
    codes = np.repeat([0, 1], [195, 5])
    assert judge_neighbours(normal(200, 3), codes, ["a", "b"]) == []
    (found,) = judge_neighbours(normal(200, 100), codes, ["a", "b"])
    assert found.name == "hubs"
    assert found.value > 3


# Terms of the loss


def history(n_epochs: int = 20, **terms: float) -> list[dict[str, float]]:
    usual = {"focal": 0.2, "intra": 0.3, "inter": 0.1, "supcon": 3.0, "triplet": 0.5}
    return n_epochs * [usual | terms]


def test_shares_of_a_loss_by_hand() -> None:
    shares = loss_shares(
        [{"a": 1.0, "b": 2.0, "c": 9.0}, {"a": 0.0, "b": 0.0, "c": 9.0}],
        {"a": 0.6, "b": 0.2, "c": 0.0},
    )
    assert set(shares) == {"a", "b"}
    assert shares["a"].tolist() == pytest.approx([0.6, 0.0])
    assert shares["b"].tolist() == pytest.approx([0.4, 0.0])


def test_a_usual_history_of_the_papers_loss_is_fine() -> None:
    assert judge_loss_terms(history(), PAPER) == []


def test_a_term_that_takes_over_is_noted() -> None:
    (found,) = judge_loss_terms(history(supcon=40.0), PAPER)
    assert "these terms make up 'supcon' 97.618% of it" in found.message
    # 12 of 0.14 + 0.0021 + 0.0007 + 12 + 0.15
    assert found.value == pytest.approx(12 / 12.2928)
    assert found.threshold == 0.95


def test_a_dead_term_is_noted() -> None:
    (found,) = judge_loss_terms(history(triplet=0.0), PAPER)
    assert "'triplet' 0.000%" in found.message
    assert (found.name, found.value, found.threshold) == ("loss_terms", 0, 0.001)


def test_a_ruling_term_and_the_dead_ones_are_one_note() -> None:
    (found,) = judge_loss_terms(history(supcon=40.0, triplet=0.0, focal=0.0), PAPER)
    assert "'supcon' 99.977%, 'focal' 0.000%, 'triplet' 0.000%" in found.message
    assert found.threshold == 0.95


def test_what_the_weights_ask_for_is_not_noted() -> None:
    # The variance terms weigh half a percent, and do not die by being small.
    assert judge_loss_terms(history(intra=0.0, inter=0.0), PAPER) == []
    alone = {"focal": 1.0, "intra": 0.01, "inter": 0.01, "supcon": 0.0, "triplet": 0.0}
    assert judge_loss_terms(history(), alone) == []


def test_only_most_of_the_second_half_counts() -> None:
    dead, alive = history(1, triplet=0.0), history(1)
    assert judge_loss_terms(10 * dead + 10 * alive, PAPER) == []
    assert judge_loss_terms(10 * alive + 6 * alive + 4 * dead, PAPER) == []
    assert len(judge_loss_terms(10 * alive + 4 * alive + 6 * dead, PAPER)) == 1


def test_a_short_history_is_not_judged() -> None:
    assert judge_loss_terms(history(9, triplet=0.0), PAPER) == []


# Members


def test_disagreement_by_hand() -> None:
    votes = np.array([[0, 1, 2, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 2, 0, 1]])
    # 4, 2, 2 and 2 of 4 votes are the majority's.
    assert disagreement(votes).tolist() == [0.0, 0.5, 0.5, 0.5]


def voting(noise: float, n_members: int = 8) -> npt.NDArray[np.int64]:
    """Votes for a common opinion, a share of them drawn anew."""
    rng = np.random.default_rng(0)
    opinion = rng.choice(2, size=300, p=[0.8, 0.2])
    drawn = rng.choice(2, size=(n_members, 300), p=[0.8, 0.2])
    return np.where(rng.random((n_members, 300)) < noise, drawn, opinion)


def test_members_without_a_common_opinion_are_noted() -> None:
    assert judge_disagreement(voting(noise=0.2)) == []
    (found,) = judge_disagreement(voting(noise=1.0))
    assert found.name == "disagreement"
    assert found.value == pytest.approx(1, abs=0.1)
    assert found.threshold == 0.5


def test_members_that_all_say_the_same_agree() -> None:
    assert judge_disagreement(np.zeros((8, 100), dtype=np.int64)) == []


def test_one_member_or_few_rows_are_not_judged() -> None:
    assert judge_disagreement(voting(noise=1.0, n_members=1)) == []
    assert judge_disagreement(voting(noise=1.0)[:, :49]) == []


def test_a_gap_between_training_and_left_out_rows_is_noted() -> None:
    many = np.array([500, 500])
    assert judge_overfitting(0.95, 0.75, many) == []
    (found,) = judge_overfitting(0.95, 0.65, many)
    assert found.name == "overfitting"
    assert found.value == pytest.approx(0.3)
    assert found.threshold == 0.25
    assert "0.95" in found.message
    assert "0.65" in found.message


def test_a_gap_that_few_left_out_rows_can_give_by_chance_is_not_noted() -> None:
    # Two standard errors of classes of 1 and 4 rows are sqrt(1 + 1 / 4) / 2 = 0.559.
    few = np.array([4, 1, 0])
    assert judge_overfitting(1.0, 0.45, few) == []
    (found,) = judge_overfitting(1.0, 0.4, few)
    assert found.threshold == pytest.approx(np.sqrt(1.25) / 2)


def test_no_gap_is_judged_where_nothing_was_left_out() -> None:
    assert judge_overfitting(1.0, 0.0, np.array([0, 0])) == []


# Class sizes


def test_classes_of_fewer_than_ten_rows_are_named_smallest_first() -> None:
    assert judge_class_sizes(np.array([10, 10, 0]), ["a", "b", "c"]) == []
    (found,) = judge_class_sizes(np.array([500, 9, 2]), ["a", "b", "c"])
    assert found.message == "Classes with fewer than 10 rows: c (2), b (9)."
    assert (found.severity, found.value, found.threshold) == ("note", 2, 10)


# Columns


def recall(column: Any, codes: npt.NDArray[np.int64]) -> float:
    return column_recalls({"column": np.asarray(column)}, codes)["column"]


def test_the_recall_of_one_column_by_hand() -> None:
    # Whichever third of each class is left out, level a is class 0 more often.
    codes = np.repeat([0, 1], 12)
    column = np.array(9 * ["a"] + 3 * ["b"] + 3 * ["a"] + 9 * ["b"], dtype=object)
    assert recall(column, codes) == pytest.approx(9 / 12)
    assert recall((column == "a").astype(float), codes) == pytest.approx(9 / 12)


RARE = np.repeat([0, 1], [990, 10])
"""As rare as a class can be to be judged."""

LEAKS = {
    "the label as a number": RARE.astype(float),
    "the label as a word": np.array(["no", "yes"], dtype=object)[RARE],
    "a number above all others": normal(1000).astype(float) + 20 * RARE,
    "a number below all others": normal(1000).astype(float) - 20 * RARE,
    "a number between the others": np.where(
        RARE, normal(1000) / 100, np.sign(normal(1000)) + normal(1000, seed=1) / 10
    ).astype(float),
    "missing unless rare": np.where(RARE, normal(1000), np.nan).astype(float),
    "a word unless rare": np.array(["word", None], dtype=object)[RARE],
    "a later date": np.datetime64("2024-01-01", "us")
    + (np.arange(1000) % 300 + 400 * RARE).astype("timedelta64[D]"),
    "no date unless rare": np.where(
        RARE, np.datetime64("2024-01-01", "us"), np.datetime64("NaT", "us")
    ),
}


@pytest.mark.parametrize("leak", list(LEAKS))
def test_a_column_that_decides_is_found(leak: str) -> None:
    assert recall(LEAKS[leak], RARE) > 0.999


@pytest.mark.parametrize("seed", range(3))
def test_a_column_of_noise_tells_no_more_than_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat([0, 1, 2], [500, 300, 200]))
    word = rng.choice(list("abcdefghij"), size=1000).astype(object)
    for column in (rng.normal(size=1000), rng.integers(0, 5, size=1000) * 1.0, word):
        assert recall(column, codes) == pytest.approx(1 / 3, abs=0.08)


def test_a_different_word_in_each_row_tells_nothing() -> None:
    column = np.array([str(row) for row in range(1000)], dtype=object)
    assert recall(column, RARE) == 0


def test_one_of_many_classes_in_a_row_of_intervals_is_found() -> None:
    codes = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 50))
    assert recall(codes + normal(1000) / 20, codes) == 1.0


def test_classes_of_few_rows_are_left_out() -> None:
    assert column_recalls({"column": np.zeros(25)}, np.repeat([0, 1], [20, 5])) == {}
    codes = np.repeat([0, 1, 2], [20, 20, 5])
    assert recall(np.minimum(codes, 1).astype(float), codes) == 1.0


def test_a_leak_is_a_warning_and_names_the_column() -> None:
    (found,) = judge_columns({"a": 0.6, "b": 0.5, "leak": 0.999}, n_rows=200)
    assert (found.name, found.severity) == ("leakage", "warning")
    assert "Column 'leak' alone tells the class" in found.message
    assert (found.value, found.threshold) == (0.999, 0.995)


def test_a_very_good_column_or_a_small_table_is_a_note() -> None:
    for best, n_rows in ((0.99, 1000), (1.0, 199)):
        (found,) = judge_columns({"a": 0.6, "leak": best}, n_rows=n_rows)
        assert (found.severity, found.threshold) == ("note", 0.98)


def test_a_column_is_not_suspicious_among_its_equals() -> None:
    assert judge_columns({"a": 0.9, "b": 0.85, "c": 1.0}, n_rows=500) == []
    assert judge_columns({"a": 0.94, "b": 0.5, "c": 0.5}, n_rows=500) == []
    assert judge_columns({"alone": 1.0}, n_rows=500) == []
    assert judge_columns({}, n_rows=500) == []


# Equal rows of different classes


def test_contradictions_by_hand() -> None:
    # Rows of kind 5: twice class 0, once class 1; of kind 6: class 0; of 7: class 1.
    counted = count_contradictions(
        np.array([5, 6, 5, 7, 5, 7]), np.array([0, 0, 0, 1, 1, 1])
    )
    # Kind 5 as class 0: all of class 0 is right, and 2 of 3 of class 1.
    assert counted.n_rows == 3
    assert counted.best_recall == pytest.approx((1 + 2 / 3) / 2)
    assert counted.share_different == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_the_best_recall_is_that_of_trying_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds, codes = rng.integers(0, 5, size=30), rng.permutation(np.arange(30) % 3)
    best = max(
        np.mean([(np.array(answer)[kinds[codes == c]] == c).mean() for c in range(3)])
        for answer in itertools.product(range(3), repeat=5)
    )
    assert count_contradictions(kinds, codes).best_recall == pytest.approx(best)


def test_a_class_without_rows_does_not_count() -> None:
    assert count_contradictions(np.arange(4), np.array([0, 0, 2, 2])).best_recall == 1


def test_contradictions_are_a_warning_where_rows_differ_otherwise() -> None:
    (found,) = judge_contradictions(Contradictions(40, 0.9, 0.9))
    assert (found.name, found.severity) == ("contradictions", "warning")
    assert "40 rows are equal to rows of another class" in found.message
    assert (found.value, found.threshold) == (0.9, 0.95)


def test_coarse_tables_and_small_losses_are_a_note() -> None:
    for counted in (Contradictions(400, 0.7, 0.1), Contradictions(40, 0.97, 0.9)):
        (found,) = judge_contradictions(counted)
        assert found.severity == "note"


def test_few_contradictions_or_harmless_ones_are_no_matter() -> None:
    assert judge_contradictions(Contradictions(9, 0.5, 1.0)) == []
    assert judge_contradictions(Contradictions(500, 0.985, 0.9)) == []


# The whole fit


def people(n_rows: int = 240) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
    """Two classes that two of four columns tell apart, not perfectly."""
    rng = np.random.default_rng(0)
    y = rng.choice(["common", "rare"], size=n_rows, p=[0.75, 0.25])
    frame = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=["x", "y", "z"])
    frame["x"] += 2.5 * (y == "rare")
    lied = rng.random(n_rows) < 0.15
    frame["word"] = np.where((y == "rare") ^ lied, "ash", "elm")
    return frame, y


def quick(**settings: Any) -> QCLMixNetClassifier:
    chosen = {"max_epochs": 30, "n_tree_rounds": 0, "random_state": 0} | settings
    return QCLMixNetClassifier(**chosen)


@pytest.mark.usefixtures("users_view")
@pytest.mark.parametrize(
    "clf", [quick(), quick(preset="paper", n_tree_rounds=None, max_epochs=12)]
)
def test_a_clean_table_gives_no_diagnostics(clf: QCLMixNetClassifier) -> None:
    frame, y = people()
    assert clf.fit(frame, y).diagnostics_ == ()


@pytest.mark.usefixtures("users_view")
def test_a_leak_is_warned_of_once_at_the_callers_line(tmp_path: Path) -> None:
    frame, y = people()
    frame["leak"] = np.where(y == "rare", 1.0, 0.0)
    clf = quick(max_epochs=2)
    with pytest.warns(DataWarning, match="Column 'leak' alone") as caught:
        clf.fit(frame, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    leak = next(each for each in clf.diagnostics_ if each.name == "leakage")
    assert str(caught[0].message) == str(leak)
    clf.save(tmp_path / "model")
    assert QCLMixNetClassifier.load(tmp_path / "model").diagnostics_ == clf.diagnostics_
    clf.fit(frame.drop(columns="leak"), y)
    assert "leakage" not in names([*clf.diagnostics_])


@pytest.mark.usefixtures("users_view")
def test_all_that_is_severe_is_one_warning() -> None:
    frame, y = people()
    wrong = frame[y == "rare"]  # entered again, as the other class
    frame = pd.concat([frame, wrong], ignore_index=True)
    y = np.concatenate([y, ["common"] * len(wrong)])
    with pytest.warns(DataWarning, match="rows are equal") as caught:
        clf = quick(max_epochs=2).fit(frame, y)
    assert len(caught) == 1
    found = next(each for each in clf.diagnostics_ if each.name == "contradictions")
    # Each rare row is contradicted: to find it costs a 240th of the common ones.
    n_rare = len(wrong)
    assert found.value == pytest.approx(1 - n_rare / 240 / 2)
    assert f"{2 * n_rare} rows" in found.message


def test_two_severe_ones_are_one_warning() -> None:
    severe = Diagnostic("a", "warning", "One.", 1, 0, "Act.")
    note = Diagnostic("b", "note", "Two.", 1, 0, "Wait.")
    other = Diagnostic("c", "warning", "Three.", 1, 0, "Look.")
    with pytest.warns(DataWarning) as caught:
        warn_of_diagnostics([severe, note, other])
    assert [str(each.message) for each in caught] == ["One. Act.\nThree. Look."]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_diagnostics([note])


@pytest.mark.usefixtures("users_view")
def test_labels_without_meaning_are_noted_by_neighbours_and_members() -> None:
    frame, y = people()
    shuffled = np.random.default_rng(1).permutation(y)
    found = quick().fit(frame, shuffled).diagnostics_
    assert {"neighbours", "disagreement"} <= {each.name for each in found}
    assert {each.severity for each in found} == {"note"}


def wide(n_rows: int, d: int, lift: float) -> tuple[npt.NDArray[Any], Any]:
    """Rows of which three columns say something, in many that say nothing."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], n_rows // 2))
    X = rng.normal(size=(n_rows, d))
    X[:, :3] += lift * y[:, None]
    return X, y


@pytest.mark.usefixtures("users_view")
def test_members_that_overfit_are_noted() -> None:
    found = quick(max_epochs=60).fit(*wide(80, 300, 1.0)).diagnostics_
    assert "overfitting" in names([*found])


@pytest.mark.usefixtures("users_view")
def test_the_papers_network_that_learned_its_rows_by_heart_is_noted() -> None:
    clf = QCLMixNetClassifier("paper", max_epochs=40, random_state=0)
    found = clf.fit(*wide(120, 60, 0.5)).diagnostics_
    assert {"overfitting", "loss_terms"} <= set(names([*found]))


@pytest.mark.usefixtures("users_view")
def test_the_callers_random_numbers_are_not_touched() -> None:
    frame, y = people()
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    ours, control = np.random.default_rng(3), np.random.default_rng(3)
    quick(max_epochs=1, random_state=ours).fit(frame, y)
    control.integers(2**63)  # the one seed of a fit
    assert ours.integers(2**63) == control.integers(2**63)
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("n_lost", "words"), [(1, "taken up once from"), (3, "taken up 3 times from")]
)
def test_lost_workers_are_noted(n_lost: int, words: str) -> None:
    (noted,) = fitting._noted_losses(n_lost)
    assert words in noted.message
    assert (noted.value, noted.severity) == (n_lost, "note")
    assert fitting._noted_losses(0) == []
