"""Published figures are what the stored rows say."""

import importlib
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from qclmixnet.benchmark import load_run
from qclmixnet.report.summary import pairwise_table, summary_table
from tests.report import made_up_runs

ROOT = Path(__file__).parents[2]
_FULL = ROOT / "benchmarks" / "results" / "full"


def _load(name: str, monkeypatch: pytest.MonkeyPatch, *folders: str) -> ModuleType:
    for folder in folders:
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / folder))
    return importlib.import_module(name)


def test_the_results_page_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("first_results", monkeypatch, ".")
    rows = pd.read_csv(script.ROWS)
    n_fits = rows.groupby(["table", "method"]).size()
    assert len(n_fits) == len(script.TABLES) * len(script.METHODS)
    assert (n_fits == 5).all()
    assert script.render(rows) in script.PAGE.read_text("utf-8")


@pytest.mark.parametrize("name", ["neighbours", "refreshes"])
def test_the_page_on_neighbours_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    script = _load(name, monkeypatch, ".")
    rows = script.stored_rows(script.STORED)
    assert script.render(rows) in script.PAGE.read_text("utf-8")


def test_the_recipe_page_shows_the_studys_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("recipe", monkeypatch, ".", "studies")
    assert script.summary(pd.read_csv(script.ROWS)) in script.PAGE.read_text("utf-8")


def test_the_decision_on_trees_shows_the_studys_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("deciding", monkeypatch, ".", "studies")
    assert script.summary(pd.read_csv(script.ROWS)) in script.PAGE.read_text("utf-8")


def test_the_tuning_page_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("tuning", monkeypatch, ".")
    rows = pd.read_csv(script.ROWS)
    assert script.render(rows) in script.PAGE.read_text("utf-8")


def test_the_tuning_page_says_when_tuning_does_not_pay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("tuning", monkeypatch, ".")
    tables = script.QUICK_TABLES
    keys = [(t, m, f) for t in tables for m in script.PLAN.methods for f in range(3)]
    rows = pd.DataFrame(keys, columns=["table", "method", "fold"])
    rows = rows.assign(seed=0, status="ok", params="{}", pruned=1, failed=0)
    rows = rows.assign(search_cpu_s=9.0, fit_cpu_s=3.0, inner_default=0.7)
    # A search of a table that gains saw more of it.
    seen = rows["table"].isin(tables[:3]).map({True: 0.75, False: 0.715})
    rows = rows.assign(inner_best=seen)
    gain = {name: 0.02 if name in tables[:3] else -0.01 for name in tables}
    for score, tuned in (("default", 0.0), ("tuned", 1.0)):
        rows[score] = 0.5 + tuned * rows["table"].map(gain)
    both = [
        rows.assign(variant=v, **dict.fromkeys(script.SCORES, rows[v]))
        for v in script.VARIANTS
    ]
    text = script.render(pd.concat(both, ignore_index=True))
    assert "All 6 tables are in." in text
    assert "**QCL-MixNet: tuning does not pay.** It changes" in text
    assert "by +0.5 (" in text
    assert "better on 3 of 6 tables, worse on 3, the same on 0" in text
    # Six tables: +2 on three, -1 on three, which a limit of 2 points leaves out.
    assert "| 1 | 18 of 18 | +0.5 | 18 of 18 | +0.5 |" in text
    assert "| 2 | 9 of 18 | +1.0 | 9 of 18 | +1.0 |" in text
    few = script.render(pd.concat(both)[lambda frame: frame["table"] == tables[0]])
    assert "**The run is unfinished.** 1 of 6 tables are in" in few
    assert (
        "tuning pays on most tables.** It changes the mean of macro-F1 and macro" in few
    )


def test_the_performance_page_shows_the_newest_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("speed", monkeypatch, ".")
    assert script.render(script.newest()) in script.PAGE.read_text("utf-8")


