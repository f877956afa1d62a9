"""The page of a model in a real browser: axe-core, the keyboard, no network.

Runs where chromium, node and the packages axe-core and playwright-core are found, which
``make browser`` installs; skipped elsewhere, with the reason.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.report import describe_model, write_model_page

SCRIPT = Path(__file__).with_name("check_page.cjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

pytestmark = pytest.mark.browser


def found_browser() -> str:
    """Return the browser, or skip when something is not there."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    missing = [
        name
        for name, there in (("chromium", browser), ("node", shutil.which("node")))
        if not there
    ]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    for package in ("axe-core", "playwright-core"):
        if not (SCRIPT.parent / "node_modules" / package).is_dir():
            pytest.skip(f"{package} is not installed: make browser")
    assert browser is not None
    return browser


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser found on a page with every section."""
    browser = found_browser()
    rng = np.random.default_rng(0)
    number = rng.normal(size=260)
    X = pd.DataFrame(
        {
            "number": number,
            "a very long name of a column " * 4: rng.choice(["a", "b" * 80], 260),
            "</script><img src=x onerror=alert(1)>": rng.normal(size=260),
        }
    )
    places = np.digitize(number + rng.normal(size=260) * 0.6, [0.6, 1.2])
    y = pd.Series(np.array(["usual", "rare", "<b>rarer</b>"])[places], name="kind")
    clf = QCLMixNetClassifier(max_epochs=2, n_members=2, n_tree_rounds=0)
    clf.fit(X[:120], y[:120])
    page = describe_model(clf, X[120:], y[120:])
    path = write_model_page(page, tmp_path_factory.mktemp("page") / "page.html")
    done = subprocess.run(
        ["node", str(SCRIPT), browser, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_axe_finds_no_violation_in_any_shape(seen: dict[str, Any]) -> None:
    assert seen["violations"] == []


def test_the_page_is_never_wider_than_its_window(seen: dict[str, Any]) -> None:
    assert seen["too_wide"] == []


def test_nothing_is_asked_of_the_network_and_nothing_complains(
    seen: dict[str, Any],
) -> None:
    assert seen["requests"] == []
    assert seen["complaints"] == []


def test_charts_speak_under_the_pointer_and_by_the_keyboard(
    seen: dict[str, Any],
) -> None:
    use = seen["use"]
    assert "rows" in use["first"]
    assert use["second"] != use["first"]
    assert use["gone"]
    assert use["hovered"] == use["first"]


def test_tables_are_sorted_by_their_heads(seen: dict[str, Any]) -> None:
    use = seen["use"]
    assert (use["rising"], use["falling"]) == ("<b>rarer</b>", "usual")
