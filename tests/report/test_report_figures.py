import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.report.drawing import looks_of, new_figure, render
from qclmixnet.report.figures import (
    ReportFigure,
    fold_figures,
    fold_scores,
    heat_map_figures,
    rank_figures,
    rule_figures,
    seconds_per_1k,
    tier_figures,
    trade_off_figures,
)
from qclmixnet.report.label_places import Box, free_places
from qclmixnet.report.rank_figures import group_lanes
from qclmixnet.report.scope import report_scope
from qclmixnet.report.score_figures import pareto_front
from qclmixnet.report.tier_figure import spread_out
from tests.report.made_up_runs import make_large_run, make_row, make_run


@pytest.fixture(scope="module")
def run() -> BenchmarkRun:
    return make_large_run(n_tables=6, n_methods=7, n_folds=2, partly=False)


def draw_all(run: BenchmarkRun) -> tuple[ReportFigure, ...]:
    scope = report_scope(run)
    return (
        *rank_figures(run, ours="qclmixnet", scope=scope),
        *heat_map_figures(run, ours="qclmixnet"),
        *rule_figures(run, ours="qclmixnet", scope=scope),
        *trade_off_figures(run, ours="qclmixnet", scope=scope),
        *tier_figures(run, ours="qclmixnet", common_tables=False),
    )


def test_the_same_run_gives_the_same_bytes(run: BenchmarkRun) -> None:
    first, second = draw_all(run), draw_all(run)
    assert len(first) == 12
    assert len({figure.rendered.name for figure in first}) == 12
    for one, other in zip(first, second, strict=True):
        assert one.rendered == other.rendered
        assert b"<dc:date>" not in one.rendered.svg
        assert one.rendered.png.startswith(b"\x89PNG")


def test_a_rank_figure_names_methods_and_the_critical_difference(
    run: BenchmarkRun,
) -> None:
    figure = rank_figures(run, ours="qclmixnet", scope=report_scope(run))[0]
    svg = figure.rendered.svg.decode()  # matplotlib keeps each text as a comment
    for look in looks_of(run, ours="qclmixnet").values():
        assert look.title in svg
    assert "critical difference" in svg
    assert "mean rank by macro-F1, as is" in svg


def test_the_heat_map_writes_every_value_and_table() -> None:
    rows = [
        make_row("glass", "a", scores={"macro_f1": 0.314}),
        make_row("german", "a", scores={"macro_f1": 0.777}),
        make_row("german", "b", scores={"macro_f1": 1.0}),
    ]
    run = make_run(rows, tables=("glass", "german"), methods=("a", "b"))
    (figure,) = heat_map_figures(run, ours="qclmixnet")
    svg = figure.rendered.svg.decode()
    for text in (".31", ".78", "1.00", "glass  n=214  IR 8.4", "german  n=1,000"):
        assert f"<!-- {text}" in svg
    assert svg.index("<!-- german") < svg.index("<!-- glass")  # milder first


def test_titles_are_cut_and_never_read_as_formulas() -> None:
    titles = {"a": "$x_1$ and $\\frac{$", "b": "b" * 60}
    rows = [make_row(t, m) for t in ("t1", "t2") for m in titles]
    run = make_run(rows, tables=("t1", "t2"), methods=("a", "b"), titles=titles)
    (figure,) = heat_map_figures(run, ours="a")
    assert "b" * 29 + "…" in figure.rendered.svg.decode()


def test_seconds_are_per_thousand_training_rows() -> None:
    rows = [
        make_row("t", "a", fold=fold, fit_cpu_s=seconds, n_train=500)
        for fold, seconds in enumerate((1.0, 2.0, 9.0))
    ]
    run = make_run(rows, tables=("t",), methods=("a",), n_folds=3)
    assert seconds_per_1k(run).to_dict() == {"a": 4.0}


def test_fold_interval_is_nadeau_and_bengio() -> None:
    values = (0.5, 0.6, 0.7)  # variance 0.01
    rows = [
        make_row("t", "a", fold=fold, scores={"macro_f1": value})
        for fold, value in enumerate(values)
    ]
    run = make_run(rows, tables=("t",), methods=("a",), n_folds=3)
    (entry,) = fold_scores(run, "macro_f1", "as_is", scope=report_scope(run))
    assert entry.values == pytest.approx(values)
    assert entry.mean == pytest.approx(0.6)
    # t(0.975, 2) = 4.302653; sqrt(0.01 * (1/3 + 1/2)) = 0.0912871
    assert entry.high - entry.mean == pytest.approx(4.302653 * 0.0912871, rel=1e-5)
    (figure, _) = fold_figures(run, ours="a", scope=report_scope(run))
    assert b"0.600" in figure.rendered.svg


def test_a_single_fold_has_no_interval() -> None:
    run = make_run([make_row("t", "a")], tables=("t",), methods=("a",))
    (entry,) = fold_scores(run, "macro_f1", "as_is", scope=report_scope(run))
    assert np.isnan(entry.low)
    assert len(fold_figures(run, ours="a", scope=report_scope(run))) == 2


points = st.lists(
    st.tuples(st.floats(0.01, 100), st.floats(0, 1)), min_size=1, max_size=12
)


@given(points)
def test_the_front_is_what_no_point_beats(places: list[tuple[float, float]]) -> None:
    costs, scores = zip(*places, strict=True)
    front = pareto_front(costs, scores)
    for i in range(len(places)):
        beaten = any(
            costs[j] <= costs[i]
            and scores[j] >= scores[i]
            and (costs[j], scores[j]) != (costs[i], scores[i])
            for j in range(len(places))
        )
        assert beaten == (places[i] not in [places[k] for k in front])


@given(st.lists(st.floats(-5, 5), max_size=10).map(sorted), st.floats(0.1, 2))
def test_spread_values_keep_their_order_and_distance(
    values: list[float], gap: float
) -> None:
    spread = spread_out(values, gap)
    assert len(spread) == len(values)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(spread))
    assert sum(spread) == pytest.approx(sum(values), abs=1e-8)


def overlap(one: Box, other: Box) -> bool:
    wide = min(one[2], other[2]) - max(one[0], other[0]) > 1e-9
    return wide and min(one[3], other[3]) - max(one[1], other[1]) > 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_names_of_22_crowded_points_do_not_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = np.concatenate(
        [rng.normal((250, 260), 35, size=(14, 2)), rng.uniform(60, 340, size=(8, 2))]
    )
    frame = (0.0, 0.0, 480.0, 360.0)
    sizes = [(float(width), 10.0) for width in rng.uniform(20, 130, size=22)]
    boxes = free_places(places, sizes, frame)
    for i, box in enumerate(boxes):
        assert frame[0] <= box[0] < box[2] <= frame[2]
        assert frame[1] <= box[1] < box[3] <= frame[3]
        assert not any(overlap(box, other) for other in boxes[:i])
        assert not any(overlap(box, (x, y, x, y)) for x, y in places)


def test_bars_of_groups_that_share_a_method_get_lanes_of_their_own() -> None:
    bars = group_lanes("abcdef", ["abc", "bcd", "cde", "ef"])
    assert bars == [(0, 2, 0), (1, 3, 1), (2, 4, 2), (4, 5, 0)]


def test_drawing_leaves_the_global_settings_alone() -> None:
    import matplotlib as mpl

    # Looking at the backend would choose one.
    names = [name for name in mpl.rcParams if name != "backend"]
    before = [mpl.rcParams[name] for name in names]
    render("empty", partial(new_figure, 2.0, 1.0))
    assert [mpl.rcParams[name] for name in names] == before
