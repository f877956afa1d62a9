"""Tables and picture of `docs/explanation/past-one-machine.md`."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import scale
from pages import replace_table
from plan import (
    N_COLUMNS,
    PHASES,
    ROWS,
    WORKERS,
    Assumed,
    Plan,
    as_built,
    as_changed,
    sum_s,
)
from rows import stored_rows

from qclmixnet.report.drawing import INK, new_figure, render, strip_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "explanation" / "past-one-machine.md"
PICTURE = DOCS / "images" / "past-one-machine.svg"
MEASURED = Path(__file__).parent / "results" / "ray_throughput.csv"
DRAWN_ROWS = 10**9
KEPT_BYTES = 17  # class 8, fold 1, and 8 for a place in an epoch of so many rows
LOOKS = {
    "look": ("first pass", "#56b4e9"),
    "encode": ("encode", "#0072b2"),
    "send": ("send rows to workers", "#cc79a7"),
    "order": ("draw orders", "#999999"),
    "trees": ("trees", "#f0e442"),
    "learn": ("steps", "#009e73"),
    "sum": ("sum gradients", "#d55e00"),
    "score": ("score", "#1c1c1c"),
}
Pieces = dict[str, float]


def draw_page(pieces: Pieces, fits: list[dict[str, str]]) -> None:
    """Write the picture, and the tables between the markers of the page."""
    PICTURE.write_bytes(render("past-one-machine", lambda: _figure(pieces)).svg)
    for name, table in tables(pieces, fits).items():
        replace_table(PAGE, table, name=name)


def tables(pieces: Pieces, fits: list[dict[str, str]]) -> dict[str, str]:
    """Return all tables of the page by the name of their markers."""
    assumed = Assumed()
    return {
        "pieces": of_pieces(pieces),
        "check": of_check(pieces, fits),
        "two": of_two(pieces, stored_rows(MEASURED)),
        "built": of_plans(pieces, as_built, assumed),
        "changed": of_plans(pieces, as_changed, assumed),
        "needs": of_needs(pieces, assumed),
    }


def table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def of_pieces(pieces: Pieces) -> str:
    """Return what was measured, in words."""
    times = {
        "first pass over the files, a row": "look_s",
        "second pass, which encodes, a row": "encode_s",
        "order of an epoch, a row": "order_s",
        "a step, whatever is in it": "step_s",
        "a row of a step": "row_s",
        "scoring of a row": "forward_s",
        "contrast of two rows, all members": "pair_s",
        "neighbours of a row, where mixup wants them": "neighbour_s",
        "a message between two processes of this machine": "message_s",
    }
    lines = [(what, _time(pieces[name])) for what, name in times.items()]
    lines += [
        ("trees, a million cells", _time(1e6 * pieces["tree_cell_s"])),
        ("an encoded row", f"{pieces['stored_bytes']:,.0f} bytes"),
        ("weights of the eight members", f"{pieces['parameters']:,.0f}"),
        ("the same as a message", f"{4 * pieces['parameters'] / 1000:,.0f} kB"),
    ]
    return table(("piece", "measured"), lines)


def of_check(pieces: Pieces, fits: list[dict[str, str]]) -> str:
    """Return what the model says about fits that were run."""
    lines = []
    for fit in scale.ten_passes([f for f in fits if f["method"] == "qclmixnet"]):
        n_rows = int(fit["rows"])
        said = 3600 * ten_passes(pieces, n_rows).hours
        spent = float(fit["fit_cpu_s"])
        cells = (f"{n_rows:,} x {N_COLUMNS}", f"{spent:,.0f} s", f"{said:,.0f} s")
        lines.append((*cells, f"{said / spent:.2f}"))
    head = ("rows x columns", "processor seconds", "by the model", "share")
    return table(head, lines)


def ten_passes(pieces: Pieces, n_rows: int) -> Plan:
    """Return the plan of a fit of ten passes, whatever its rows."""
    plan = as_built(pieces, n_rows, 1, Assumed())
    n_steps = 10 * (n_rows // plan.joint_batch)
    share = n_steps / plan.n_steps
    seconds = dict(plan.seconds)
    seconds["learn"] *= share
    if share < 1:  # fewer epochs, each scored, in place of 20 scores
        n_scored = 10 * min(n_rows, 30_000) + min(n_rows, 300_000)
        seconds["score"] = n_scored * pieces["forward_s"]
        seconds["order"] *= share
    return Plan(seconds, n_steps, plan.joint_batch)


def of_two(pieces: Pieces, measured: list[dict[str, str]]) -> str:
    """Return what two workers on one machine bring, by the model and as measured."""
    here = Assumed(bytes_per_s=1 / pieces["local_byte_s"], latency_s=0.0)
    alone = pieces["step_s"] + 256 * pieces["row_s"]
    share = pieces["step_s"] + 128 * pieces["row_s"]
    summed = sum_s(pieces, 2, here, ring=True)
    lines = [
        ("step of one process", f"{1000 * alone:.1f} ms"),
        ("step of a worker with half of the rows", f"{1000 * share:.1f} ms"),
        ("sum of the gradients", f"{1000 * summed:.1f} ms"),
        ("rows a second, 2 workers / 1", f"{alone / (share + summed):.2f} (model)"),
    ]
    # Batches of other sizes were measured, too.
    found = measured_ratio([row for row in measured if row["batch"] == "256"])
    if found is None:
        lines.append(("the same, measured", "not measured yet"))
    else:
        lines += [
            ("the same, measured by the clock", f"{found[0]:.2f}"),
            ("the same, measured by processor seconds", f"{found[1]:.2f}"),
        ]
    return table(("what", "value"), lines)


def measured_ratio(rows: list[dict[str, str]]) -> tuple[float, float] | None:
    """Return rows a second of 2 workers in those of 1 process, one thread each.

    By the clock, and by what it would be if the two never waited for a core: twice the
    processor seconds of one over those of both. None if they were not measured.
    """
    newest = [row for row in rows if row["run"] == rows[-1]["run"]]
    one = [row for row in newest if row["way"] == "one process, 1 thread"]
    two = [row for row in newest if row["way"].startswith("2 Ray workers")]
    if not (one and two):
        return None

    def middle(of: list[dict[str, str]], name: str) -> float:
        return median(float(row[name]) for row in of)

    by_clock = middle(two, "rows_per_s") / middle(one, "rows_per_s")
    return by_clock, 2 * middle(one, "cpu_s") / middle(two, "cpu_s")


def of_plans(pieces: Pieces, plan_of, assumed: Assumed) -> str:
    """Return hours and the longest phase, by rows and workers."""
    lines = []
    for n_rows in ROWS:
        plans = [plan_of(pieces, n_rows, n, assumed) for n in WORKERS]
        cells = [f"{_hours(plan)} ({LOOKS[plan.bottleneck][0]})" for plan in plans]
        lines.append((f"{n_rows:,}", *cells))
    return table(("rows", *(f"{n} worker{'s' * (n > 1)}" for n in WORKERS)), lines)


def of_needs(pieces: Pieces, assumed: Assumed) -> str:
    """Return what ten billion rows need with 64 workers, as built and changed."""
    n_rows, n_workers = ROWS[-1], WORKERS[-1]
    built = as_built(pieces, n_rows, n_workers, assumed)
    changed = as_changed(pieces, n_rows, n_workers, assumed)
    on_disk = n_rows * pieces["stored_bytes"] / 1e12
    kept = KEPT_BYTES * n_rows / 1e12
    joint, pair = changed.joint_batch, pieces["pair_s"]
    gather = joint * 8 * 16 * 4
    index = n_rows * (32 * 4 + 8) / 1e12
    search = n_rows * pieces["neighbour_s"] / 3600
    rare = 1_000_000
    lines = [
        ("hours", f"{built.hours:,.0f}", f"{changed.hours:,.0f}"),
        ("core hours", *(f"{n_workers * p.hours:,.0f}" for p in (built, changed))),
        (
            f"dollars at {assumed.price:.2f} a core hour",
            *(f"{n_workers * p.hours * assumed.price:,.0f}" for p in (built, changed)),
        ),
        ("rows of a joint step", *(f"{p.joint_batch:,}" for p in (built, changed))),
        (
            "steps",
            f"{built.n_steps / 1e6:,.0f} million",
            f"{changed.n_steps / 1e6:,.1f} million",
        ),
        (
            "encoded rows on each worker's disk",
            f"{on_disk:.1f} TB",
            f"{1000 * on_disk / n_workers:,.0f} GB",
        ),
        (
            "class, fold and place of every row: memory of each worker",
            f"{kept:.2f} TB",
            f"{1000 * kept / n_workers:,.0f} GB",
        ),
        (
            "steps between two rows of a class of 1 in 1,000,000",
            f"{rare / built.joint_batch:,.0f}",
            f"{rare / changed.joint_batch:,.0f}",
        ),
        (
            "contrast (off by default): a step's pairs, all on each worker",
            f"{built.joint_batch**2 * pair * 1000:,.0f} ms",
            f"{joint**2 * pair:,.0f} s",
        ),
        (
            "the same, each worker its own rows against all",
            f"{built.joint_batch**2 * pair / n_workers * 1000:,.1f} ms",
            f"{joint**2 * pair / n_workers:,.1f} s",
        ),
        (
            "projections that each worker then gathers in a step",
            f"{built.joint_batch * 8 * 16 * 4 / 1e6:.1f} MB",
            f"{gather / 1e6:.1f} MB, {1000 * gather / assumed.bytes_per_s:.1f} ms",
        ),
        (
            "index of neighbours (mixup, off by default)",
            f"{index:.1f} TB in one place",
            f"{1000 * index / n_workers:,.0f} GB for each worker's own rows",
        ),
        (
            "one search of all neighbours",
            f"{search:,.0f} hours",
            f"{search / n_workers:,.1f} hours",
        ),
    ]
    return table(("10,000,000,000 rows, 64 workers", "as built", "as changed"), lines)


def _hours(plan: Plan) -> str:
    if plan.hours < 0.05:
        return f"{3600 * plan.hours:,.0f} s"
    if plan.hours < 1:
        return f"{60 * plan.hours:,.0f} min"
    return f"{plan.hours:,.1f} h" if plan.hours < 10 else f"{plan.hours:,.0f} h"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.1 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{1e6 * seconds:.3g} µs"


def _figure(pieces: Pieces) -> "Figure":
    figure = new_figure(9.5, 3.9)
    left, right = figure.subplots(1, 2, sharey=True)
    assumed = Assumed()
    drawn = {
        "as built": [as_built(pieces, DRAWN_ROWS, n, assumed) for n in WORKERS],
        "as changed": [as_changed(pieces, DRAWN_ROWS, n, assumed) for n in WORKERS],
    }
    seen = [
        phase  # others are too thin to be seen
        for phase in PHASES
        if any(p.seconds[phase] > 36 * p.hours for ps in drawn.values() for p in ps)
    ]
    for axes, (title, plans) in zip((left, right), drawn.items(), strict=True):
        _bars(axes, plans, seen)
        axes.set_title(title, loc="left")
        axes.set_xlabel("workers, one core each")
    left.set_ylabel("hours, a billion rows")
    left.set_ylim(0, 1.08 * max(p.hours for plans in drawn.values() for p in plans))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        columnspacing=1.2,
        handlelength=1.2,
    )
    return figure


def _bars(axes: "Axes", plans: list[Plan], phases: list[str]) -> None:
    strip_axes(axes)
    places = range(len(plans))
    bottom = [0.0] * len(plans)
    for phase in phases:
        hours = [plan.seconds[phase] / 3600 for plan in plans]
        title, colour = LOOKS[phase]
        axes.bar(places, hours, bottom=bottom, color=colour, width=0.72, label=title)
        bottom = [low + more for low, more in zip(bottom, hours, strict=True)]
    for place, plan in zip(places, plans, strict=True):
        text = f"{plan.hours:,.0f}" if plan.hours >= 10 else f"{plan.hours:.1f}"
        axes.annotate(
            text,
            (place, plan.hours),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color=INK,
            fontsize=8.5,
        )
    axes.set_xticks(list(places), [str(n) for n in WORKERS])
