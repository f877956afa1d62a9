"""The page of a small fitted model, read back."""

import base64
import hashlib
import re
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError
from qclmixnet.report import (
    ModelPage,
    Reason,
    describe_model,
    render_model_page,
    write_model_page,
)
from qclmixnet.report.model_rows import with_reasons
from tests.report.page_reader import Element, read_page

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "</title></svg></style><script>alert(2)</script>",
    "\" onfocus=alert(3) autofocus x='",
    "<!-- {{ 7 * 7 }} {% raw %} ]]>",
    "long" * 100,
    "🦊 مرحبا \u202etxt\u202c é",
]


class Fitted(NamedTuple):
    clf: QCLMixNetClassifier
    X: pd.DataFrame
    y: pd.Series
    page: ModelPage


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """A model of columns, cells and classes with hostile names, and rows to look at."""
    rng = np.random.default_rng(0)
    n = 240
    number = rng.normal(size=n)
    X = pd.DataFrame(
        {
            HOSTILE[0]: number,
            HOSTILE[1]: np.array(HOSTILE)[rng.integers(len(HOSTILE), size=n)],
            HOSTILE[2]: np.where(rng.random(n) < 0.7, np.nan, number),
            HOSTILE[4]: pd.date_range("2024-01-01", periods=n),
            HOSTILE[5]: rng.random(n) < 0.5,
            "customer": [f"c{k:04}" for k in range(n)],
        }
    )
    noisy = number + rng.normal(size=n) * 0.7
    places = np.digitize(noisy, [0.7, 1.2])
    y = pd.Series(np.array([HOSTILE[0], HOSTILE[3], "rare"])[places], name=HOSTILE[2])
    clf = QCLMixNetClassifier(
        max_epochs=3, n_members=2, n_tree_rounds=0, random_state=0
    )
    with pytest.warns(UserWarning, match="customer"):
        clf.fit(X[:140], y[:140])
    return Fitted(clf, X[140:], y[140:], describe_model(clf, X[140:], y[140:]))


@pytest.fixture(scope="module")
def document(fitted: Fitted) -> Element:
    return read_page(render_model_page(fitted.page))


def one(document: Element, tag: str, **attributes: str) -> Element:
    (found,) = document.all(tag, **attributes)
    return found


def test_scores_equal_those_of_scikit_learn(fitted: Fitted, document: Element) -> None:
    y_pred, labels = fitted.clf.predict(fitted.X), list(fitted.clf.classes_)
    peer = precision_recall_fscore_support(
        fitted.y, y_pred, labels=labels, zero_division=0
    )
    rows = one(document, "table", id="table-classes").cells()
    assert [row[0] for row in rows] == labels
    for k, row in enumerate(rows):
        assert int(row[1]) == peer[3][k]
        assert int(row[2]) == (y_pred == labels[k]).sum()
        for cell, score in zip(row[3:6], (peer[1], peer[0], peer[2]), strict=True):
            assert cell.startswith(f"{score[k]:.2f}")
    expected = confusion_matrix(fitted.y, y_pred, labels=labels)
    cells = one(document, "table", id="confusion").all("td")
    counts = [int(cell.texts[0]) for cell in cells]
    assert counts == expected.ravel().tolist()


def test_intervals_hold_their_score(fitted: Fitted) -> None:
    assert fitted.page.scored is not None
    for each in fitted.page.scored.intervals:
        for found in (each.recall, each.precision, each.f1):
            if not np.isnan(found.low):
                assert 0 <= found.low <= found.value <= found.high <= 1


def test_the_only_script_and_style_are_our_own_and_allowed(document: Element) -> None:
    for tag, name in (("script", "model_page.js"), ("style", "model_page.css")):
        own = files("qclmixnet.report").joinpath(name)
        element = one(document, tag)
        assert element.text == own.read_text("utf-8")
        assert not element.attributes
        digest = hashlib.sha256(element.text.encode()).digest()
        policy = one(
            document, "meta", **{"http-equiv": "Content-Security-Policy"}
        ).attributes["content"]
        assert f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ")


