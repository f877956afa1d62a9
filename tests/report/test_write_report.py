import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.report import ReportFiles, write_report
from tests.report.made_up_runs import make_large_run, make_row, make_run

VOID = {"meta", "link", "br", "hr", "img", "input"}
PEERS = ("qclmixnet", "logistic_regression", "random_forest", "xgboost")


class Page(HTMLParser):
    """What a page holds: addresses, ids, texts, and tags left open."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.texts: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._read(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._read(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def _read(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "action", "data", "srcset"}:
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "aria-label":
                self.labels.append(value or "")

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    run = make_large_run(n_tables=7, n_methods=6, n_folds=2)
    return write_report(run, tmp_path_factory.mktemp("report") / "made" / "here")


def test_the_page_stands_alone_and_is_well_formed(written: ReportFiles) -> None:
    page = Page(written.page)
    assert page.open == []
    # The bar beside a heat map is a picture inside the page.
    inside = [a for a in page.addresses if not a.startswith("data:image/png;base64,")]
    assert inside
    assert all(address.startswith("#") for address in inside)
    source = written.page.read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", source)
    assert len(page.ids) == len(set(page.ids))
    # Every reference inside the page leads somewhere.
    assert {address[1:] for address in inside} <= set(page.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", source)) <= set(page.ids)


def test_every_figure_is_in_the_page_and_on_disk(written: ReportFiles) -> None:
    page = Page(written.page)
    names = {path.stem for path in written.figures}
    assert page.counts["svg"] == len(names) == 12
    assert {path.suffix for path in written.figures} == {".svg", ".png"}
    assert all(path.stat().st_size > 1000 for path in written.figures)
    for name in names:
        assert any(identity.startswith(f"{name}-") for identity in page.ids)


def test_the_page_and_the_files_hold_the_same_numbers(written: ReportFiles) -> None:
    page = Page(written.page)
    folder = written.page.parent / "tables"
    data = pd.read_csv(folder / "summary.csv")
    markdown = (folder / "summary.md").read_text(encoding="utf-8")
    latex = (folder / "summary.tex").read_text(encoding="utf-8")
    assert len(data) == 6
    for value in data["macro_f1_tuned"]:
        shown = f"{value:.3f}"
        assert shown in page.texts
        assert f"| {shown} |" in markdown
        assert f"& {shown} &" in latex
        assert shown in written.summary.read_text(encoding="utf-8")


def test_every_table_is_written_three_times(written: ReportFiles) -> None:
    names = {path.stem for path in written.tables}
    assert len(written.tables) == 3 * len(names)
    expected = {"summary", "scores_macro_f1_as_is", "pairwise_macro_recall_tuned"}
    assert expected | {"tiers_macro_f1", "tables", "methods"} <= names


def test_columns_can_be_sorted_by_keyboard(written: ReportFiles) -> None:
    source = written.page.read_text(encoding="utf-8")
    heads = re.findall(r"<th scope=\"col\".*?</th>", source, flags=re.DOTALL)
    assert heads
    assert all('<button type="button">' in head for head in heads)
    assert "aria-sort" in source


def test_titles_are_escaped_everywhere(tmp_path: Path) -> None:
    title = "<b>&\"'"
    rows = [make_row(t, m) for t in ("t1", "t2") for m in PEERS]
    run = make_run(rows, tables=("t1", "t2"), methods=PEERS, titles={"xgboost": title})
    files = write_report(run, tmp_path, title="<script>x</script>")
    page = Page(files.page)
    assert "b" not in page.counts
    assert page.counts["script"] == 1
    assert page.texts.count(title) >= 2
    assert "<script>x</script>" in page.texts


def test_all_methods_alike_are_not_distinguishable(tmp_path: Path) -> None:
    rows = [make_row(t, m) for t in ("t1", "t2", "t3") for m in PEERS]
    run = make_run(rows, tables=("t1", "t2", "t3"), methods=PEERS)
    text = Page(write_report(run, tmp_path).page).text
    assert "does not distinguish it from any other method" in text
    assert "better than 0, not distinguishable from 3 and worse than 0" in text


def test_a_clear_winner_is_called_better_and_a_loser_worse(tmp_path: Path) -> None:
    tables = tuple(f"t{i}" for i in range(12))
    levels = dict(zip(PEERS, (0.6, 0.5, 0.7, 0.8), strict=True))
    rows = [
        make_row(t, m, scores={"macro_f1": f1 + i / 100, "macro_recall": 0.5})
        for i, t in enumerate(tables)
        for m, f1 in levels.items()
    ]
    run = make_run(rows, tables=tables, methods=PEERS)
    text = Page(write_report(run, tmp_path).page).text
    assert "XGBoost (balanced) leads macro-F1 (mean rank 1.0 of 4, mean 0.855)" in text
    assert "QCL-MixNet is at place 3 (mean rank 3.0, mean 0.655)" in text
    assert (
        "Of 3 peers, QCL-MixNet is better than 1, not distinguishable from 0 and worse "
        "than 2 (XGBoost (balanced) and Random forest)." in text
    )


def test_one_table_shows_folds_instead_of_ranks(tmp_path: Path) -> None:
    run = make_large_run(
        n_tables=1, n_methods=4, n_folds=3, partly=False, source="/data/my file.csv"
    )
    files = write_report(run, tmp_path, recommendation="Take the <first>.")
    page = Page(files.page)
    names = {path.stem for path in files.figures}
    assert "folds_macro_f1_as_is" in names
    assert not any(name.startswith("ranks") for name in names)
    assert "Take the <first>." in page.texts
    assert "Comparison on my file.csv" in page.texts
    assert "do not say which method is better elsewhere" in page.text
    assert "Wilcoxon" not in page.text
    summary = files.summary.read_text(encoding="utf-8")
    assert "Take the &lt;first&gt;." in summary or "Take the <first>." in summary


@pytest.mark.parametrize("ours", ["qclmixnet", "not_in_the_run"])
def test_one_table_two_methods_one_fold(tmp_path: Path, ours: str) -> None:
    rows = [make_row("t", m) for m in ("qclmixnet", "knn")]
    run = make_run(rows, tables=("t",), methods=("qclmixnet", "knn"))
    page = Page(write_report(run, tmp_path, ours=ours).page)
    assert "share the highest mean macro-F1, 0.500" in page.text
    assert "Left out: The run did not score the tuned rule." in page.text


def test_two_tables_two_methods_say_what_is_left_out(tmp_path: Path) -> None:
    rows = [make_row(t, m) for t in ("t1", "t2") for m in PEERS[:2]]
    run = make_run(rows, tables=("t1", "t2"), methods=PEERS[:2])
    text = Page(write_report(run, tmp_path).page).text
    assert "This needs 3 methods with all fits on the 2 compared tables" in text
    assert "All compared tables are of one tier." in text


def test_a_run_where_everything_failed_lists_the_failures(tmp_path: Path) -> None:
    rows = [
        make_row(t, m, status="failed", message="a & b < c")
        for t in ("t1", "t2")
        for m in PEERS
    ]
    run = make_run(rows, tables=("t1", "t2"), methods=PEERS)
    files = write_report(run, tmp_path)
    page = Page(files.page)
    assert files.figures == ()
    assert "No fit has succeeded" in page.text
    assert page.texts.count("a & b < c") == 8


def test_a_run_that_has_just_begun_lists_what_is_missing(tmp_path: Path) -> None:
    rows = [make_row("t1", "knn")]
    run = make_run(rows, tables=("t1", "t2"), methods=("qclmixnet", "knn"))
    files = write_report(run, tmp_path)
    assert "No method has finished every table" in Page(files.page).text
    missing = pd.read_csv(tmp_path / "tables" / "incomplete.csv")
    assert missing["fits"].to_list() == [0, 1]


def test_common_tables_compare_what_is_there(tmp_path: Path) -> None:
    rows = [make_row(t, m) for t in ("t1", "t2") for m in PEERS]
    run = make_run(rows, tables=("t1", "t2", "t3"), methods=PEERS)
    text = Page(write_report(run, tmp_path, common_tables=True).page).text
    assert "Only the 2 tables that every method has finished are compared" in text
    assert "mean rank 2.5 of 4" in text


def test_a_run_without_rows_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "report"
    with pytest.raises(InputError, match="no finished row yet"):
        write_report(make_run([], tables=("t",), methods=("a",)), out)
    assert not out.exists()


def test_files_of_others_stay_and_no_scraps_are_left(tmp_path: Path) -> None:
    mine = tmp_path / "tables" / "mine.csv"
    mine.parent.mkdir()
    mine.write_text("1", encoding="utf-8")
    run = make_run([make_row("t", "a")], tables=("t",), methods=("a",))
    first = write_report(run, tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    second = write_report(run, tmp_path)
    after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert before == after
    ours = {second.page, second.summary, *second.figures, *second.tables}
    assert set(after) == ours | {mine}
    assert first == second


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    run = make_run([make_row("t", "a")], tables=("t",), methods=("a",))
    with pytest.raises(InputError, match="report could not be written"):
        write_report(run, tmp_path / "file" / "report")


@pytest.mark.parametrize("module", ["jinja2", "matplotlib.figure"])
def test_without_a_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    run = make_run([make_row("t", "a")], tables=("t",), methods=("a",))
    with pytest.raises(MissingExtraError, match=r"pip install 'qclmixnet\[report\]'"):
        write_report(run, tmp_path)


@pytest.mark.slow
def test_the_whole_benchmark_fits_a_page(tmp_path: Path) -> None:
    page = Page(write_report(make_large_run(), tmp_path).page)
    assert page.open == []
    assert "TabM-D" in page.text
    assert (tmp_path / "index.html").stat().st_size < 3_000_000
