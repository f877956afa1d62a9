import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qclmixnet.core.errors import InputError
from qclmixnet.report import (
    SearchTold,
    tuned_against_tuned,
    tuning_verdict,
    write_tuning_report,
)


def rows_of(**scores: tuple[list[float], list[float]]) -> pd.DataFrame:
    """Rows with these scores by outer fold, default and tuned."""
    found: list[dict[str, Any]] = []
    for method, pair in scores.items():
        for variant, values in zip(("default", "tuned"), pair, strict=True):
            for fold, value in enumerate(values):
                is_ok = not math.isnan(value)
                found.append(
                    {
                        "table": "t",
                        "method": method,
                        "fold": fold,
                        "seed": 0,
                        "variant": variant,
                        "status": "ok" if is_ok else "failed",
                        "balanced": value,
                        "scoring": "balanced",
                        "inner_best": 0.9,
                        "n_train": 60,
                        "n_test": 30,
                        "search_cpu_s": 8.0,
                        "fit_cpu_s": 2.0,
                    }
                )
    return pd.DataFrame(found)


def told(method: str, **more: Any) -> SearchTold:
    results = {
        "params": [{}, {"C": 2.0}, {"C": 3.0}],
        "state": ["complete", "complete", "pruned"],
        "mean_test_score": [0.7, 0.8, math.nan],
        "error": ["", "", ""],
    }
    usual: dict[str, Any] = {
        "title": "Logistic regression",
        "results": results,
        "best_params": {"C": 2.0},
        "best_score": 0.8,
        "default_score": 0.7,
        "importances": {"C": 1.0},
        "n_pooled": 12,
    }
    return SearchTold(method, **{**usual, **more})


def test_a_gain_is_told_with_its_corrected_interval() -> None:
    rows = rows_of(knn=([0.5, 0.6, 0.7], [0.55, 0.66, 0.74]))
    verdict = tuning_verdict(rows, "knn")
    gains = np.array([0.05, 0.06, 0.04])
    error = gains.std(ddof=1) * math.sqrt(1 / 3 + 30 / 60)
    half = stats.t.ppf(0.975, 2) * error
    assert verdict.default == pytest.approx(0.6)
    assert verdict.tuned == pytest.approx(0.65)
    assert verdict.test.low == pytest.approx(0.05 - half)
    assert verdict.pays
    assert (
        "k-nearest neighbours: 0.600 as it is, 0.650 tuned (mean of macro-F1 and macro "
        "recall on 3 test parts that the searches never saw). Tuning gains 0.050 "
        f"(95 % interval {0.05 - half:+.3f} to {0.05 + half:+.3f}): distinguishable"
    ) in verdict.text
    assert "The searches saw 0.900 for what they chose" in verdict.text


def test_a_loss_is_told_as_plainly() -> None:
    verdict = tuning_verdict(rows_of(knn=([0.6, 0.6], [0.5, 0.6])), "knn")
    assert not verdict.pays
    assert "Tuning does not pay here: it changes the score by -0.050" in verdict.text
    assert "not distinguishable from chance; keep the default." in verdict.text


def test_no_change_is_told() -> None:
    verdict = tuning_verdict(rows_of(knn=([0.6, 0.7], [0.6, 0.7])), "knn")
    assert "Tuning changes nothing here." in verdict.text
    assert not verdict.pays


def test_a_failed_fit_counts_0() -> None:
    verdict = tuning_verdict(rows_of(knn=([0.6, 0.8], [0.6, math.nan])), "knn")
    assert verdict.tuned == pytest.approx(0.3)
    assert "1 tuned fits failed and count 0." in verdict.text


def test_tuned_is_compared_with_tuned() -> None:
    rows = rows_of(
        catboost=([0.9, 0.9], [0.7, 0.8]), random_forest=([0.1, 0.1], [0.6, 0.7])
    )
    text = tuned_against_tuned(rows, ["catboost", "random_forest"])
    assert text.startswith(
        "Tuned against tuned, CatBoost is 0.100 ahead of Random forest (95 % interval"
    )
    back = tuned_against_tuned(rows, ["random_forest", "catboost"])
    assert "Random forest is 0.100 behind CatBoost" in back


def test_rows_of_another_method_are_missed() -> None:
    with pytest.raises(InputError, match="no rows of 'knn'"):
        tuning_verdict(rows_of(catboost=([0.9], [0.9])), "knn")


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    rows = rows_of(
        logistic_regression=([0.5, 0.6], [0.6, 0.7]), knn=([0.5, 0.5], [0.5, 0.5])
    )
    searches = [
        told("logistic_regression"),
        told("knn", title="$k$-nearest", best_params={}, importances={}),
    ]
    files, verdicts = write_tuning_report(rows, searches, tmp_path, title="Tuning on x")
    page = files.page.read_text(encoding="utf-8")
    assert [verdict.method for verdict in verdicts] == ["logistic_regression", "knn"]
    assert page.startswith("# Tuning on x\n")
    assert verdicts[0].text in page
    assert verdicts[1].text in page
    assert "| `C` | 2 | 1.00 |" in page
    assert "No trial was better than the default, which is kept." in page
    assert "3 trials, 1 of them stopped early, 0 failed." in page
    assert files.picture.read_bytes().startswith(b"\x89PNG")
    assert json.loads(files.parameters.read_text()) == {
        "logistic_regression": {"C": 2.0},
        "knn": {},
    }
    trials = pd.read_csv(files.trials)
    assert trials["mean_test_score"].tolist()[:2] == [0.7, 0.8]
    assert trials["method"].tolist() == ["logistic_regression"] * 3 + ["knn"] * 3
    assert len(pd.read_csv(files.scores)) == len(rows)
    assert not list(tmp_path.glob(".*"))


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    rows = rows_of(logistic_regression=([0.5, 0.6], [0.6, 0.7]))
    with pytest.raises(InputError, match="could not be written"):
        write_tuning_report(
            rows, [told("logistic_regression")], tmp_path / "file", title="x"
        )
