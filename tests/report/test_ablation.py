"""What each part brings, by rows made up for it."""

from pathlib import Path

import pandas as pd
import pytest

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.errors import InputError
from qclmixnet.report import ablation_changes, write_ablation_report
from qclmixnet.report.ablation import ablation_in_words, ablation_kinds, ablation_scope
from tests.report.made_up_runs import make_row, make_run

TABLES = ("german", "newthyroid", "page_blocks")
METHODS = ("paper.full", "paper.no_mixup", "paper.no_entanglement")
# Macro-F1 by table; recall is 0.1 more, log-loss 1 less macro-F1.
F1 = {
    "paper.full": (0.5, 0.6, 0.7),
    "paper.no_mixup": (0.4, 0.58, 0.67),
    "paper.no_entanglement": (0.54, 0.6, 0.72),
}
SECONDS = {"paper.full": 2.0, "paper.no_mixup": 1.0, "paper.no_entanglement": 3.0}


@pytest.fixture
def run() -> BenchmarkRun:
    rows = [
        make_row(
            table,
            method,
            fit_cpu_s=SECONDS[method],
            scores={
                "macro_f1": f1,
                "macro_recall": f1 + 0.1,
                "rare_recall": f1,
                "log_loss": 1 - f1,
            },
        )
        for method, values in F1.items()
        for table, f1 in zip(TABLES, values, strict=True)
    ]
    return make_run(rows, tables=TABLES, methods=METHODS)


def test_changes_by_hand(run: BenchmarkRun) -> None:
    data = ablation_changes(run, "paper").data.set_index("variant")
    mixup = data.loc["paper.no_mixup"]
    # -10, -2 and -3 points.
    assert mixup["macro_f1"] == pytest.approx(-5.0)
    assert mixup["both"] == pytest.approx(-5.0)
    assert mixup["log_loss"] == pytest.approx(0.05)
    assert (mixup["wins"], mixup["ties"], mixup["losses"]) == (0, 0, 3)
    assert mixup["both_low"] == pytest.approx(-10.0)  # the worst table three times
    assert mixup["both_high"] == pytest.approx(-2.0)
    assert mixup["time"] == pytest.approx(0.5)
    other = data.loc["paper.no_entanglement"]
    assert other["macro_recall"] == pytest.approx(2.0)  # +4, 0 and +2 points
    assert (other["wins"], other["ties"], other["losses"]) == (2, 1, 0)
    assert other["both_low"] <= other["both"] <= other["both_high"]
    assert other["log_loss_low"] <= other["log_loss"] <= other["log_loss_high"] <= 0
    assert other["time"] == pytest.approx(1.5)


def test_kinds_by_hand(run: BenchmarkRun) -> None:
    # german: 1000 rows, 2 classes, 2.3; newthyroid: 215, 3, 5.0; page_blocks: 5472, 5,
    # 175.5.
    data = ablation_kinds(run, "paper").data.set_index("variant").loc["paper.no_mixup"]
    assert data["under 500 rows"] == pytest.approx(-2.0)
    assert data["more rows"] == pytest.approx(-6.5)
    assert data["imbalance 10 and more"] == pytest.approx(-3.0)
    assert data["two classes"] == pytest.approx(-10.0)
    assert data["more classes"] == pytest.approx(-2.5)


def test_words_follow_the_intervals(run: BenchmarkRun) -> None:
    words = ablation_in_words(run, "paper")
    assert len(words) == 2
    entanglement, mixup = words
    assert "changes by -5.0 points (-10.0 to -2.0), a loss;" in mixup
    assert "takes 0.50 times as long" in mixup
    # Drawn from +4, 0 and +2 the mean can be 0: the interval touches it.
    assert "which may be chance" in entanglement


def test_only_tables_that_all_variants_finished_count(run: BenchmarkRun) -> None:
    gone = (run.rows["table"] == "german") & (run.rows["method"] == "paper.no_mixup")
    partial = make_run(
        run.rows[~gone].to_dict("records"),  # type: ignore[arg-type]
        tables=TABLES,
        methods=METHODS,
    )
    assert ablation_scope(partial, "paper").tables == ("newthyroid", "page_blocks")
    data = ablation_changes(partial, "paper").data.set_index("variant")
    assert data.loc["paper.no_mixup", "both"] == pytest.approx(-2.5)


def test_a_run_of_other_methods_is_refused(run: BenchmarkRun) -> None:
    with pytest.raises(InputError, match=r"preset 'default' needs .* 'default\.full'"):
        ablation_changes(run, "default")
    few = make_run(
        run.rows[run.rows["method"] != "paper.full"].to_dict("records"),  # type: ignore[arg-type]
        tables=TABLES,
        methods=METHODS,
    )
    with pytest.raises(InputError, match="No table is finished"):
        ablation_changes(few, "paper")


def test_the_report_holds_what_the_rows_say(run: BenchmarkRun, tmp_path: Path) -> None:
    files = write_ablation_report(run, tmp_path, subject="paper")
    stored = pd.read_csv(tmp_path / "tables" / "ablation_paper.csv")
    expected = ablation_changes(run, "paper").data
    pd.testing.assert_frame_equal(stored, expected, check_dtype=False)
    page = files.page.read_text(encoding="utf-8")
    assert "without entanglement" in page
    assert 'id="ablation_paper-' in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "-5.0 (-10.0 to -2.0)" in files.summary.read_text(encoding="utf-8")
