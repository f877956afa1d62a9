"""A recommendation's numbers and words, against numbers computed by hand."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.errors import InputError
from qclmixnet.report import recommend
from tests.report.made_up_runs import make_row, make_run

N_TRAIN, N_TEST = 800, 200

# Five folds. The forest is ahead of every other method by about the same in each.
FOREST = [0.80, 0.82, 0.81, 0.83, 0.79]
BEHIND = [0.70, 0.73, 0.70, 0.73, 0.70]  # by 0.10, 0.09, 0.11, 0.10, 0.09
NEAR = [0.90, 0.72, 0.88, 0.74, 0.78]  # by -0.10, 0.10, -0.07, 0.09, 0.01
FAR = [0.50, 0.53, 0.50, 0.53, 0.50]

Scores = dict[str, Sequence[float | None]]


def run_of(
    scores: Scores,
    *,
    score: str = "macro_f1",
    seconds: dict[str, float] | None = None,
    n_seeds: int = 1,
    gpu: str = "",
) -> BenchmarkRun:
    """Return a run on one table; None is a fit that ran out of time."""
    rows = []
    for method, values in scores.items():
        n_folds = len(values) // n_seeds
        for place, value in enumerate(values):
            ok = value is not None
            rows.append(
                make_row(
                    "german",
                    method,
                    fold=place % n_folds,
                    seed=place // n_folds,
                    status="ok" if ok else "timeout",
                    message="" if ok else "stopped at the limit of 600 s",
                    fit_cpu_s=(seconds or {}).get(method, 1.0),
                    n_train=N_TRAIN,
                    device="H100" if method == gpu else "cpu",
                    scores={} if value is None else {score: value},
                )
            )
    return make_run(
        rows,
        tables=("german",),
        methods=tuple(scores),
        n_folds=n_folds,
        n_seeds=n_seeds,
        source="german.csv",
    )


def by_hand(better: Sequence[float], worse: Sequence[float]) -> tuple[float, ...]:
    """Return mean, interval and p-value of Nadeau and Bengio's test."""
    differences = [a - b for a, b in zip(better, worse, strict=True)]
    n = len(differences)
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    error = math.sqrt(variance * (1 / n + N_TEST / N_TRAIN))
    half = stats.t.ppf(0.975, n - 1) * error
    return mean, mean - half, mean + half, 2 * stats.t.sf(abs(mean) / error, n - 1)


def test_the_highest_mean_wins_and_its_facts_are_told() -> None:
    advice = recommend(run_of({"xgboost": BEHIND, "random_forest": FOREST}))
    assert advice.winner == "random_forest"
    assert advice.text.startswith(
        "On 1,000 rows in 2 classes (the rarest has 300), Random forest has the "
        "highest macro-F1: 0.810 on average over 5 test parts."
    )


def test_a_clear_lead_is_better_with_the_interval_of_the_corrected_test() -> None:
    mean, low, high, p = by_hand(FOREST, BEHIND)
    assert p < 0.01
    advice = recommend(run_of({"xgboost": BEHIND, "random_forest": FOREST}))
    assert advice.distinguishable
    words = (
        f"It is better than the second, XGBoost (balanced), by {mean:.3f} (95 % "
        f"interval {low:.3f} to {high:.3f}); the difference is distinguishable from "
        "chance (p < 0.001, corrected)."
    )
    assert p < 0.001
    assert words in advice.text
    assert "not distinguishable" not in advice.text


def test_a_lead_by_chance_is_not_distinguishable() -> None:
    mean, low, high, p = by_hand(FOREST, NEAR)
    assert low < 0 < high
    advice = recommend(run_of({"random_forest": FOREST, "xgboost": NEAR}))
    assert advice.winner == "random_forest"
    assert not advice.distinguishable
    words = (
        f"The second, XGBoost (balanced), is behind by {mean:.3f} (95 % interval "
        f"{low:.3f} to {high:.3f}), which is not distinguishable from chance (p = "
        f"{p:.2g}, corrected): either will do"
    )
    assert words in advice.text
    assert "better" not in advice.text


def test_a_plain_test_would_be_sure_where_the_corrected_one_is_not() -> None:
    second = [0.79, 0.79, 0.80, 0.80, 0.78]  # by 0.01, 0.03, 0.01, 0.03, 0.01
    third = [0.70, 0.60, 0.75, 0.60, 0.72]
    differences = np.subtract(FOREST, second)
    plain = differences.mean() / (differences.std(ddof=1) / math.sqrt(5))
    assert 2 * stats.t.sf(plain, 4) < 0.05
    assert by_hand(FOREST, second)[3] > 0.05
    advice = recommend(
        run_of({"random_forest": FOREST, "xgboost": second, "knn": third})
    )
    assert not advice.distinguishable