def test_nothing_from_the_table_becomes_markup(
    fitted: Fitted, document: Element
) -> None:
    assert not document.all("img")
    for element in document.all(""):
        handlers = [name for name in element.attributes if name.startswith("on")]
        assert not handlers
        assert "style" not in element.attributes
        for name in ("src", "href"):
            assert element.attributes.get(name, "#").startswith("#")
    names = one(document, "table", id="table-columns").cells()
    assert [row[0] for row in names] == list(fitted.X.columns)
    assert one(one(document, "head"), "title").text == f"Model of {HOSTILE[2]}"
    assert "{{ 7 * 7 }}" in document.text


def test_the_page_names_no_address(fitted: Fitted) -> None:
    assert not re.search(r"https?:|//\w|url\(|@import", render_model_page(fitted.page))


def test_headings_are_in_order_and_links_lead_somewhere(document: Element) -> None:
    levels = [int(e.tag[1]) for e in document.all("") if re.fullmatch(r"h\d", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = [e.attributes["id"] for e in document.all("") if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    links = document.all("a")
    assert links[0].attributes == {"class": "skip", "href": "#result"}
    assert {link.attributes["href"][1:] for link in links} <= set(ids)


def test_tables_have_captions_and_scopes(document: Element) -> None:
    tables = document.all("table")
    assert len(tables) > 6
    for table in tables:
        assert one(table, "caption").text
        assert {head.attributes["scope"] for head in table.all("th")} <= {"col", "row"}


def test_every_chart_has_its_words_and_its_numbers(document: Element) -> None:
    figures = document.all("figure")
    assert len(figures) >= 5
    for figure in figures:
        svg = one(figure, "svg", role="img")
        assert len(svg.attributes["aria-label"]) > 20
        marks = [each for each in figure.all("g") if each.attributes["class"] == "mark"]
        assert len(marks) == len(one(figure, "table").cells())
        assert all(one(mark, "title").text for mark in marks)


def test_a_file_without_classes_gets_a_page_that_says_so(fitted: Fitted) -> None:
    page = describe_model(fitted.clf, fitted.X)
    document = read_page(render_model_page(page))
    assert "no column" in page.summary[0]
    assert not document.all("table", id="confusion")
    assert not document.all("section", id="probabilities")
    header = one(document, "table", id="table-unsure").all("th", scope="col")
    assert "true class" not in [each.text for each in header]


def test_reasons_and_importance_are_shown_where_they_are_known(
    fitted: Fitted, document: Element
) -> None:
    assert not document.all("section", id="importance")
    reasons = [
        (Reason(HOSTILE[0], "7", 0.5), Reason("age", "", -0.25))
        for _ in fitted.page.wrong
    ]
    importance = pd.DataFrame(
        {label: [0.3, 0.1] for label in fitted.clf.classes_},
        index=["age", HOSTILE[0]],
    )
    page = replace(
        fitted.page,
        wrong=with_reasons(fitted.page.wrong, reasons),
        importance=importance,
    )
    told = read_page(render_model_page(page))
    expected = f"{HOSTILE[0]} = 7 (+0.50); age = missing (-0.25)"
    assert expected in one(told, "table", id="table-wrong").cells()[0]
    charts = one(told, "section", id="importance").all("figure")
    assert len(charts) == 3
    assert charts[0].all("table")[0].cells() == [["age", "0.3"], [HOSTILE[0], "0.1"]]


def test_the_same_page_is_the_same_bytes(fitted: Fitted) -> None:
    again = describe_model(fitted.clf, fitted.X, fitted.y)
    assert render_model_page(again) == render_model_page(fitted.page)


def test_a_page_that_cannot_be_written_is_refused(
    fitted: Fitted, tmp_path: Path
) -> None:
    assert write_model_page(fitted.page, tmp_path / "new" / "page.html").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="The page could not be written"):
        write_model_page(fitted.page, tmp_path / "file" / "page.html")
