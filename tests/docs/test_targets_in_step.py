"""The page of targets is what the stored rows say, by computations done right."""

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.benchmark import BenchmarkRun, LabelledTable
from qclmixnet.decision import ProbabilityScaling
from qclmixnet.estimators.models import MemberModel
from qclmixnet.evaluation.protocol import Fold
from qclmixnet.evaluation.statistics import mean_ranks
from qclmixnet.metrics import score_predictions
from tests.report import made_up_runs

ROOT = Path(__file__).parents[2]
TABLES = ("german", "car", "yeast")
SMALL_PEERS = ("catboost", "lightgbm")
SCORES: dict[str, dict[str, tuple[float, float, float]]] = {
    "qclmixnet": {
        "macro_f1": (0.80, 0.70, 0.60),
        "macro_recall": (0.6, 0.6, 0.6),
        "rare_recall": (0.9, 0.5, 0.4),
        "log_loss": (0.3, 0.3, 0.3),
        "ece": (0.02, 0.04, 0.07),
    },
    "catboost": {
        "macro_f1": (0.78, 0.71, 0.55),
        "macro_recall": (0.7, 0.5, 0.6),
        "rare_recall": (0.8, 0.5, 0.35),
        "log_loss": (0.4, 0.2, 0.3),
        "ece": (0.02, 0.04, 0.06),
    },
    "lightgbm": {
        "macro_f1": (0.70, 0.60, 0.50),
        "macro_recall": (0.5, 0.7, 0.6),
    },
    # The published network is no peer here, and beats everybody.
    "qclmixnet_paper": {"macro_f1": (0.9, 0.9, 0.9), "macro_recall": (0.9, 0.9, 0.9)},
}


def _load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module(name)


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return _load("targets", monkeypatch)


