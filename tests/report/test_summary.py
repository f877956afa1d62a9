import math

import pandas as pd
import pytest

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.errors import InputError
from qclmixnet.report import summary_table
from qclmixnet.report.page_tables import summary
from qclmixnet.report.scope import coverage_table, report_scope
from qclmixnet.report.summary import (
    failures_table,
    pairwise_table,
    table_scores,
    tier_table,
)
from qclmixnet.report.words import machines_in_words
from tests.report.made_up_runs import make_large_run, make_row, make_run


def f1_row(table: str, method: str, fold: int, f1: float) -> dict[str, object]:
    scores = {"macro_f1": f1, "log_loss": 1 - f1}
    return make_row(table, method, fold=fold, scores=scores)


@pytest.fixture
def small() -> BenchmarkRun:
    """Return two tables, three methods, two folds; one fold of `b` on `t2` failed."""
    values = {
        ("t1", "qclmixnet"): (0.8, 0.6),
        ("t1", "b"): (0.5, 0.7),
        ("t1", "c"): (0.1, 0.3),
        ("t2", "qclmixnet"): (0.9, 0.9),
        ("t2", "b"): (0.9, None),
        ("t2", "c"): (0.2, 0.2),
    }
    rows = [
        f1_row(table, method, fold, f1)
        if f1 is not None
        else make_row(table, method, fold=fold, status="failed", message="it broke")
        for (table, method), folds in values.items()
        for fold, f1 in enumerate(folds)
    ]
    return make_run(
        rows, tables=("t1", "t2"), methods=("qclmixnet", "b", "c"), n_folds=2
    )


def without(run: BenchmarkRun, table: str, method: str, fold: int) -> BenchmarkRun:
    rows = run.rows
    gone = (rows["table"] == table) & (rows["method"] == method)
    gone &= rows["fold"] == fold
    return make_run(
        rows[~gone].to_dict("records"),  # type: ignore[arg-type]
        tables=run.description.tables,
        methods=run.description.methods,
        n_folds=run.description.n_folds,
    )


def test_scores_are_means_over_folds_and_a_failed_fit_counts_zero(
    small: BenchmarkRun,
) -> None:
    expected = pd.DataFrame(
        {"qclmixnet": [0.7, 0.9], "b": [0.6, 0.45], "c": [0.2, 0.2]},
        index=["t1", "t2"],
    )
    pd.testing.assert_frame_equal(
        table_scores(small, "macro_f1", "as_is"), expected, check_names=False
    )


def test_a_failed_fit_is_left_out_of_log_loss(small: BenchmarkRun) -> None:
    scores = table_scores(small, "log_loss", "as_is")
    assert scores.loc["t2", "b"] == pytest.approx(1 - 0.9)
    assert scores.loc["t1", "b"] == pytest.approx(1 - 0.6)


def test_the_summary_holds_means_ranks_and_failures(small: BenchmarkRun) -> None:
    summary = summary_table(small)
    assert list(summary.index) == ["qclmixnet", "b", "c"]
    means = summary["macro_f1_as_is"].to_list()
    assert means == pytest.approx([0.8, 0.525, 0.2])
    assert summary["mean_rank"].to_list() == [1.0, 2.0, 3.0]
    assert summary["failures"].to_list() == [0, 1, 0]
    assert summary["fits"].to_list() == [4, 4, 4]
    assert summary["macro_f1_tuned"].isna().all()


def test_a_method_without_all_fits_is_listed_and_not_ranked(
    small: BenchmarkRun,
) -> None:
    partly = without(small, "t2", "qclmixnet", 1)
    scope = report_scope(partly)
    assert (scope.methods, scope.incomplete) == (("b", "c"), ("qclmixnet",))
    summary = summary_table(partly)
    assert list(summary.index) == ["b", "c", "qclmixnet"]
    assert summary["mean_rank"].to_list()[:2] == [1.0, 2.0]
    assert math.isnan(summary["macro_f1_as_is"]["qclmixnet"])
    assert math.isnan(table_scores(partly, "macro_f1", "as_is")["qclmixnet"]["t2"])
    row = coverage_table(partly).iloc[0].to_dict()
    assert row == {
        "method": "qclmixnet",
        "title": "QCL-MixNet",
        "fits": 3,
        "fits_expected": 4,
        "tables": 1,
        "tables_expected": 2,
    }


