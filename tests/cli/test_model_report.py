"""`report MODEL FILE`, and `train --report`."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

Call = Callable[..., Result]


def test_the_page_has_the_scores_of_evaluate(
    call: Call, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = model.parent / "customers.csv"
    said = json.loads(call("report", model, file, "--json").stdout)
    scored = json.loads(call("evaluate", model, file, "--json").stdout)
    assert said["rows"] == 1000
    assert said["scores"] == {key: scored[key] for key in said["scores"]}
    assert said["page"] == "model-report.html"
    text = Path(said["page"]).read_text("utf-8")
    assert f"macro-F1 is {scored['macro_f1']:.3f}" in text
    assert hashlib.sha256(file.read_bytes()).hexdigest() in text
    # The file holds the rows that the model was fitted on.
    assert "all scores flatter" in text


def test_a_file_without_classes_has_a_page_without_scores(
    call: Call, model: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(model.parent / "customers.csv").drop(columns="credit_risk")
    frame.head(60).to_csv(tmp_path / "new.csv", index=False)
    page = tmp_path / "page.html"
    arguments = ("report", model, tmp_path / "new.csv", "--out", page)
    assert json.loads(call(*arguments, "--json").stdout)["scores"] is None
    assert "no column 'credit_risk'" in call(*arguments).stdout.replace("\n", " ")
    assert "no column “credit_risk”" in page.read_text("utf-8")


def test_train_reports_on_the_rows_kept_aside(
    call: Call, files: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    said = json.loads(
        call(
            *("train", files / "newthyroid.csv", "--target", "class"),
            *("--out", tmp_path / "model", "--max-epochs", 2),
            *("--report", page, "--json"),
        ).stdout
    )
    text = page.read_text("utf-8")
    assert said["report"] == str(page)
    assert f"On the {said['n_test']} rows" in text
    assert f"macro-F1 is {said['scores']['macro_f1']:.3f}" in text
    assert f"<dt>Rows learned from</dt><dd>{said['n_train']}</dd>" in text
    # Rows are numbered as in the file.
    frame = pd.read_csv(files / "newthyroid.csv")
    listed = text.partition('id="table-unsure"')[2].partition("</table>")[0]
    row = re.search(r"<tr>\s*<th scope=\"row\" data-sort=\"(\d+)\.0\">", listed)
    assert row is not None
    truth = re.search(r"</th>\s*<td[^>]*><bdi>([^<]+)</bdi>", listed[row.end() :])
    assert truth is not None
    assert truth[1] == str(frame["class"][int(row[1]) - 1])


def test_mistakes_are_refused_before_any_work(
    call: Call, model: Path, files: Path, tmp_path: Path
) -> None:
    german = files / "german.csv"
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    for arguments, words in (
        (("report", model), "is a model, so the page needs a FILE"),
        (("report", tmp_path), "is neither a model nor a run"),
        (("report", tmp_path / "none", german), "is neither a model nor a run"),
        (("report", run, german), "needs no FILE"),
        (("report", run, "--target", "a"), "needs no --target"),
        (("report", model, german, "--ours", "knn"), "--ours is for runs"),
        (("report", model, german, "--out", tmp_path / "page"), "must end in .html"),
        (("report", model, german, "--target", "nope"), "has no column 'nope'"),
    ):
        assert words in " ".join(call(*arguments, code=2).stderr.split()), arguments
    train = ("train", german, "--target", "credit_risk", "--out", tmp_path / "new")
    for options, words in (
        (("--report", "page.txt"), "must end in .html"),
        (("--report", "page.html", "--test-fraction", 0), "keeps none"),
    ):
        assert words in " ".join(call(*train, *options, code=2).stderr.split())
    assert not (tmp_path / "new").exists()


def test_the_page_never_replaces_its_file(
    call: Call, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.html").write_text("a,b\n1,2\n")
    said = call(
        *("report", model, tmp_path / "table.html", "--out", tmp_path / "table.html"),
        code=2,
    )
    assert "would overwrite" in said.stderr
    assert (tmp_path / "table.html").read_text() == "a,b\n1,2\n"