@pytest.fixture
def frontier(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return _load("frontier", monkeypatch)


def small_run() -> BenchmarkRun:
    rows = [
        made_up_runs.make_row(
            table,
            method,
            rule=rule,
            scores={score: values[i] for score, values in scores.items()},
        )
        for method, scores in SCORES.items()
        for i, table in enumerate(TABLES)
        for rule in ("as_is", "tuned")
    ]
    return made_up_runs.make_run(rows, tables=TABLES, methods=tuple(SCORES), tuned=True)


def lines_of(text: str) -> dict[str, tuple[str, str]]:
    """Return what is reached and the verdict of every line of a rendered page."""
    found = {}
    for row in text.splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        if len(cells) == 5 and cells[0][0].isdigit():
            found[cells[0]] = (cells[3], cells[4])
    return found


def rule_rows(
    rules: Sequence[str], scores: dict[str, tuple[float, float]]
) -> pd.DataFrame:
    """Return rows of the frontier for one fold; rules that are not given are poor."""
    return pd.DataFrame(
        [
            (table, 0, rule, *scores.get(rule, (0.1, 0.1)))
            for table in TABLES
            for rule in rules
        ],
        columns=["table", "fold", "rule", "macro_f1", "macro_recall"],
    )


def test_the_page_shows_the_stored_rows(targets: ModuleType) -> None:
    if (targets.RUN / "run.lock").exists():
        pytest.skip("A run is at work in the folder; the page is drawn afterwards.")
    assert len(targets.PEERS) == 20
    page = targets.PAGE.read_text("utf-8")
    text = targets.draw(targets.RUN)
    assert text in page, "run: python benchmarks/targets.py"
    lines = lines_of(page)
    numbers = "1 2 3a 3b 4 5 6 7a 7b 8a 8b 8c 9a 9b 10 11 12"
    assert list(lines) == numbers.split()
    if not (targets.RESULTS / targets.frontier.ROWS_NAME).exists():
        assert lines["11"] == ("-", "not yet")
    if not (targets.RESULTS / targets.frontier.ONE_ROW_NAME).exists():
        assert lines["9b"] == ("-", "not yet")


def test_ranks_differences_and_verdicts_are_those_of_a_hand_computed_run(
    targets: ModuleType,
) -> None:
    lines = lines_of(targets.render(small_run(), None, None, peers=SMALL_PEERS))
    cat = "CatBoost (balanced)"
    # Ranks in macro-F1: ours 1 2 1, CatBoost 2 1 2; in macro recall: 2 2 2 and 1 3 2.
    assert lines["1"] == (f"1st of 3: 1.33; next is {cat}, 1.67", "reached")
    assert lines["2"] == (f"shared 1st of 3: 2.00; next is {cat}, 2.00", "reached")
    # Ahead by 0, 0 and 0.5: the interval starts at 0, so the margin is not clear.
    assert lines["3a"] == (
        f"1st of 3: 1.67; next is {cat}, 1.83; distance +0.17 (+0.00 to +0.50)",
        "missed",
    )
    assert lines["3b"] == (
        f"better than 0 of 2; not distinguishable from {cat} and LightGBM (balanced)",
        "missed",
    )
    assert lines["4"][0].startswith("macro-F1 1st of 3: 1.33; next is ")
    assert lines["4"][1] == "reached"
    assert lines["5"][0].startswith("70.0 against 68.0: +2.00 (-1.00 to +5.00)")
    assert lines["5"][1] == "reached"
    assert lines["6"][0].startswith("60.0 against 55.0: +5.00 (")
    assert lines["6"][1] == "reached"
    assert lines["7a"][0].startswith("0.300 against 0.300: ")
    assert lines["7a"][1] == "reached"
    assert lines["7b"][0].startswith("0.043 against 0.040: +0.003 (")
    assert lines["7b"][1] == "missed"
    assert lines["12"][1] == "not yet"


def test_a_leader_is_named_and_a_test_says_whether_it_is_better(
    targets: ModuleType,
) -> None:
    def verdict(n_tables: int) -> tuple[str, str]:
        tables = tuple(made_up_runs.TABLES)[:n_tables]
        rows = [
            made_up_runs.make_row(table, method, scores={"macro_recall": recall})
            for table in tables
            for method, recall in (("qclmixnet", 0.5), ("catboost", 0.6))
        ]
        run = made_up_runs.make_run(
            rows, tables=tables, methods=("qclmixnet", "catboost")
        )
        return lines_of(targets.render(run, None, None, peers=("catboost",)))["2"]

    # All tables against ours: p = 2 / 2^5 is not below 0.05, 2 / 2^6 is.
    place = "2nd of 2: 2.00; 1st is CatBoost (balanced), 1.00"
    few = f"{place}; not distinguishable (Holm p = 0.062)"
    assert verdict(5) == (few, "reached")
    assert verdict(6) == (f"{place}; ours is worse (Holm p = 0.031)", "missed")


def test_ranks_are_those_of_the_report_without_the_published_network(
    targets: ModuleType,
) -> None:
    field = targets.Field(made_up_runs.make_large_run(partly=False), targets.PEERS)
    assert len(field.scope.methods) == 21
    assert "qclmixnet_paper" not in field.scope.methods
    found = field.ranks("macro_f1", "as_is").mean()
    expected = mean_ranks(field.scores("macro_f1", "as_is"))
    assert found.sort_values(kind="stable").tolist() == pytest.approx(
        [rank.mean_rank for rank in expected]
    )


def test_lines_wait_for_missing_peers(targets: ModuleType) -> None:
    whole = targets.render(made_up_runs.make_large_run(partly=False), None, None)
    assert whole.startswith("20 of 20 peers have finished all 18 tables.\n")
    waiting = [name for name, (_, word) in lines_of(whole).items() if "yet" in word]
    assert waiting == ["9b", "11", "12"]

    text = targets.render(made_up_runs.make_large_run(partly=True), None, None)
    lines = lines_of(text)
    assert "18 of 20 peers have finished all 18 tables." in text
    missing = "FT-Transformer (89 of 90 fits) and TabM-D (70 of 90 fits)"
    assert f"Missing: {missing}." in text
    for name in ("1", "2", "3a", "4", "8c"):
        assert lines[name][1].startswith("not yet (so far: "), name
    assert lines["1"][0].split(":")[0].endswith(" of 19")
    assert lines["8c"][0].endswith(" x TabM-D's, on 14 of 18 tables")
    assert lines["8a"][1] in ("reached", "missed")


def test_nothing_is_decided_while_ours_is_missing(targets: ModuleType) -> None:
    run = small_run()
    ours = run.rows["method"] == "qclmixnet"
    rows = run.rows[~(ours & (run.rows["table"] == "car"))]
    run = made_up_runs.make_run(
        rows.to_dict("records"),  # type: ignore[arg-type]
        tables=TABLES,
        methods=tuple(SCORES),
        tuned=True,
    )
    text = targets.render(run, None, None, peers=SMALL_PEERS)
    lines = lines_of(text)
    assert "QCL-MixNet itself has not." in text
    for name in ("1", "2", "3a", "3b", "4", "5", "6", "7a", "7b"):
        assert lines[name] == ("-", "not yet")
    assert lines["9a"][1] == "not yet (so far: reached)"
    assert lines["9a"][0].endswith("on 2 of 3 tables")


@pytest.mark.parametrize(
    ("better", "n_pairs", "n_peers", "expected"),
    [
        (15, 20, 20, True),
        (14, 20, 20, False),
        (14, 19, 20, None),
        (10, 10, 20, None),
        (9, 15, 20, False),
        (15, 15, 20, True),
    ],
)
def test_the_count_of_tests_is_open_while_missing_peers_can_make_it_up(
    targets: ModuleType, better: int, n_pairs: int, n_peers: int, expected: object
) -> None:
    names = list(targets.PEERS[:n_pairs])
    tables = tuple(made_up_runs.TABLES)
    rng = np.random.default_rng(0)
    levels = {"qclmixnet": 0.8}
    levels |= {name: 0.5 if i < better else 0.8 for i, name in enumerate(names)}
    rows = []
    for i, table in enumerate(tables):
        for name, level in levels.items():
            # The others are better and worse by turns, so that no test tells them.
            turn = 0.01 * (-1) ** i * (level == 0.8) * (name != "qclmixnet")
            noise = rng.uniform(0, 0.01) * (level == 0.5)
            score = level + turn + noise
            scores = {"macro_f1": score, "macro_recall": score}
            rows.append(made_up_runs.make_row(table, name, scores=scores))
    run = made_up_runs.make_run(rows, tables=tables, methods=tuple(levels))
    field = targets.Field(run, targets.PEERS[:n_peers])
    text, hit = targets.tests(field)
    assert text.startswith(f"better than {better} of {n_pairs}")
    assert hit is expected


def test_costs_are_medians_of_ratios_on_the_tables_that_both_have(
    targets: ModuleType,
) -> None:
    times = {
        "german": ((2.0, 4.0, 100.0), (8.0, 1.0, 10.0)),  # 4 / 8
        "car": ((1.0, 3.0, 2.0), (2.0, 2.0, 2.0)),  # 2 / 2
        "yeast": ((9.0, 9.0, 9.0), (3.0, 3.0, 3.0)),  # 3, the peer's last fold missing
        "glass": ((6.0, 6.0, 6.0), (4.0, 2.0, math.nan)),  # 6 / 3, one fold failed
    }
    rows = []
    for table, pair in times.items():
        for method, seconds in zip(("qclmixnet", "catboost"), pair, strict=True):
            for fold, value in enumerate(seconds):
                if (table, method, fold) != ("yeast", "catboost", 2):
                    row = made_up_runs.make_row(
                        table,
                        method,
                        fold=fold,
                        status="failed" if math.isnan(value) else "ok",
                        fit_cpu_s=value,
                    )
                    rows.append(row)
    run = made_up_runs.make_run(
        rows, tables=tuple(times), methods=("qclmixnet", "catboost"), n_folds=3
    )
    field = targets.Field(run, ("catboost",))
    ratios = targets.cost_ratios(field, "fit_cpu_s", "catboost")
    assert ratios.to_dict() == {"german": 0.5, "car": 1.0, "glass": 2.0}
    line = targets.Line("8a", "fit time", "")
    line = targets.cost_line(field, line, ratios, "catboost", 1.0)
    assert line.target == "at most 1 x CatBoost (balanced)'s"
    assert line.reached == "1.00 x CatBoost (balanced)'s, on 3 of 4 tables"
    assert line.verdict == "not yet (so far: reached)"
    assert not len(targets.cost_ratios(field, "fit_cpu_s", "tabm"))


def test_times_side_by_side_stand_in_for_those_of_the_run(
    targets: ModuleType,
) -> None:
    seconds = (
        *(("german", "9:00", "qclmixnet", 2.0), ("german", "9:00", "catboost", 4.0)),
        # A slower hour: both take thrice as long, which no ratio may mix.
        *(("german", "17:00", "qclmixnet", 6.0), ("german", "17:00", "catboost", 12.0)),
        *(("german", "18:00", "qclmixnet", 6.0), ("german", "18:00", "catboost", 6.0)),
        # Another peer's round says nothing of this one.
        *(("car", "9:00", "qclmixnet", 1.0), ("car", "9:00", "lightgbm", 4.0)),
        *(("car", "9:30", "qclmixnet", 8.0), ("car", "9:30", "catboost", 2.0)),
    )
    times = pd.DataFrame(seconds, columns=["table", "began", "method", "fit_cpu_s"])
    times["predict_ms_per_1k"] = 3 * times["fit_cpu_s"]
    ratios = targets.side_ratios(times, "fit_cpu_s", "catboost")
    assert ratios.to_dict() == {"german": 0.5, "car": 4.0}
    assert not len(targets.side_ratios(times, "fit_cpu_s", "tabm"))
    lines = lines_of(targets.render(small_run(), None, None, times, peers=SMALL_PEERS))
    assert lines["8a"][0].startswith("2.25 x CatBoost")  # of 0.5 and 4
    assert lines["9a"][0].startswith("0.250 x LightGBM")
    assert lines["8c"] == ("-", "not yet")


@pytest.mark.parametrize(("ms", "verdict"), [(1.99, "reached"), (2.0, "missed")])
def test_one_row_is_compared_with_its_limit(
    targets: ModuleType, ms: float, verdict: str
) -> None:
    one_row = pd.DataFrame(
        {
            "method": ["qclmixnet", "lightgbm"],
            "table": "page_blocks",
            "median_ms": [ms, 0.5],
        }
    )
    text = targets.render(small_run(), None, one_row, peers=SMALL_PEERS)
    reached = (
        f"{ms:.2f} ms on `page_blocks` (LightGBM (balanced) 0.50 ms in the same loop)"
    )
    assert lines_of(text)["9b"] == (reached, verdict)


def test_each_peer_gets_the_first_rule_that_is_above_it_in_both_means(
    targets: ModuleType,
) -> None:
    # Means of the peers: CatBoost 68 and 60, LightGBM 60 and 60.
    rows = rule_rows(
        targets.frontier.RULES,
        {
            "balanced": (0.70, 0.60),  # no more recall than either
            "macro_f1": (0.65, 0.61),
            "lean 0.25": (0.69, 0.65),
            "lean 1.0": (0.75, 0.75),
        },
    )
    text = targets.render(small_run(), rows, None, peers=SMALL_PEERS)
    found = "a rule for 2 of 2 peers, for 0 the default rule"
    assert lines_of(text)["11"] == (found, "reached")
    assert "| CatBoost (balanced) | 68.00 | 60.00 | lean 0.25 |" in text
    assert "| LightGBM (balanced) | 60.00 | 60.00 | macro_f1 |" in text
    assert "| balanced (the default) | 70.00 | 60.00 |" in text
    # The run's scores are 80, 70, 60 and 60, 60, 60: the made-up ones meet one fold.
    assert "the run's scores on 1 of 3 folds." in text

    rows = rule_rows(targets.frontier.RULES, {"balanced": (0.61, 0.61)})
    lines = lines_of(targets.render(small_run(), rows, None, peers=SMALL_PEERS))
    found = "a rule for 1 of 2 peers, for 1 the default rule; none for "
    assert lines["11"] == (f"{found}CatBoost (balanced)", "missed")

    waiting = targets.render(small_run(), rows, None, peers=(*SMALL_PEERS, "tabm"))
    assert lines_of(waiting)["11"][1] == "not yet (so far: missed)"


def test_rules_wait_for_all_folds(targets: ModuleType) -> None:
    rows = rule_rows(targets.frontier.RULES, {})
    for part in (None, rows.iloc[:0], rows[:-1]):
        text = targets.render(small_run(), part, None, peers=SMALL_PEERS)
        assert lines_of(text)["11"] == ("-", "not yet")
        assert "| our rule |" not in text


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st")],
)
def test_places_are_written_out(targets: ModuleType, number: int, text: str) -> None:
    assert targets.ordinal(number) == text