def test_common_tables_keep_every_method_on_fewer_tables(small: BenchmarkRun) -> None:
    partly = without(small, "t2", "qclmixnet", 1)
    scope = report_scope(partly, common_tables=True)
    assert scope.tables == ("t1",)
    assert scope.methods == ("qclmixnet", "b", "c")
    means = summary_table(partly, common_tables=True)["macro_f1_as_is"]
    assert means.to_dict() == pytest.approx({"qclmixnet": 0.7, "b": 0.6, "c": 0.2})


def test_a_fit_needs_the_rows_of_both_rules() -> None:
    rows = [make_row("t", m, rule="as_is") for m in ("a", "b")]
    rows.append(make_row("t", "a", rule="tuned"))
    run = make_run(rows, tables=("t",), methods=("a", "b"), tuned=True)
    assert report_scope(run).methods == ("a",)


def test_of_repeated_rows_the_last_counts(small: BenchmarkRun) -> None:
    rows = [*small.rows.to_dict("records"), f1_row("t1", "c", 0, 0.5)]
    run = make_run(rows, tables=("t1", "t2"), methods=("c",), n_folds=2)  # type: ignore[arg-type]
    assert table_scores(run, "macro_f1", "as_is").loc["t1", "c"] == pytest.approx(0.4)


def test_failures_are_listed_once_for_all_rules() -> None:
    rows = [
        make_row("t", "a", fold=fold, rule=rule, status="timeout", message="too long")
        for fold in (0, 1)
        for rule in ("as_is", "tuned")
    ]
    rows += [make_row("t", "a", fold=2, rule="as_is")]
    rows += [make_row("t", "a", fold=2, rule="tuned", status="failed", message="no")]
    run = make_run(rows, tables=("t",), methods=("a",), n_folds=3, tuned=True)
    found = failures_table(run)
    columns = ["status", "rules", "fits", "message"]
    assert found[columns].to_numpy().tolist() == [
        ["timeout", "as_is, tuned", 2, "too long"],
        ["failed", "tuned", 1, "no"],
    ]
    assert summary_table(run)["failures"].to_list() == [3]


def test_tiers_average_the_tables_of_a_tier() -> None:
    f1 = {"german": 0.9, "spectf": 0.7, "page_blocks": 0.4}  # IR 2.3, 3.9, 175.5
    rows = [f1_row(table, "a", 0, value) for table, value in f1.items()]
    run = make_run(rows, tables=tuple(f1), methods=("a",))
    tiers = tier_table(run, "macro_f1", "as_is")
    assert tiers.loc["a"].to_dict() == pytest.approx({"<5": 0.8, ">50": 0.4})
    assert tiers.attrs["n_tables"] == {"<5": 2, ">50": 1}


def test_pairs_count_wins_and_need_the_corrected_test(small: BenchmarkRun) -> None:
    pairs = pairwise_table(small, "macro_f1", "as_is")
    assert pairs["peer"].to_list() == ["b", "c"]
    assert pairs["mean_difference"].to_list() == pytest.approx([0.275, 0.6])
    assert pairs[["wins", "ties", "losses"]].to_numpy().tolist() == [[2, 0, 0]] * 2
    # Two tables cannot tell methods apart, however far apart they are.
    assert set(pairs["verdict"]) == {"not distinguishable"}


