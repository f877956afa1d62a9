"""The section on what a fit noticed: kept beside the run, shown in its place."""

from pathlib import Path

import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.report import write_report
from qclmixnet.report.noticed import Noticed, read_noticed, write_noticed
from tests.report.made_up_runs import make_row, make_run

LEAK: dict[str, object] = {
    "name": "leakage",
    "severity": "warning",
    "message": "Column 'a<b' alone tells the class.",
    "value": 0.997,
    "threshold": 0.98,
    "action": "Drop it.",
}
HEADING = "What the table looks like to a fit"


def page_of(tmp_path: Path, noticed: Noticed | None) -> str:
    rows = [make_row("t", name) for name in ("qclmixnet", "knn")]
    run = make_run(rows, tables=("t",), methods=("qclmixnet", "knn"), source="t.csv")
    files = write_report(run, tmp_path / "report", noticed=noticed)
    return " ".join(files.page.read_text(encoding="utf-8").split())


def test_what_was_noticed_stands_in_the_page_and_in_files(tmp_path: Path) -> None:
    page = page_of(tmp_path, Noticed((LEAK,), 2_000, 34_786))
    assert page.index(HEADING) < page.index("Failures and missing fits")
    for words in (
        "2,000 of the 34,786 rows, drawn by class",
        "Column &#39;a&lt;b&#39; alone tells the class.",
        "0.997",
        "Drop it.",
    ):
        assert words in page
    csv = (tmp_path / "report" / "tables" / "noticed.csv").read_text("utf-8")
    assert csv.splitlines()[0] == "name,severity,message,value,threshold,action"
    assert "0.997,0.98" in csv


def test_nothing_noticed_is_said_with_what_it_does_not_mean(tmp_path: Path) -> None:
    page = page_of(tmp_path, Noticed((), 215, 215))
    assert "on all 215 rows" in page
    assert "It noticed nothing. That does not mean that nothing is wrong" in page


def test_a_fit_that_could_not_be_made_says_why(tmp_path: Path) -> None:
    page = page_of(tmp_path, Noticed((), 0, 215, "The fit could not be made: x."))
    assert "Left out: The fit could not be made: x." in page


def test_without_it_there_is_no_section(tmp_path: Path) -> None:
    assert HEADING not in page_of(tmp_path, None)


def test_it_is_kept_beside_the_run(tmp_path: Path) -> None:
    assert read_noticed(tmp_path) is None
    noticed = Noticed((LEAK,), 2_000, 34_786)
    write_noticed(noticed, tmp_path)
    assert read_noticed(tmp_path) == noticed
    assert [file.name for file in tmp_path.iterdir()] == ["noticed.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"found": [{"name": "x"}]}'])
def test_a_damaged_file_is_said_to_be_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "noticed.json").write_text(text)
    with pytest.raises(InputError, match=r"noticed\.json is damaged"):
        read_noticed(tmp_path)
