"""Published figures are what the stored rows say."""

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


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


def test_the_presets_page_shows_the_studys_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("first_default", monkeypatch, ".", "studies")
    rows = pd.read_csv(script.ROWS)
    page = (ROOT / "docs" / "explanation" / "presets.md").read_text("utf-8")
    assert script.summary(rows) in page


def test_the_performance_page_shows_the_newest_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = _load("speed", monkeypatch, ".")
    assert script.render(script.newest()) in script.PAGE.read_text("utf-8")
