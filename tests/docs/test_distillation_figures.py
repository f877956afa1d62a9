"""The page on distillation shows the stored rows, and what the decision rests on."""

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("distillation")


def test_the_page_shows_the_stored_rows(script: ModuleType) -> None:
    text = script.PAGE.read_text("utf-8")
    scores, speed = pd.read_csv(script.SCORED), pd.read_csv(script.TIMED)
    assert len(scores) == len(script.TABLES) * script.N_FOLDS * 4
    assert script.of_scores(scores) in text
    assert script.of_speed(speed) in text


def test_a_student_of_the_whole_keeps_the_scores_and_is_faster(
    script: ModuleType,
) -> None:
    scores = pd.read_csv(script.SCORED)
    for score in ("macro_f1", "macro_recall"):
        means = dict(scores.groupby("method")[score].mean())
        assert means["teacher"] - means["whole 64"] < 0.01
    speed = pd.read_csv(script.TIMED).pivot_table(
        index="table", columns="method", values="rows_per_s"
    )
    faster = speed.div(speed["teacher"], axis=0)
    assert faster["whole 64"].min() > 2
    assert faster["student 64"].max() < 2
