"""`benchmark`, `report` and `compare`: what they leave, say and refuse."""

import importlib.util
import json
import re
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from qclmixnet import QCLMixNetClassifier
from qclmixnet.baselines import make_baseline
from qclmixnet.benchmark import RunDescription, load_run
from qclmixnet.benchmark.differences import differences_in_words
from qclmixnet.report import Recommendation

Call = Callable[..., Result]
TWO = ("--tables", "newthyroid,glass", "--folds", 2)
PEERS = ("--methods", "logistic_regression,knn", "--folds", 2)
CHEAP = ("--methods", "logistic_regression,random_forest,knn,qclmixnet_paper")


def assert_one_sentence(result: Result, words: str) -> None:
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert len(errors) == 1, result.stderr
    assert re.search(words, errors[0]), errors[0]
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.fixture(scope="module")
def finished(call: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    methods = ("--methods", "knn", "--methods", "logistic_regression")
    said = json.loads(call("benchmark", *TWO, *methods, "--out", out, "--json").stdout)
    assert said == {
        "run": str(out),
        "rows": 2 * 2 * 2 * 2,
        "failed": 0,
        "timeout": 0,
        "methods": ["knn", "logistic_regression"],
        "tables": ["newthyroid", "glass"],
    }
    return out


@pytest.fixture(scope="module")
def credit(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 300 rows of the german table and bad versions of it."""
    folder = tmp_path_factory.mktemp("credit")
    table = pd.read_csv(files / "german.csv").sample(300, random_state=0)
    table = table.reset_index(drop=True)
    table.to_csv(folder / "credit.csv", index=False)
    table = table[["duration", "purpose", "age", "credit_risk"]]
    table.assign(credit_risk="good").to_csv(folder / "one_class.csv", index=False)
    table.iloc[:12].to_csv(folder / "twelve.csv", index=False)
    lone = table.iloc[:60].copy()
    lone.loc[5, "credit_risk"] = "fraud"
    lone.to_csv(folder / "lone.csv", index=False)
    holes = table.astype({"credit_risk": object})
    holes.loc[[5, 7, 9], "credit_risk"] = None
    holes.to_csv(folder / "holes.csv", index=False)
    many = table.iloc[:60].assign(credit_risk=[f"k{i % 10}" for i in range(60)])
    many.to_csv(folder / "many.csv", index=False)
    (folder / "empty.csv").write_text("")
    return folder


@pytest.fixture(scope="module")
def compared(call: Call, credit: Path) -> tuple[Path, Result]:
    out = credit / "compared"
    result = call(
        *("compare", credit / "credit.csv", "--target", "credit_risk", *CHEAP),
        *("--folds", 2, "--out", out),
    )
    return out, result


def test_commands_and_their_json_are_in_the_help(call: Call) -> None:
    for name in ("benchmark", "report", "compare"):
        assert name in call("--help").stdout
        assert "--json" in call(name, "--help").stdout


def test_the_report_of_a_run_is_a_page(call: Call, finished: Path) -> None:
    said = json.loads(call("report", finished, "--json").stdout)
    page = Path(said["page"])
    assert said == {"page": str(finished / "report" / "index.html")}
    text = page.read_text(encoding="utf-8")
    for words in ("k-nearest neighbours", "Logistic regression", "newthyroid", "glass"):
        assert words in text


def test_the_report_may_go_elsewhere(
    call: Call, finished: Path, tmp_path: Path
) -> None:
    said = call("report", finished, "--out", tmp_path / "r", "--ours", "knn").stdout
    assert said == f"Report in {tmp_path / 'r' / 'index.html'}\n"
    assert (tmp_path / "r" / "index.html").is_file()


def test_a_run_goes_on_by_default(call: Call, finished: Path) -> None:
    before = (finished / "rows.parquet").read_bytes()
    result = call("benchmark", *TWO, "--methods", "knn", "--out", finished)
    assert (finished / "rows.parquet").read_bytes() == before
    assert "fitted" not in result.stderr
    assert load_run(finished).description.methods == ("knn", "logistic_regression")
    assert "Means over tables and folds" in result.stdout
    assert f"qclmixnet report {finished}" in result.stdout


def test_progress_ends_and_tells_no_time_it_does_not_know(
    call: Call, tmp_path: Path
) -> None:
    result = call(
        *("benchmark", "--tables", "newthyroid", "--methods", "knn", "--folds", 2),
        *("--out", tmp_path / "run"),
    )
    lines = result.stderr.splitlines()
    assert lines[0] == "0 of 2 fitted"
    assert re.fullmatch(r"1 of 2 fitted, about 0:00:\d\d left", lines[1])
    assert lines[2:] == ["2 of 2 fitted"]
    # On one table there is no rank to show.
    assert "Means over folds" in result.stdout
    assert "rank" not in result.stdout


BAD_RUNS: dict[str, tuple[tuple[object, ...], str]] = {
    "unknown method": (("--methods", "knn,knnn"), "no method 'knnn'; choose among qcl"),
    "method twice": (("--methods", "knn,knn"), "named twice"),
    "table twice": (("--tables", "glass,glass"), "table is named twice in glass"),
    "unknown table": (("--tables", "newtyroid"), "Did you mean 'newthyroid'"),
    "no methods": (("--methods", ","), "list of names is empty"),
    "no tables": (("--tables", ""), "list of names is empty"),
    "folds": (("--tables", "glass", "--folds", 500), "Use fewer folds"),
}


@pytest.mark.parametrize("case", BAD_RUNS)
def test_a_bad_run_is_refused_and_leaves_nothing(
    case: str, call: Call, tmp_path: Path
) -> None:
    arguments, words = BAD_RUNS[case]
    usual = ("--tables", "glass") if "--tables" not in arguments else ()
    result = call("benchmark", *usual, *arguments, "--out", tmp_path / "run", code=2)
    assert_one_sentence(result, words)
    assert not list(tmp_path.iterdir())


def test_no_resume_insists_on_a_new_folder(call: Call, finished: Path) -> None:
    arguments = ("benchmark", *TWO, "--methods", "knn", "--out", finished)
    result = call(*arguments, "--no-resume", code=2)
    assert_one_sentence(result, "already holds a run; --no-resume needs another folder")


def test_other_folds_need_another_folder(call: Call, finished: Path) -> None:
    arguments = ("benchmark", "--tables", "glass", "--methods", "knn", "--folds", 3)
    result = call(*arguments, "--out", finished, code=2)
    assert_one_sentence(result, r"another number of folds \(2 there, 3 now\)\. Name")


def test_every_setting_that_differs_is_told() -> None:
    before = RunDescription((), (), source="a.csv", target="y", checksum="1")
    asked = RunDescription((), (), n_seeds=2, source="b.csv", target="y", checksum="2")
    assert differences_in_words(before, asked) == [
        "number of seeds (1 there, 2 now)",
        "file (a.csv there, b.csv now)",
    ]


def test_a_report_needs_a_run(call: Call, finished: Path, tmp_path: Path) -> None:
    assert_one_sentence(
        call("report", tmp_path, code=2), "is neither a model nor a run"
    )
    assert_one_sentence(
        call("report", finished, "--ours", "xgboost", code=2),
        "`--ours` must be one of 'knn', 'logistic_regression', got 'xgboost'",
    )


@pytest.mark.parametrize("command", ["benchmark", "compare"])
def test_a_file_is_no_folder_for_a_run(
    command: str, call: Call, credit: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    start: dict[str, tuple[object, ...]] = {
        "benchmark": ("--tables", "glass"),
        "compare": (credit / "credit.csv", "--target", "credit_risk"),
    }
    arguments = (command, *start[command], *PEERS, "--out", tmp_path / "file")
    assert_one_sentence(call(*arguments, code=2), "cannot be written to")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("module", "extra"),
    [("psutil", "benchmark"), ("filelock", "benchmark")],
)
def test_a_missing_library_of_the_benchmark_is_named(
    module: str,
    extra: str,
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    arguments = ("benchmark", "--tables", "glass", *PEERS, "--out", tmp_path / "run")
    words = rf"{module}, which is not installed.*qclmixnet\[{extra}\]"
    assert_one_sentence(call(*arguments, code=2), words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["matplotlib.figure", "jinja2"])
def test_compare_misses_what_the_report_needs_before_the_fits(
    module: str,
    call: Call,
    credit: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    arguments = ("compare", credit / "credit.csv", "--target", "credit_risk", *PEERS)
    result = call(*arguments, "--out", tmp_path / "run", code=2)
    assert_one_sentence(result, r"not installed.*qclmixnet\[report\]")
    assert not list(tmp_path.iterdir())


def test_a_missing_library_of_a_method_is_named(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec

    def find_spec(module: str) -> ModuleSpec | None:
        return None if module == "xgboost" else found(module)

    monkeypatch.setattr("qclmixnet.baselines.peer.find_spec", find_spec)
    arguments = ("benchmark", "--tables", "glass", "--methods", "knn,xgboost")
    result = call(*arguments, "--out", tmp_path / "run", code=2)
    assert_one_sentence(result, r"'xgboost' needs xgboost.*qclmixnet\[baselines\]")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_compare_says_who_wins(call: Call, compared: tuple[Path, Result]) -> None:
    out, result = compared
    said = json.loads(
        call(
            *("compare", out.parent / "credit.csv", "--target", "credit_risk", *CHEAP),
            *("--folds", 2, "--out", out, "--json"),
        ).stdout
    )
    assert set(said) == {
        *("winner", "distinguishable", "recommendation", "page", "saved", "methods"),
        "diagnostics",
    }
    rows = load_run(out).rows
    means = rows[rows["rule"] == "as_is"].groupby("method")["macro_f1"].mean()
    assert said["winner"] == means.idxmax()
    for name, mean in means.items():
        assert said["methods"][name]["macro_f1_as_is"] == pytest.approx(mean)
    assert said["saved"] is None
    assert said["recommendation"] in result.stdout
    assert f"{means.max():.3f} on average over 2 test parts" in result.stdout
    page = Path(said["page"])
    assert f"Report in {page}\n" in result.stdout
    assert "credit.csv" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_peer_that_wins_is_saved_as_fitted_on_the_whole_file(
    compared: tuple[Path, Result],
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, _ = compared
    advice = Recommendation(
        winner="random_forest", distinguishable=False, text="The forest wins."
    )
    monkeypatch.setattr("qclmixnet.cli.compare.recommend", lambda *_, **__: advice)
    arguments = ("compare", out.parent / "credit.csv", "--target", "credit_risk")
    options = ("--folds", 2, "--out", out, "--save-winner", tmp_path / "winner")
    text = call(*arguments, *CHEAP, *options).stdout
    file = tmp_path / "winner" / "classifier.joblib"
    assert str(file) in text
    assert "only from people you trust" in text
    table = pd.read_csv(out.parent / "credit.csv")
    X, y = table.drop(columns="credit_risk"), table["credit_risk"]
    expected = make_baseline("random_forest").fit(X, y)
    proba = expected.predict_proba(X)
    assert joblib.load(file).predict_proba(X).tobytes() == proba.tobytes()
    assert joblib.load(file).predict(X).tolist() == expected.predict(X).tolist()
    # Saved again over the first, as by a second call.
    said = json.loads(call(*arguments, *CHEAP, *options, "--json").stdout)
    assert said["saved"] == str(tmp_path / "winner")
    assert [path.name for path in file.parent.iterdir()] == ["classifier.joblib"]


@pytest.mark.slow
def test_our_winner_is_a_model_folder_and_takes_the_place_of_a_peer(
    call: Call, credit: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "winner"
    saved.mkdir()
    joblib.dump("an earlier winner", saved / "classifier.joblib")
    text = call(
        *("compare", credit / "credit.csv", "--target", "credit_risk"),
        *("--methods", "qclmixnet_paper", "--folds", 2, "--out", tmp_path / "run"),
        *("--save-winner", saved),
    ).stdout
    assert f"saved in {saved}. Next: qclmixnet predict {saved}" in text
    assert {file.name for file in saved.iterdir()} == {
        "model.json",
        "model.safetensors",
    }
    X = pd.read_csv(credit / "credit.csv").drop(columns="credit_risk")
    proba = QCLMixNetClassifier.load(saved).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    call("predict", saved, credit / "credit.csv", "--out", tmp_path / "out.csv")


BAD_FILES: dict[str, tuple[tuple[object, ...], str]] = {
    "one_class.csv": ((), "'credit_risk' of .*one class only, 'good'"),
    "twelve.csv": ((), "12 rows are too few to compare.*At least 30"),
    "holes.csv": ((), "'credit_risk' of .*3 of 300 labels are missing"),
    "empty.csv": ((), "is empty"),
    "none.csv": ((), "no file"),
    "many.csv": (("--folds", 7), "7 folds need .* largest class .* has 6"),
    "credit.csv": (("--drop", "credit_risk"), "cannot be dropped"),
    "lone.csv": (("--methods", "knnn"), "There is no method 'knnn'"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused(
    name: str, call: Call, credit: Path, tmp_path: Path
) -> None:
    more, words = BAD_FILES[name]
    arguments = ("compare", credit / name, "--target", "credit_risk", *PEERS, *more)
    assert_one_sentence(call(*arguments, "--out", tmp_path / "run", code=2), words)
    assert not list(tmp_path.iterdir())


def test_a_target_that_is_not_there_is_hinted_at(
    call: Call, credit: Path, tmp_path: Path
) -> None:
    arguments = ("compare", credit / "credit.csv", "--target", "credit_rsk", *PEERS)
    result = call(*arguments, "--out", tmp_path / "run", code=2)
    assert_one_sentence(result, "no column 'credit_rsk'. Did you mean 'credit_risk'")


def test_a_foreign_folder_is_no_place_for_the_winner(
    call: Call, credit: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    arguments = ("compare", credit / "credit.csv", "--target", "credit_risk", *PEERS)
    result = call(
        *(*arguments, "--out", tmp_path / "run", "--save-winner", tmp_path), code=2
    )
    assert_one_sentence(result, "not a model folder")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_a_class_of_one_row_is_warned_of_and_a_changed_file_refused(
    call: Call, credit: Path, tmp_path: Path
) -> None:
    file = tmp_path / "lone.csv"
    file.write_bytes((credit / "lone.csv").read_bytes())
    arguments = ("compare", file, "--target", "credit_risk", "--folds", 2)
    methods = ("--methods", "knn,qclmixnet_paper", "--out", tmp_path / "run")
    result = call(*arguments, *methods)
    words = "Class 'fraud' has 1 row: it is learned from but never tested"
    assert result.stderr.count(f"Warning: {words}") == 1
    assert "the rarest has 1" in result.stdout
    table = pd.read_csv(file)
    table.assign(age=table["age"] + 1).to_csv(file, index=False)
    changed = call(*arguments, *methods, code=2)
    assert_one_sentence(changed, r"another content of the file \(it has changed since")