def test_the_benchmark_page_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("full_results", monkeypatch, ".")
    page = script.PAGE.read_text("utf-8")
    if (script.RUN / "run.lock").exists():
        pytest.skip("A run is at work in the folder; the page is drawn afterwards.")
    if not (script.RUN / "rows.parquet").exists():
        assert script.NO_RUN in page
        assert not list(script.IMAGES.glob("*"))
        return
    text, figures = script.draw(load_run(script.RUN))
    assert text in page, "run: python benchmarks/full_results.py"
    stored = {path.name for path in script.IMAGES.glob("*")}
    assert stored == {f"{figure.rendered.name}.svg" for figure in figures}


def test_the_ablation_page_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("ablation_results", monkeypatch, ".")
    page = script.PAGE.read_text("utf-8")
    drawn = set()
    for subject in script.HEADINGS:
        if not (script.RUNS / subject / "rows.parquet").exists():
            assert script.HEADINGS[subject] not in page
            continue
        text, figures = script.draw(subject)
        assert text in page, "run: python benchmarks/ablation_results.py"
        drawn |= {f"{figure.rendered.name}.svg" for figure in figures}
    assert {path.name for path in script.IMAGES.glob("*")} == drawn


def test_the_benchmark_page_is_written_from_an_unfinished_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = _load("full_results", monkeypatch, ".")
    run = made_up_runs.make_large_run(partly=True)
    run = replace(run, machine={**run.machine, "memory_gb": "1", "system": "none"})
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n<!-- figures: start -->\n<!-- figures: end -->\n", "utf-8"
    )
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "old.svg").write_text("<svg/>", "utf-8")
    monkeypatch.setattr(script, "PAGE", page)
    monkeypatch.setattr(script, "IMAGES", tmp_path / "images")
    script.write(run)
    text = page.read_text("utf-8")
    assert "**The run is unfinished.** 1,959 of 1,980 fits are in: 22 methods" in text
    whole = script.completeness(made_up_runs.make_large_run(partly=False))
    assert whole.startswith("1,980 of 1,980 fits are in: 22 methods")
    shown = set(re.findall(r"images/benchmark/(\w+\.svg)", text))
    assert shown == {path.name for path in (tmp_path / "images").iterdir()}
    assert len(shown) == 7
    summary = summary_table(run)
    for name in ("qclmixnet_paper", "knn"):
        row = summary.loc[name]
        assert f"| {row['title']} | {row['mean_rank']:.1f} (" in text
    peers = pairwise_table(run, "macro_f1", "as_is", ours=script.OURS)
    for _, peer in peers.iterrows():
        line = re.search(rf"^\| {re.escape(peer['title'])} \| [+-].*$", text, re.M)
        assert line is not None
        assert line[0].endswith(f"| {peer['verdict']} |")


def test_the_decision_on_offsets_shows_the_studys_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("offset_rule", monkeypatch, "studies")
    rows = pd.read_csv(script.ROWS)
    page = (ROOT / "docs" / "decisions" / "0007-offset-rule.md").read_text("utf-8")
    assert script.by_objective(rows) in page
    assert script.by_size(rows) in page


def test_the_decision_on_processes_shows_what_the_harness_adds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("harness", monkeypatch, ".")
    assert script.render(pd.read_csv(script.ROWS)) in script.PAGE.read_text("utf-8")


def test_the_robustness_page_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("stress_results", monkeypatch, ".")
    page = script.PAGE.read_text("utf-8")
    text, figures = script.draw(script.stored())
    assert f"\n{text}\n" in page
    shown = set(re.findall(r"images/stress/(\w+\.svg)", page))
    assert shown == {f"{figure.name}.svg" for figure in figures}
    assert shown == {path.name for path in script.IMAGES.glob("*.svg")}


