import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import joblib
import pandas as pd
import pytest
from typer.testing import Result

pytest.importorskip("optuna")

Call = Callable[..., Result]
QUICK: tuple[object, ...] = (
    *("--methods", "logistic_regression"),
    *("--trials", 3, "--folds", 2, "--jobs", 1),
)


def assert_one_sentence(result: Result, words: str) -> None:
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert len(errors) == 1, result.stderr
    assert re.search(words, errors[0]), errors[0]
    assert result.stdout == ""


@pytest.fixture(scope="module")
def tuned(
    call: Call, files: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("tuned") / "run"
    arguments = ("tune", files / "newthyroid.csv", "--target", "class", *QUICK)
    return out, call(*arguments, "--out", out, "--save", out.parent / "model")


def test_it_says_whether_tuning_pays(tuned: tuple[Path, Result]) -> None:
    out, result = tuned
    rows = pd.read_csv(out / "rows.csv")
    means = rows.groupby("variant")["balanced"].mean()
    text = (
        f"Logistic regression: {means['default']:.3f} as it is, {means['tuned']:.3f} "
        "tuned (mean of macro-F1 and macro recall on 2 test parts that the searches "
        "never saw)."
    )
    assert text in result.stdout
    assert re.search(r"Tuning (gains|does not pay|changes nothing)", result.stdout)
    assert result.stderr.splitlines()[-1].startswith(
        "logistic_regression, all rows: 3 of 3 trials, best 0."
    )
    assert text in (out / "report.md").read_text(encoding="utf-8")
    assert (out / "tuning.png").is_file()


def test_the_model_is_the_tuned_one_fitted_on_the_whole_file(
    tuned: tuple[Path, Result], files: Path
) -> None:
    out, _ = tuned
    chosen = json.loads((out / "best-parameters.json").read_text())
    clf = joblib.load(out.parent / "model" / "classifier.joblib")
    assert (clf.params or {}) == chosen["logistic_regression"]
    table = pd.read_csv(files / "newthyroid.csv")
    assert len(clf.predict(table.drop(columns="class"))) == len(table)


def test_a_second_call_goes_on_and_prints_json(
    tuned: tuple[Path, Result], call: Call, files: Path
) -> None:
    out, _ = tuned
    before = (out / "rows.csv").read_bytes()
    arguments = ("tune", files / "newthyroid.csv", "--target", "class", *QUICK)
    result = call(*arguments, "--out", out, "--json")
    assert (out / "rows.csv").read_bytes() == before
    said = json.loads(result.stdout)
    assert set(said) == {"methods", "best", "report", "picture", "saved"}
    method = said["methods"]["logistic_regression"]
    assert set(method) == {
        *("default", "tuned", "difference", "interval", "p_value", "pays"),
        *("seen", "text", "best_params", "importances"),
    }
    assert method["difference"] == pytest.approx(method["tuned"] - method["default"])
    assert method["pays"] == (method["difference"] > 0)
    assert (said["best"], said["saved"]) == ("logistic_regression", None)


BAD: dict[str, tuple[tuple[object, ...], str]] = {
    "unknown method": (("--methods", "knn"), "no search space for 'knn'; choose among"),
    "no methods": (("--methods", ","), "list of names is empty"),
    "unknown target": (("--target", "klass"), "Did you mean 'class'"),
    "folds": (("--folds", 500), "Use fewer folds"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_call_is_refused_and_leaves_nothing(
    case: str, call: Call, files: Path, tmp_path: Path
) -> None:
    more, words = BAD[case]
    quick = QUICK[2:] if "--methods" in more else QUICK
    start = ("tune", files / "newthyroid.csv", "--target", "class", *quick)
    result = call(*start, *more, "--out", tmp_path / "run", code=2)
    assert_one_sentence(result, words)
    assert not list(tmp_path.iterdir())


def test_other_settings_need_another_folder(
    tuned: tuple[Path, Result], call: Call, files: Path
) -> None:
    out, _ = tuned
    start = ("tune", files / "newthyroid.csv", "--target", "class", *QUICK)
    result = call(*start, "--trials", 4, "--out", out, code=2)
    assert_one_sentence(result, r"another n_trials \(3 there, 4 now\)")


def test_a_gain_that_no_search_sees_keeps_the_default(
    call: Call, files: Path, tmp_path: Path
) -> None:
    start = ("tune", files / "newthyroid.csv", "--target", "class", *QUICK)
    result = call(*start, "--min-gain", 1, "--out", tmp_path / "run")
    told = " ".join(result.stdout.split())
    assert "on the whole file no trial was better than the default by 1 or more" in told
    page = (tmp_path / "run" / "report.md").read_text("utf-8")
    assert "better than the default by 1 or more, which is kept" in page
    parameters = json.loads((tmp_path / "run" / "best-parameters.json").read_text())
    assert parameters == {"logistic_regression": {}}


@pytest.mark.parametrize(
    ("module", "extra"), [("optuna", "tuning"), ("matplotlib.figure", "report")]
)
def test_a_missing_library_is_named_before_the_work(
    module: str,
    extra: str,
    call: Call,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    start = ("tune", files / "newthyroid.csv", "--target", "class", *QUICK)
    result = call(*start, "--out", tmp_path / "run", code=2)
    assert_one_sentence(result, rf"not installed.*qclmixnet\[{extra}\]")
    assert not list(tmp_path.iterdir())


def test_a_foreign_folder_is_no_place_for_the_model(
    call: Call, files: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    start = ("tune", files / "newthyroid.csv", "--target", "class", *QUICK)
    result = call(*start, "--out", tmp_path / "run", "--save", tmp_path, code=2)
    assert_one_sentence(result, "not a model folder")
