"""The pages of the three experiments say what the stored rows say."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from qclmixnet.benchmark import BenchmarkRun, load_run
from qclmixnet.report.ablation import ablation_changes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("experiments")


@pytest.fixture
def runs(script: ModuleType) -> dict[str, BenchmarkRun]:
    return {subject: load_run(script.ABLATION / subject) for subject in script.OWNERS}


def both_by_fold(run: BenchmarkRun, method: str) -> dict[tuple[str, int], float]:
    rows = run.rows[run.rows["method"].eq(method) & run.rows["rule"].eq("as_is")]
    return {
        (str(row["table"]), int(row["fold"])): 50
        * (float(row["macro_f1"]) + float(row["macro_recall"]))
        for row in rows.to_dict("records")
    }


def test_the_pages_show_the_stored_rows(script: ModuleType) -> None:
    pages = script.pages()
    for path, (text, _) in pages.items():
        shown = path.read_text("utf-8")
        assert f"\n{text}\n" in shown, "run: python benchmarks/experiments.py"
    drawn = {f"{figure.name}.svg" for _, figure in pages.values()}
    assert {path.name for path in script.IMAGES.glob("*")} == drawn


@pytest.mark.parametrize("page", ["entanglement", "partners"])
def test_differences_are_those_of_a_plain_loop(
    script: ModuleType, runs: dict[str, BenchmarkRun], page: str
) -> None:
    found = script.differences(page, runs)
    contrasts = script.CONTRASTS[page]
    assert found["text"].tolist() == [contrast.text for contrast in contrasts]
    for contrast, row in zip(contrasts, found.to_dict("records"), strict=True):
        run = runs[contrast.subject]
        one = both_by_fold(run, f"{contrast.subject}.{contrast.one}")
        other = both_by_fold(run, f"{contrast.subject}.{contrast.other}")
        tables = script.ablation_scope(run, contrast.subject).tables
        by_table = []
        for table in tables:
            folds = [fold for name, fold in one if name == table]
            change = [one[table, fold] - other[table, fold] for fold in folds]
            by_table.append(sum(change) / len(change))
        assert row["tables"] == len(by_table)
        assert row["both"] == pytest.approx(sum(by_table) / len(by_table), abs=1e-6)
        assert row["wins"] == sum(change > 1e-9 for change in by_table)
        assert row["losses"] == sum(change < -1e-9 for change in by_table)
        if contrast.heading:
            drawn = script.by_table(run, contrast)
            assert drawn.set_index("table")["mean"].loc[list(tables)].tolist() == (
                pytest.approx(by_table)
            )
            assert drawn["ratio"].is_monotonic_increasing


def test_a_part_brings_what_its_lack_costs(
    script: ModuleType, runs: dict[str, BenchmarkRun]
) -> None:
    changes = ablation_changes(runs["paper"], "paper").data.set_index("variant")
    found = script.differences("entanglement", runs).iloc[0]
    without = changes.loc["paper.no_entanglement"]
    for score in ("both", "macro_f1", "rare_recall", "log_loss"):
        assert found[score] == pytest.approx(-without[score])
        assert found[f"{score}_low"] == pytest.approx(-without[f"{score}_high"])


def test_words_follow_the_interval(script: ModuleType) -> None:
    record = {
        "owner": "It",
        "text": "a, or b",
        "wins": 5,
        "losses": 1,
        "tables": 6,
        "rare_recall": -0.04,
        "time": 1.5,
        "both": 1.0,
    }
    for low, high, claim in (
        (0.1, 2.0, "the first is better"),
        (-2.0, -0.1, "the first is worse"),
        (-0.1, 2.0, "this may be chance"),
    ):
        told = script.sentence({**record, "both_low": low, "both_high": high})
        assert f"): {claim}. Better on 5 and worse on 1 of 6 tables" in told
        assert "smallest class +0.0 points" in told