def test_holm_corrects_for_the_number_of_methods() -> None:
    lead = [0.79, 0.79, 0.782, 0.814, 0.78]
    p = by_hand(FOREST, lead)[3]
    assert 0.025 < p < 0.05
    alone = recommend(run_of({"random_forest": FOREST, "xgboost": lead}))
    assert alone.distinguishable
    assert f"(p = {p:.2g}, corrected)" in alone.text
    both = recommend(run_of({"random_forest": FOREST, "xgboost": lead, "knn": lead}))
    assert not both.distinguishable
    assert f"(p = {2 * p:.2g}, corrected)" in both.text


def test_a_sentence_about_the_third_names_the_winner() -> None:
    advice = recommend(
        run_of({"random_forest": FOREST, "xgboost": NEAR, "knn": BEHIND, "gat": FAR})
    )
    assert (
        "either will do, so let cost or habit decide. Random forest is better than "
        "k-nearest neighbours and GAT." in advice.text
    )
    clear = recommend(run_of({"random_forest": FOREST, "knn": BEHIND, "gat": FAR}))
    assert "Random forest is also better than GAT." in clear.text


def test_a_failed_fit_counts_zero_and_is_named() -> None:
    broken = [None, 0.99, 0.99, 0.99, 0.99]  # a mean of 0.792, 0.99 without the zero
    advice = recommend(run_of({"random_forest": FOREST, "catboost": broken}))
    assert advice.winner == "random_forest"
    mean, low, high, _ = by_hand(FOREST, [value or 0.0 for value in broken])
    assert f"{mean:.3f} (95 % interval {low:.3f} to {high:.3f})" in advice.text
    assert (
        "CatBoost (balanced) failed or ran out of time in 1 of 5 fits, which count as 0"
        in advice.text
    )
    assert "Random forest failed" not in advice.text


def test_a_method_without_any_fit_has_no_cost() -> None:
    advice = recommend(run_of({"random_forest": FOREST, "tabnet": [None] * 5}))
    assert "TabNet failed or ran out of time in 5 of 5 fits" in advice.text
    assert "TabNet takes" not in advice.text
    assert "nan" not in advice.text.lower()


def test_costs_are_medians_of_the_first_two() -> None:
    advice = recommend(
        run_of(
            {"random_forest": FOREST, "xgboost": BEHIND, "knn": FAR},
            seconds={"random_forest": 0.254, "xgboost": 72.4},
        )
    )
    assert (
        "Random forest takes 0.25 s to fit and 0.01 s to predict 1,000 rows; XGBoost "
        "(balanced) takes 72 s to fit and 0.01 s to predict 1,000 rows (medians)."
        in advice.text
    )
    assert "neighbours takes" not in advice.text


def test_ours_wins() -> None:
    advice = recommend(run_of({"qclmixnet": FOREST, "knn": BEHIND}))
    assert advice.winner == "qclmixnet"
    assert "QCL-MixNet has the highest macro-F1" in advice.text
    assert "is number" not in advice.text


def test_ours_is_second() -> None:
    advice = recommend(run_of({"random_forest": FOREST, "qclmixnet": BEHIND}))
    assert "better than the second, QCL-MixNet, by" in advice.text
    assert "is number" not in advice.text


@pytest.mark.parametrize(
    ("scores", "verdict"), [(FAR, "worse"), (NEAR, "not distinguishable from it")]
)
def test_ours_is_third(scores: list[float], verdict: str) -> None:
    second = [value + 0.001 for value in NEAR] if scores is NEAR else BEHIND
    advice = recommend(
        run_of({"random_forest": FOREST, "xgboost": second, "qclmixnet": scores})
    )
    behind = by_hand(FOREST, scores)[0]
    assert (
        f"QCL-MixNet is number 3 of 3, {behind:.3f} behind the first: {verdict}."
        in advice.text
    )


def test_ours_is_absent() -> None:
    advice = recommend(run_of({"random_forest": FOREST, "knn": BEHIND}))
    assert "QCL-MixNet" not in advice.text


def test_the_paper_preset_may_be_ours() -> None:
    run = run_of({"knn": FOREST, "xgboost": BEHIND, "qclmixnet_paper": FAR})
    assert (
        "QCL-MixNet (paper) is number 3" in recommend(run, ours="qclmixnet_paper").text
    )
    assert "is number" not in recommend(run).text