def test_a_finished_study_has_curves_limits_and_the_recalls_beyond_a_thousand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("stress_results", monkeypatch, ".")
    tables = (
        *("nursery~imbalance~0", "nursery~imbalance~1000"),
        *("nycflights", "nycflights~rows~50"),
    )
    rows = [
        made_up_runs.make_row(name, method, scores={"rare_recall": recall})
        for name in tables
        for method, recall in (("qclmixnet", 0.25), ("catboost", 0.125))
    ]
    run = made_up_runs.make_run(rows, tables=tables, methods=("qclmixnet", "catboost"))
    facts = [replace(t, imbalance_ratio=1080.0) for t in run.tables]
    run = replace(run, tables=tuple(facts), machine=script.load_run(_FULL).machine)
    large = replace(run, tables=run.tables[2:])
    large = replace(large, description=replace(run.description, tables=tables[2:]))
    text, figures = script.draw({"full": run, "large": large})
    assert "reached on 1 real table: `nursery`" in text
    assert "Mean recall of it: QCL-MixNet 0.250 and CatBoost (balanced) 0.125." in text
    assert [figure.name for figure in figures] == [
        *("stress_macro_f1", "stress_macro_recall", "stress_rare_recall")
    ]
    assert "| 10,000 | 0.500 | 0.500 | 0.250 | 0.125 |" in text
    assert "| 50 | 0.500 | 0.500 | 0.250 | 0.125 |" in text
    assert "The run is unfinished" in text


def test_the_page_on_time_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("time_order", monkeypatch, ".")
    rows = pd.read_csv(script.ROWS, keep_default_na=False)
    # Each table, block, split, with and without lags, and method, once.
    assert len(rows) == len(script.TABLES) * script.N_BLOCKS * 2 * 2 * 2
    assert not rows.duplicated(list(script.KEY)).any()
    assert script.render(rows) in script.PAGE.read_text("utf-8")


def test_the_page_on_probes_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("probe_page", monkeypatch, ".")
    rows = pd.read_csv(ROOT / "benchmarks" / "results" / "probes.csv")
    assert script.tables(rows) in script.PAGE.read_text("utf-8")


def test_the_page_on_explaining_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("couplings", monkeypatch, ".")
    rows = pd.read_csv(script.ROWS)
    assert len(rows) == len(script.TABLES) * len(script.NETWORKS) * script.N_SEEDS
    assert script.render(rows) in script.PAGE.read_text("utf-8")


def test_the_page_on_decisions_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("decisions", monkeypatch, ".")
    rows = pd.read_csv(script.ROWS / "costs.csv")
    assert len(rows) == 5 * len(script.SUITE)
    assert script.render(script.ROWS) in script.PAGE.read_text("utf-8")


def test_the_page_on_export_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("onnx_page", monkeypatch, ".")
    text = script.PAGE.read_text("utf-8")
    parity = pd.read_csv(script.PARITY_ROWS)
    assert script.render_parity(parity) in text
    assert script.render_speed(pd.read_csv(script.SPEED_ROWS)) in text
    assert (parity["n_other_labels"] == 0).all()
    assert parity["largest_difference"].max() < 1e-5


def test_a_label_is_not_told_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    script = _load("time_tables", monkeypatch, ".")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"day": rng.integers(0, 30, 120), "who": rng.integers(0, 3, 120)})
    bad = rng.integers(0, 2, 120).astype(float)

    def features(bad: np.ndarray) -> pd.DataFrame:
        told = pd.DataFrame({"bad": bad})
        new: pd.DataFrame = script.told_later(
            X, told, time="day", delay=2, entity="who", windows=(6, 20)
        )
        return new

    before, seen = features(bad), 0
    for row in range(0, 120, 5):
        changed = bad.copy()
        changed[row] = 1 - changed[row]
        differs = (features(changed).fillna(-1) != before.fillna(-1)).any(axis=1)
        seen += int(differs.sum())
        later = (X["day"] > X["day"][row] + 2) & (X["who"] == X["who"][row])
        assert not (differs & ~later).any()
    assert seen > 50


def test_the_page_on_large_tables_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("scale", monkeypatch, ".")
    rows = script.stored_rows(script.ROWS)
    assert script.render(rows) in script.PAGE.read_text("utf-8")


