"""Robustness studies: what is compared, the rule in numbers, and the files."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qclmixnet.benchmark import BenchmarkRun
from qclmixnet.core.errors import InputError
from qclmixnet.report import write_stress_report
from qclmixnet.report.stress_report import imbalance_report_table, stress_tables
from qclmixnet.report.stress_scores import (
    boundaries,
    level_table,
    retained_verdict,
    stress_values,
)
from tests.report.made_up_runs import make_row, make_run

METHODS = ("qclmixnet", "knn")
# Macro recall of two folds at each level, on a table of two classes: trivial is 0.5.
RECALLS = {
    "qclmixnet": {0: (0.9, 0.9), 0.1: (0.88, 0.88), 0.2: (0.80, 0.82), 0.4: (0.5, 0.5)},
    "knn": {0: (0.7, 0.7), 0.1: (0.5, 0.5), 0.2: (0.69, 0.71), 0.4: (0.6, 0.6)},
}


def name_of(level: float) -> str:
    return f"german~label_noise~{level:g}" if level else "german"


def study(
    recalls: dict[str, dict[float, tuple[float, float]]] = RECALLS,
) -> BenchmarkRun:
    rows = [
        make_row(
            name_of(level),
            method,
            fold=fold,
            scores={"macro_recall": recall, "macro_f1": recall, "rare_recall": 0.0},
        )
        for method, levels in recalls.items()
        for level, folds in levels.items()
        for fold, recall in enumerate(folds)
    ]
    levels = next(iter(recalls.values()))
    return make_run(
        rows,
        tables=tuple(name_of(level) for level in levels),
        methods=tuple(recalls),
        n_folds=2,
    )


WORDS = ["works_to", "degrades_from", "fails_from"]


def limits_of(run: BenchmarkRun, score: str) -> dict[str, dict[str, object]]:
    limits = boundaries(level_table(stress_values(run)))
    rows = limits[limits["score"] == score].to_dict("records")
    return {str(row["method"]): {str(k): v for k, v in row.items()} for row in rows}


def words_of(limits: dict[str, dict[str, object]], method: str) -> list[object]:
    return [limits[method][word] for word in WORDS]


def test_a_table_as_it_is_is_the_start_of_every_kind_it_is_stressed_by() -> None:
    run = study()
    more = make_row("german~missing~0.2", "knn"), make_row("yeast", "knn")
    names = (*run.description.tables, "german~missing~0.2", "yeast")
    run = dataclasses.replace(
        run,
        rows=pd.concat([run.rows, pd.DataFrame(more)]),
        description=dataclasses.replace(
            run.description, tables=names, methods=("knn",), n_folds=1
        ),
        tables=make_run([], tables=names, methods=()).tables,
    )
    values = stress_values(run)
    starts = values[values["level"] == 0]
    assert set(starts["kind"]) == {"label_noise", "missing"}
    assert set(starts["table"]) == {"german"}
    assert set(values["trivial"]) == {0.5}


def test_an_unfinished_level_is_left_out_for_all_methods() -> None:
    run = study()
    lost = (run.rows["table"] == "german~label_noise~0.4") & (run.rows["fold"] == 1)
    lost &= run.rows["method"] == "knn"
    values = stress_values(dataclasses.replace(run, rows=run.rows[~lost]))
    assert sorted(values["level"].unique()) == [0, 0.1, 0.2]


def test_a_run_that_has_just_begun_is_refused() -> None:
    run = study()
    with pytest.raises(InputError, match="No level is finished by all methods yet"):
        stress_values(dataclasses.replace(run, rows=run.rows.iloc[:1]))


def test_a_table_not_finished_as_it_is_has_no_levels() -> None:
    run = study()
    late = run.rows[run.rows["table"] != "german"]
    values = stress_values(dataclasses.replace(run, rows=late))
    assert 0 not in set(values["level"])
    with pytest.raises(InputError, match="No table is finished as it is"):
        level_table(values)


def test_a_method_without_a_finished_table_does_not_hold_up_the_others() -> None:
    run = study()
    ours = run.rows[run.rows["method"] == "qclmixnet"]
    one_fold = run.rows[run.rows["method"] == "knn"].iloc[:1]
    begun = dataclasses.replace(run, rows=pd.concat([ours, one_fold]))
    values = stress_values(begun)
    assert set(values["method"]) == {"qclmixnet"}
    assert len(values) == len(ours)
    (macro_f1, *_), table = stress_tables(begun), imbalance_report_table(begun)
    assert [cells[1] for cells in macro_f1.texts()] == ["QCL-MixNet"]
    assert table is None


def test_a_failed_fit_counts_zero() -> None:
    run = study()
    rows = run.rows.copy()
    rows.loc[(rows["table"] == "german") & (rows["fold"] == 0), "status"] = "failed"
    values = stress_values(dataclasses.replace(run, rows=rows))
    found = values[(values["level"] == 0) & (values["method"] == "qclmixnet")]
    assert found["macro_recall"].tolist() == [0.0, 0.9]


def test_the_rule_by_hand() -> None:
    levels = level_table(stress_values(study()))
    ours = levels[(levels["score"] == "macro_recall") & (levels["method"] != "knn")]
    # Skills 0.4, 0.38, 0.31 and 0 over a skill of 0.4 as it is.
    assert ours["retained"].tolist() == pytest.approx([1, 0.95, 0.775, 0])
    assert ours["mean"].tolist() == pytest.approx([0.9, 0.88, 0.81, 0.5])
    assert ours["low_fold"].tolist() == pytest.approx([0.9, 0.88, 0.80, 0.5])
    assert ours["high_fold"].tolist() == pytest.approx([0.9, 0.88, 0.82, 0.5])
    assert ours["verdict"].tolist() == ["", "works", "degrades", "fails"]
    # One of four pairs of folds differs, by 0.05 of what is retained.
    scatter = (2 * 0.025**2 / 4) ** 0.5
    error = stats.t.ppf(0.95, 4) * scatter / 2**0.5
    np.testing.assert_allclose(
        ours["retained_low"], ours["retained"] - error, atol=1e-12
    )


def test_limits_are_the_first_levels() -> None:
    limits = limits_of(study(), "macro_recall")
    assert words_of(limits, "qclmixnet") == ["10 %", "20 %", "40 %"]
    # To recover at 20 % does not undo a failure at 10 %.
    assert words_of(limits, "knn") == ["as is", "10 %", "10 %"]
    assert limits["knn"]["start"] == pytest.approx(0.7)
    assert limits["knn"]["hardest"] == pytest.approx(0.6)


def test_a_method_that_works_to_the_end_has_no_other_limit() -> None:
    run = study({"knn": {0: (0.9, 0.8), 0.1: (0.9, 0.8), 0.2: (0.9, 0.8)}})
    limits = limits_of(run, "macro_recall")
    assert words_of(limits, "knn") == ["20 %", "", ""]


def test_a_method_with_nothing_to_lose_never_works() -> None:
    limits = limits_of(study(), "rare_recall")
    for method in METHODS:
        assert words_of(limits, method) == ["never", "", "as is"]


def test_wide_scatter_is_not_told_from_nothing() -> None:
    assert retained_verdict([0.3, 0.3], scatter=0.1, freedom=4)[2] == "degrades"
    mean, low, verdict = retained_verdict([0.3, 0.3], scatter=0.3, freedom=4)
    assert verdict == "fails"
    assert (mean, low) == pytest.approx((0.3, 0.3 - 2.131847 * 0.3 / 2**0.5))
    assert retained_verdict([0.3], scatter=0.0, freedom=0) == (0.3, 0.3, "degrades")


def test_fewer_rows_are_harder() -> None:
    tables = ("german", "german~rows~300", "german~rows~50")
    rows = [make_row(name, "knn", scores={"macro_recall": 0.8}) for name in tables]
    run = make_run(rows, tables=tables, methods=("knn",))
    levels = level_table(stress_values(run))
    assert levels["level"].unique().tolist() == [0, 300, 50]


def test_a_level_is_set_against_the_same_tables_as_they_are() -> None:
    recalls = {
        "german": 0.8,
        "german~drift~0.5": 0.7,
        "german~drift~1": 0.6,
        "yeast": 0.4,
        "yeast~drift~0.5": 0.3,
    }
    rows = [
        make_row(name, "knn", scores={"rare_recall": recall})
        for name, recall in recalls.items()
    ]
    run = make_run(rows, tables=tuple(recalls), methods=("knn",))
    levels = level_table(stress_values(run))
    levels = levels[levels["score"] == "rare_recall"]
    assert levels["bases"].tolist() == ["german yeast", "german yeast", "german"]
    assert levels["mean"].tolist() == pytest.approx([0.6, 0.5, 0.6])
    assert levels["start"].tolist() == pytest.approx([0.6, 0.6, 0.8])
    limits = limits_of(run, "rare_recall")["knn"]
    assert (limits["start"], limits["hardest"]) == pytest.approx((0.8, 0.6))


def test_a_run_without_stress_is_refused() -> None:
    run = make_run([make_row("german", "knn")], tables=("german",), methods=("knn",))
    with pytest.raises(InputError, match="no stressed table"):
        stress_values(run)


def test_the_table_of_limits_is_read_by_people() -> None:
    macro_f1, *_ = stress_tables(study())
    assert (
        "| Label noise | QCL-MixNet | 10 % | 20 % | 40 % | 0.500 | 0.900 |"
        in macro_f1.markdown()
    )
    assert [cells[1] for cells in macro_f1.texts()] == [
        "QCL-MixNet",
        "k-nearest neighbours",
    ]


def imbalance_study() -> BenchmarkRun:
    tables = ("nursery~imbalance~0", "nursery~imbalance~1000")
    rows = [
        make_row(name, method, scores={"rare_recall": recall})
        for name, recalls in zip(tables, ((0.9, 0.8), (0.25, 0.125)), strict=True)
        for method, recall in zip(METHODS, recalls, strict=True)
    ]
    run = make_run(rows, tables=tables, methods=METHODS)
    facts = [
        dataclasses.replace(run.tables[0], imbalance_ratio=13.2, smallest_class=164),
        dataclasses.replace(run.tables[1], imbalance_ratio=1080.0, smallest_class=2),
    ]
    return dataclasses.replace(run, tables=tuple(facts))


def test_imbalance_shows_what_was_learned_from_and_found() -> None:
    table = imbalance_report_table(imbalance_study())
    assert table is not None
    assert [cells[1:] for cells in table.texts()] == [
        ["13:1", "1,000", "164", "0.900", "0.800"],
        ["1,080:1", "1,000", "2", "0.250", "0.125"],
    ]
    assert imbalance_report_table(study()) is None


def test_files_are_written_and_the_same_again(tmp_path: Path) -> None:
    files = write_stress_report(study(), tmp_path / "a", ours="qclmixnet")
    write_stress_report(study(), tmp_path / "b", ours="qclmixnet")
    assert {path.name for path in files.figures} == {
        f"stress_{score}.{ending}"
        for score in ("macro_f1", "macro_recall", "rare_recall")
        for ending in ("svg", "png")
    }
    assert len(files.tables) == 8
    for path in (*files.figures, *files.tables):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    levels = pd.read_csv(tmp_path / "a" / "stress_levels.csv")
    assert len(levels) == 3 * 2 * 4
