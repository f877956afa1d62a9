"""How wide members should be, and how long they should learn, in large tables.

    python benchmarks/studies/sizes.py [--tables diamonds,knights] [--folds 2]

`recipe.py` cuts its tables to 6,000 rows and trains on 4,000 of them. Here the
development tables of several classes that have more are cut to 20,000 training rows,
and two tables are made whose classes follow from rules. Rows go to
`benchmarks/studies/sizes.csv`; a stopped run goes on where it was.
"""

import argparse
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from development import Table, cut, read
from pages import replace_table
from recipe import BASE, VARIANTS, fit_and_score
from rows import append_row, stored_rows
from threads import one_thread

from qclmixnet import QCLMixNetClassifier
from qclmixnet.training import CrossFitRecipe

ROWS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "0020-quicker-and-larger.md"
MAX_ROWS = 30_000  # of which two thirds are trained on

_KNIGHT = ((1, 2), (2, 1), (-1, 2), (-2, 1), (1, -2), (2, -1), (-1, -2), (-2, -1))
_SLIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))
_BOARD, _PUZZLE = 8, 3


def steps_from(
    start: object, neighbours: Callable[[object], Sequence[object]]
) -> dict[object, int]:
    """Return how many steps away everything is that can be reached.

    >>> steps_from(0, lambda place: [place + 1] if place < 3 else [])
    {0: 0, 1: 1, 2: 2, 3: 3}
    """
    steps, waiting = {start: 0}, deque([start])
    while waiting:
        place = waiting.popleft()
        for other in neighbours(place):
            if other not in steps:
                steps[other] = steps[place] + 1
                waiting.append(other)
    return steps


def knights() -> tuple[pd.DataFrame, pd.Series]:
    """Return how many moves a knight needs to a square around an occupied one.

    Six numbers, the rows and columns of three squares; a ninth of all placements.
    """
    size = range(_BOARD)
    squares = [(row, column) for row in size for column in size]
    moves = {
        (row, column): [
            (row + up, column + right)
            for up, right in _KNIGHT
            if row + up in size and column + right in size
        ]
        for row, column in squares
    }
    rng, rows, answers = np.random.default_rng(0), [], []
    for goal in squares:
        for occupied in squares:
            if occupied == goal:
                continue

            def free(square: object, occupied: object = occupied) -> list[object]:
                return [other for other in moves[square] if other != occupied]

            steps = steps_from(goal, free)
            for start in squares:
                if start not in (goal, occupied) and rng.random() < 1 / 9:
                    rows.append((*start, *occupied, *goal))
                    answers.append(steps[start])
    columns = [f"{what}_{of}" for of in "abc" for what in ("row", "column")]
    return pd.DataFrame(rows, columns=columns), pd.Series(answers)


def puzzle() -> tuple[pd.DataFrame, pd.Series]:
    """Return how many moves the sliding puzzle of eight tiles needs, in threes.

    Eighteen numbers, the row and the column of each tile and of the gap.
    """
    size = range(_PUZZLE)

    def slid(tiles: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        gap = tiles.index(0)
        row, column = divmod(gap, _PUZZLE)
        for down, right in _SLIDES:
            if row + down in size and column + right in size:
                other = (row + down) * _PUZZLE + column + right
                out = list(tiles)
                out[gap], out[other] = out[other], out[gap]
                yield tuple(out)

    steps = steps_from((*range(1, _PUZZLE**2), 0), lambda tiles: list(slid(tiles)))
    places = np.argsort(np.array(list(steps)), axis=1)
    frame = pd.DataFrame(
        {
            f"{what}_{tile}": values
            for tile in range(_PUZZLE**2)
            for what, values in zip(
                ("row", "column"), divmod(places[:, tile], _PUZZLE), strict=True
            )
        }
    )
    return frame, pd.Series(list(steps.values())) // 3


MADE = {"knights": knights, "puzzle": puzzle}
TABLES = (
    *("covid_testing", "nursery", "diamonds", "fars", "portal_surveys"),
    *MADE,
)


@cache  # each is fitted in several ways
def load(name: str) -> Table:
    """Return a table, ready to be split."""
    frame, target = MADE[name]() if name in MADE else read(name)
    return cut(name, frame, target, max_rows=MAX_ROWS)


def _way(width: int, epochs: int, max_steps: int) -> CrossFitRecipe:
    schedule = replace(
        BASE.schedule,
        learning_rate=8e-3,
        epochs=epochs,
        min_steps=150,
        max_steps=max_steps,
        max_cycles=8,
        cycle_gain=0.05,
    )
    return replace(
        BASE, members=replace(BASE.members, d_hidden=width), schedule=schedule
    )


FORMER = "until now"
WAYS = {
    FORMER: VARIANTS["further cycles"],
    "quicker": _way(32, 25, 1500),
    "quicker, 64 wide": _way(64, 25, 1500),
    "quicker, twice the steps": _way(32, 50, 3000),
    "quicker, 64 wide, twice the steps": _way(64, 50, 3000),
    "quicker, 128 wide, twice the steps": _way(128, 50, 3000),
}


def fits(table: str, way: str, folds: list[int]) -> Iterator[dict[str, object]]:
    """Fit a way on some folds of a table."""
    data = load(table)
    for number, fold in enumerate(islice(data.folds(), max(folds) + 1)):
        if number not in folds:
            continue
        clf = QCLMixNetClassifier(WAYS[way], random_state=0, device="cpu")
        scores = fit_and_score(clf, data, fold)
        n_epochs = WAYS[way].schedule.resolve(len(fold.train)).n_epochs
        yield {
            "table": table,
            "rows": len(fold.train),
            "classes": data.n_classes,
            "fold": number,
            "way": way,
            "cycles": clf.n_iter_ // n_epochs,
            **scores,
        }


def summary(rows: pd.DataFrame) -> str:
    """Return the scores of each table by way, on the folds that all ways have."""
    lines = [
        "| table | rows | classes | way | cycles | macro-F1 | macro recall | log-loss "
        "| fit time |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for table in TABLES:
        own = rows[rows["table"] == table]
        n_ways = own.groupby("fold")["way"].nunique()
        own = own[own["fold"].isin(n_ways.index[n_ways == n_ways.max()])]
        means = own.groupby("way").mean(numeric_only=True)
        for way in WAYS:
            if way not in means.index:
                continue
            mean = means.loc[way]
            ratio = mean["fit_cpu_s"] / means.loc[FORMER, "fit_cpu_s"]
            lines.append(
                f"| {table} | {mean['rows']:,.0f} | {mean['classes']:.0f} | {way} "
                f"| {mean['cycles']:.1f} | {100 * mean['macro_f1']:.1f} "
                f"| {100 * mean['macro_recall']:.1f} | {mean['log_loss']:.3f} "
                f"| x {ratio:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--folds", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    done = {(row["table"], row["way"], int(row["fold"])) for row in stored_rows(ROWS)}
    for way in WAYS:
        for table in options.tables.split(","):
            folds = [i for i in range(options.folds) if (table, way, i) not in done]
            if folds:
                for row in fits(table, way, folds):
                    append_row(ROWS, row)
    replace_table(PAGE, summary(pd.read_csv(ROWS)))


if __name__ == "__main__":
    main()