def test_targets_of_large_tables_follow_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("scale", monkeypatch, ".")

    def row(
        method: str, n_rows: int, n_columns: int, **values: object
    ) -> dict[str, str]:
        usual = {"epochs": 10, "fit_s": 1, "fit_cpu_s": n_rows / 1e4, "macro_f1": 0.7}
        sizes = {"method": method, "rows": n_rows, "columns": n_columns}
        made = {"peak_mb": 2900, **usual, **sizes, **values}
        return {name: str(value) for name, value in made.items()}

    assert {verdict for _, _, verdict in script.targets([])} == {"not run"}
    few = [row("qclmixnet", n_rows, 50) for n_rows in (10_000, 100_000)]
    assert script.targets(few)[3][2] == "not yet (so far: reached)"
    rows = [
        row("qclmixnet", 10_000, 50),
        row("qclmixnet", 1_000_000, 50, fit_s=901, macro_f1=0.694),
        row("lightgbm", 1_000_000, 50),
        row("qclmixnet", 1_000_000, 20, epochs=1, peak_mb=1000),
        row("qclmixnet", 10_000_000, 20, epochs=1, peak_mb=1090),
    ]
    found = [(reached, verdict) for _, reached, verdict in script.targets(rows)]
    assert found == [
        ("901 s", "missed"),
        ("2,900 MB", "reached"),
        ("+0.60 points", "missed"),
        ("1.00 (10,000 to 1,000,000 rows)", "reached"),
        ("1.09 times", "reached"),
    ]


def test_the_page_on_several_workers_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("ray_training", monkeypatch, ".")
    page = script.PAGE.read_text("utf-8")
    assert script.render_speeds(script.stored_rows(script.SPEEDS)) in page
    assert script.render_scores(script.stored_rows(script.SCORES)) in page


@pytest.mark.parametrize(("speed", "verdict"), [(190, "reached"), (170, "missed")])
def test_the_speed_of_workers_is_that_of_the_newest_run(
    monkeypatch: pytest.MonkeyPatch, speed: int, verdict: str
) -> None:
    script = _load("ray_training", monkeypatch, ".")

    def row(way: str, rows_per_s: float, cpu_s: float, run: str) -> dict[str, str]:
        usual = {"rows": 1000, "columns": 5, "epochs": 2, "train_s": 10, "load": 1}
        usual["batch"] = 256
        own = {"way": way, "rows_per_s": rows_per_s, "cpu_s": cpu_s, "run": run}
        made = {**usual, **own, "machine": "2 cores", "at": "2026-01-02 03:04"}
        return {name: str(value) for name, value in made.items()}

    rows = [
        row(script.TWO, 9e9, 1, "before"),
        *(row(script.ONE, value, 10, "now") for value in (100, 380, 390)),
        row(script.BOTH, 200, 10, "now"),
        row(script.TWO, speed, 20, "now"),
    ]
    other = [{**row, "batch": "1024", "run": "then"} for row in rows[1:]]
    text = script.render_speeds([*other, *rows])
    assert "in batches of 256;" in text
    assert "in batches of 1024;" in text
    assert "| one process, 1 thread | 380 | 100, 380, 390 | 380 |" in text
    assert f"learn {speed / 200:.2f} times" in text
    assert f"aimed at was 0.9 of the former, {verdict}." in text
    assert f"it is {speed / 2 / 380:.2f} of what one thread" in text


def test_scores_of_workers_are_compared_seed_by_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("ray_training", monkeypatch, ".")
    ways = (script.MEMORY, script.SHARDS, script.WORKERS)
    scores = {0: (0.60, 0.60, 0.61), 1: (0.63, 0.63, 0.63)}
    rows = [
        {
            "way": way,
            "seed": str(seed),
            "macro_f1": str(score),
            "log_loss": "0.1",
            "rows": "1000",
            "columns": "5",
            "epochs": "0",
            "at": "2026-01-02 03:04",
        }
        for seed, own in scores.items()
        for way, score in zip(ways, own, strict=True)
    ]
    text = script.render_scores(rows)
    assert "| 0 | 0.6000 | 0.6000 | 0.6100 |" in text
    assert "differ by 0.0100 at most (log-loss by 0.000000)" in text
    assert "one way differs by 0.0300" in text


def test_the_decision_on_rounds_shows_the_studys_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("rounds", monkeypatch, ".", "studies")
    assert script.summary(script.stored()) in script.PAGE.read_text("utf-8")


def test_the_decision_on_devices_shows_the_stored_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("devices", monkeypatch, ".")
    table = script.render(load_run(script.RUN), load_run(script.FULL).rows)
    assert table in script.PAGE.read_text("utf-8")