def test_one_method_alone_has_nothing_to_be_better_than() -> None:
    advice = recommend(run_of({"knn": FOREST}))
    assert advice.winner == "knn"
    assert not advice.distinguishable
    assert advice.text == (
        "On 1,000 rows in 2 classes (the rarest has 300), k-nearest neighbours has the "
        "highest macro-F1: 0.810 on average over 5 test parts. k-nearest neighbours "
        "takes 1 s to fit and 0.01 s to predict 1,000 rows (medians)."
    )


def test_the_first_of_equals_is_not_called_better() -> None:
    advice = recommend(run_of({"knn": FOREST, "random_forest": FOREST}))
    assert advice.winner == "knn"
    assert not advice.distinguishable
    assert "Random forest has the same in every test part: let cost" in advice.text
    assert "behind" not in advice.text


def test_seeds_are_more_test_parts() -> None:
    scores: Scores = {"knn": FOREST + BEHIND, "gat": FAR + FAR}
    advice = recommend(run_of(scores, n_seeds=2))
    assert "0.761 on average over 10 test parts" in advice.text
    mean, low, high, _ = by_hand(FOREST + BEHIND, FAR + FAR)
    assert f"by {mean:.3f} (95 % interval {low:.3f} to {high:.3f})" in advice.text


def test_macro_recall_can_decide() -> None:
    run = run_of({"knn": BEHIND, "random_forest": FOREST}, score="macro_recall")
    by_recall = recommend(run, score="macro_recall")
    assert by_recall.winner == "random_forest"
    assert "Random forest has the highest macro recall: 0.810" in by_recall.text
    # By macro-F1, which is 0.5 in every row here, the two are equal.
    assert recommend(run).winner == "knn"


def test_the_tuned_rule_does_not_decide() -> None:
    rows = [
        make_row("german", method, fold=fold, rule=rule, scores={"macro_f1": value})
        for method, as_is, tuned in (("knn", FOREST, FAR), ("gat", BEHIND, NEAR))
        for rule, values in (("as_is", as_is), ("tuned", tuned))
        for fold, value in enumerate(values)
    ]
    run = make_run(
        rows, tables=("german",), methods=("knn", "gat"), n_folds=5, tuned=True
    )
    advice = recommend(run)
    assert advice.winner == "knn"
    assert "0.810 on average over 5 test parts" in advice.text


def test_no_successful_fit_is_an_error_with_the_first_message() -> None:
    words = r"No fit succeeded.*first message is: stopped at the limit of 600 s\.$"
    with pytest.raises(InputError, match=words):
        recommend(run_of({"knn": [None] * 5, "gat": [None] * 5}))


def test_two_tables_are_refused() -> None:
    rows = [make_row(table, "knn") for table in ("german", "glass")]
    run = make_run(rows, tables=("german", "glass"), methods=("knn",))
    with pytest.raises(InputError, match="for one table; this run has 2"):
        recommend(run)


def test_a_score_where_less_is_better_is_refused() -> None:
    with pytest.raises(InputError, match=r"`score` must be .*got 'log_loss'"):
        recommend(run_of({"knn": FOREST}), score="log_loss")


def test_a_run_without_rows_is_refused() -> None:
    run = make_run([], tables=("german",), methods=("knn",))
    with pytest.raises(InputError, match="no finished row yet"):
        recommend(run)


def test_text_is_plain_sentences() -> None:
    text = recommend(
        run_of({"knn": FOREST, "gat": [None, *NEAR[1:]], "qclmixnet": FAR})
    ).text
    assert text.endswith(".")
    assert not re.search(r"\s{2}|\.\.|nan|None", text)


def test_it_says_when_training_parts_were_cut() -> None:
    run = run_of({"random_forest": FOREST, "knn": BEHIND})
    n_train = run.tables[0].n_rows * 4 / 5
    cut = replace(run, description=replace(run.description, max_train_rows=50))
    assert (
        f"learned from 50 of about {n_train:,.0f} training rows" in recommend(cut).text
    )
    assert "training rows" not in recommend(run).text


def test_a_fit_on_a_gpu_is_called_so() -> None:
    run = run_of({"xgboost": BEHIND, "random_forest": FOREST}, gpu="random_forest")
    text = recommend(run).text
    assert "Random forest takes 1 s to fit, on a GPU, and" in text
    assert "XGBoost (balanced) takes 1 s to fit and" in text