def little_table() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [90, 25, 15])
    return pd.DataFrame(rng.normal(size=(130, 3)) + 0.7 * y[:, None]), y


def little_classifier(decision: str | None = None) -> QCLMixNetClassifier:
    return QCLMixNetClassifier(
        n_members=2,
        n_tree_rounds=3,
        max_epochs=3,
        decision=decision,  # type: ignore[arg-type]
        random_state=0,
        device="cpu",
    )


def test_replayed_rules_decide_like_fits_that_ask_for_them(
    frontier: ModuleType,
) -> None:
    X, y = little_table()
    clf = little_classifier()
    left_out = frontier.fit_listening(clf, X, y)
    proba = clf.predict_proba(X)
    model = clf.state_.model
    assert isinstance(model, MemberModel)
    rules = frontier.rules_for(left_out, model.scaling)
    assert tuple(rules) == frontier.RULES
    for name in ("balanced", "macro_f1", "macro_recall", "argmax"):
        asked = little_classifier(name).fit(X, y)
        rule = rules[name]
        decided = proba.argmax(axis=1) if rule is None else rule.decide(proba)
        assert decided.tolist() == asked.predict(X).tolist(), name


def test_a_lean_multiplies_by_the_rarity_beyond_the_weights_of_the_training(
    frontier: ModuleType,
) -> None:
    counts = np.array([90, 10])
    codes, proba = np.repeat([0, 1], [90, 10]), np.full((100, 2), 0.5)
    left_out = frontier.LeftOut(codes, proba, counts, 0.5)
    rules = frontier.rules_for(left_out, ProbabilityScaling(1.0, 0.0, (0.0, 0.0)))
    assert rules["argmax"] is None
    for lean, factor in ((0.0, 1 / 3), (0.25, 3**-0.5), (0.5, 1.0), (1.0, 3.0)):
        low, high = rules[f"lean {lean}"].offsets
        assert high - low == pytest.approx(math.log(factor))