def test_clear_differences_on_many_tables_are_told_apart() -> None:
    run = make_large_run(n_folds=1, tuned=False, partly=False)
    pairs = pairwise_table(run, "macro_f1", "as_is").set_index("peer")
    assert pairs.loc["rusboost", "verdict"] == "better"
    worse = pairwise_table(run, "macro_f1", "as_is", ours="rusboost")
    assert worse.set_index("peer").loc["qclmixnet", "verdict"] == "worse"


def test_an_incomplete_method_is_not_compared(small: BenchmarkRun) -> None:
    partly = without(small, "t2", "qclmixnet", 1)
    assert pairwise_table(partly, "macro_f1", "as_is").empty


def test_a_run_without_rows_is_refused_in_words() -> None:
    run = make_run([], tables=("t",), methods=("a",))
    with pytest.raises(InputError, match="no finished row yet"):
        summary_table(run)


def test_an_unknown_status_is_refused() -> None:
    run = make_run([make_row("t", "a", status="lost")], tables=("t",), methods=("a",))
    with pytest.raises(InputError, match=r"got \['lost'\]"):
        summary_table(run)


def test_rows_of_another_version_are_refused(small: BenchmarkRun) -> None:
    rows = small.rows.drop(columns="ece").to_dict("records")
    run = make_run(rows, tables=("t1",), methods=("b",))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"lack the columns \['ece'\]"):
        summary_table(run)


def test_times_of_a_gpu_are_not_set_beside_those_of_a_processor() -> None:
    usual = [make_row("t", "knn", fold=fold, fit_cpu_s=2.0) for fold in (0, 1)]
    gpu = {"machine": "big, 16 cores", "device": "H100"}
    rows = [
        *usual,
        make_row("t", "mlp", fold=0, fit_cpu_s=1.0, **gpu),  # type: ignore[arg-type]
        make_row("t", "mlp", fold=1, fit_cpu_s=6.0, machine="small, 2 cores"),
        make_row("t", "tabm", fold=0, fit_cpu_s=1.0, **gpu),  # type: ignore[arg-type]
        make_row("t", "tabm", fold=1, fit_cpu_s=3.0, **gpu),  # type: ignore[arg-type]
    ]
    run = make_run(rows, tables=("t",), methods=("knn", "mlp", "tabm"), n_folds=2)
    seconds = summary_table(run)["fit_cpu_s"]
    assert seconds[["knn", "mlp"]].to_dict() == {"knn": 2.0, "mlp": 6.0}
    assert math.isnan(seconds["tabm"])
    assert "without 3 fits on a GPU" in summary(run, ours="knn").note
    lines = ["big, 16 cores, H100: 3 fits", "small, 2 cores: 1 fit"]
    assert machines_in_words(run) == lines
    alone = make_run(rows[-2:], tables=("t",), methods=("tabm",), n_folds=2)
    assert summary_table(alone)["fit_cpu_s"].tolist() == [2.0]
    assert "GPU" not in summary(alone, ours="tabm").note


def test_a_method_is_not_timed_by_the_few_tables_that_a_processor_fitted() -> None:
    gpu = {"machine": "big, 16 cores", "device": "H100"}
    rows = [
        *(make_row(table, "knn", fold=0, fit_cpu_s=2.0) for table in ("s", "t")),
        make_row("s", "mlp", fold=0, fit_cpu_s=1.0, **gpu),  # type: ignore[arg-type]
        make_row("t", "mlp", fold=0, fit_cpu_s=6.0),
    ]
    run = make_run(rows, tables=("s", "t"), methods=("knn", "mlp"), n_folds=1)
    seconds = summary_table(run)["fit_cpu_s"]
    assert seconds["knn"] == 2.0
    assert math.isnan(seconds["mlp"])
    told = "without 1 fit on a GPU and 1 other fit of methods whose other tables"
    assert told in summary(run, ours="knn").note
    alone = make_run(rows[-2:], tables=("s", "t"), methods=("mlp",), n_folds=1)
    assert summary_table(alone)["fit_cpu_s"].tolist() == [6.0]