def test_rules_are_scored_as_the_benchmark_scores(
    frontier: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = little_table()
    # The training part lacks class 1, so class numbers and columns differ.
    fold = Fold(np.flatnonzero(y != 1)[::2], np.arange(1, 130, 3))
    clf = little_classifier()

    def make(name: str, **settings: object) -> QCLMixNetClassifier:
        assert name == "qclmixnet"
        expected = {"random_state": 0, "n_threads": 1, "time_limit_s": 1200.0}
        assert settings == expected
        return clf

    monkeypatch.setattr(frontier, "make_method", make)
    table = LabelledTable("little", X, y, np.array(["a", "b", "c"]))
    rows = pd.DataFrame(frontier.replay(table, fold, time_limit_s=1200.0))
    assert tuple(rows["rule"]) == frontier.RULES
    proba = np.zeros((len(fold.test), 3))
    proba[:, [0, 2]] = clf.predict_proba(X.iloc[fold.test])
    for rule, decided in (
        ("balanced", clf.predict(X.iloc[fold.test])),
        ("argmax", proba.argmax(axis=1)),
    ):
        found = score_predictions(y[fold.test], decided, proba, labels=["a", "b", "c"])
        row = rows.set_index("rule").loc[rule]
        assert row["macro_f1"] == pytest.approx(found.macro_f1, abs=1e-6)
        assert row["macro_recall"] == pytest.approx(found.macro_recall, abs=1e-6)


def test_a_fold_of_another_size_than_in_the_run_is_refused(
    frontier: ModuleType,
) -> None:
    run = made_up_runs.make_run(
        [made_up_runs.make_row("car", "knn", n_train=3)],
        tables=("car",),
        methods=("knn",),
    )
    test = np.arange(200)
    frontier.check_sizes(run, "car", 0, Fold(np.arange(3), test))
    with pytest.raises(ValueError, match=r"Fold 0 of car has \(4, 200\)"):
        frontier.check_sizes(run, "car", 0, Fold(np.arange(4), test))


def test_a_torn_file_of_rows_keeps_its_whole_folds(
    frontier: ModuleType, tmp_path: Path
) -> None:
    file = tmp_path / "frontier.csv"
    assert len(frontier.stored_rows(file)) == 0
    rows = rule_rows(frontier.RULES, {"balanced": (0.25, 0.5)})
    n_rules = len(frontier.RULES)
    torn = rows.iloc[: 2 * n_rules + 3].to_csv(index=False)
    file.write_text(torn + "yeast,0,lean 0.", "utf-8")
    kept = frontier.stored_rows(file)
    assert kept["table"].tolist() == ["german"] * n_rules + ["car"] * n_rules
    assert file.read_text("utf-8") == rows.iloc[: 2 * n_rules].to_csv(index=False)
