"""Fits on tables of many rows, from Parquet shards, with LightGBM beside them.

    python benchmarks/scale.py --rows 10000 100000 1000000 --columns 50
    python benchmarks/scale.py --rows 1000000 10000000 --columns 20 --epochs 1

The tables are made, not real. Rows of `nass_cds` are drawn with replacement; numbers
get noise of a tenth of their spread, and two in a hundred cells of a category another
row's level. Sums of these columns with random weights, some of them cut into levels,
and columns of plain noise fill the table up. The class of each row is drawn anew from
what scikit-learn's boosted trees, fitted on the real table, say about the row: so no
two rows share a label by being copies, and trees have a slight advantage. Test rows
come from a fifth of the real rows that the training rows are not drawn from.

Each measurement runs in a process of its own and is appended to
`benchmarks/results/scale.csv`; what is there is not run again. Seconds are wall-clock
and processor time of the fit alone, from the files; memory is the peak of the process.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import append_row, stored_rows

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "scale.md"
ROWS = HERE / "results" / "scale.csv"
COLUMNS = (
    "method",
    "rows",
    "columns",
    "epochs",
    "threads",
    "fit_s",
    "fit_cpu_s",
    "peak_mb",
    "base_mb",
    "macro_f1",
    "macro_recall",
    "log_loss",
    "machine",
    "at",
)
N_TEST = 50_000
ROWS_IN_SHARD = 100_000
METHODS = ("qclmixnet", "lightgbm")


class Maker:
    """Makes rows of a table with so many columns, the same for the same seed."""

    def __init__(self, n_columns: int) -> None:
        import numpy as np
        from sklearn.ensemble import HistGradientBoostingClassifier

        from qclmixnet import load_dataset

        X, y = load_dataset("nass_cds", return_X_y=True)
        self.X, self.y = X.ffill().reset_index(drop=True), y.to_numpy()
        self.numbers = [c for c in X.columns if X[c].dtype.kind in "iuf"]
        self.levels = {
            c: self.X[c].astype(str).factorize()
            for c in X.columns
            if c not in self.numbers
        }
        rng = np.random.default_rng(0)
        self.is_test = rng.random(len(X)) < 0.2
        self.teacher = HistGradientBoostingClassifier(max_iter=100, random_state=0)
        self.teacher.fit(self._plain(self.X, np.arange(len(X))), self.y == "dead")
        n_more = n_columns - X.shape[1]
        self.n_noise, self.n_cut = n_more // 5, n_more // 5
        self.n_sums = n_more - self.n_noise - self.n_cut
        n_cells = X.shape[1]
        self.weights = rng.normal(size=(n_cells, self.n_sums + self.n_cut))

    def _plain(self, X, rows):
        import numpy as np

        columns = [X[c].to_numpy(dtype=float)[rows] for c in self.numbers]
        columns += [codes[rows].astype(float) for codes, _ in self.levels.values()]
        return np.column_stack(columns)

    def rows(self, n_rows: int, *, seed: int, test: bool = False):
        """Return so many rows with their class in the column `dead`."""
        import numpy as np
        import pandas as pd

        rng = np.random.default_rng([seed, test])
        pool = np.flatnonzero(self.is_test == test)
        drawn = rng.choice(pool, n_rows)
        plain = self._plain(self.X, drawn)
        n_num = len(self.numbers)
        spread = plain[:, :n_num].std(axis=0)
        plain[:, :n_num] += 0.1 * spread * rng.normal(size=(n_rows, n_num))
        other = self._plain(self.X, rng.choice(pool, n_rows))[:, n_num:]
        swapped = rng.random(other.shape) < 0.02
        plain[:, n_num:] = np.where(swapped, other, plain[:, n_num:])
        proba = self.teacher.predict_proba(plain)[:, 1]
        frame = {
            name: plain[:, place].astype(np.float32)
            for place, name in enumerate(self.numbers)
        }
        for place, (name, (_, levels)) in enumerate(self.levels.items()):
            codes = plain[:, n_num + place].astype(int)
            frame[name] = pd.Categorical.from_codes(codes, categories=list(levels))
        scaled = (plain - plain.mean(axis=0)) / (plain.std(axis=0) + 1e-9)
        sums = scaled @ self.weights + 2 * rng.normal(
            size=(n_rows, len(self.weights.T))
        )
        for place in range(self.n_sums):
            frame[f"sum_{place}"] = sums[:, place].astype(np.float32)
        for place in range(self.n_sums, self.n_sums + self.n_cut):
            cut = np.clip(np.round(sums[:, place] / 2), -6, 6).astype(int) + 6
            names = [f"level {level}" for level in range(13)]
            frame[f"cut_{place}"] = pd.Categorical.from_codes(cut, categories=names)
        for place in range(self.n_noise):
            noise = rng.normal(size=n_rows).astype(np.float32)
            noise[rng.random(n_rows) < 0.05] = np.nan
            frame[f"noise_{place}"] = noise
        frame["dead"] = np.where(rng.random(n_rows) < proba, "dead", "alive")
        return pd.DataFrame(frame)


def make(n_rows: int, n_columns: int, data: Path) -> Path:
    """Write the shards of a table, and the test rows beside them; return the folder."""
    folder = data / f"{n_rows}x{n_columns}"
    test = data / f"test-{n_columns}.parquet"
    if folder.exists() and test.exists():
        return folder
    maker = Maker(n_columns)
    fresh = data / f"{folder.name}.partial"
    fresh.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, n_rows, ROWS_IN_SHARD)):
        part = maker.rows(min(ROWS_IN_SHARD, n_rows - start), seed=number)
        part.to_parquet(fresh / f"{number:05}.parquet", index=False)
    maker.rows(N_TEST, seed=0, test=True).to_parquet(test, index=False)
    fresh.rename(folder)
    return folder


def measure(method: str, folder: str, test: str, epochs: int) -> dict[str, object]:
    """Fit in this process and score the test rows."""
    import pandas as pd

    from qclmixnet import QCLMixNetClassifier
    from qclmixnet.baselines import make_baseline
    from qclmixnet.metrics import score_predictions
    from qclmixnet.table import class_codes

    # What the libraries take before there is a table.
    small = pd.DataFrame({"a": range(99), "b": [0, 1, 1] * 33})
    QCLMixNetClassifier(max_epochs=1, n_tree_rounds=1).fit(small[["a"]] / 7, small["b"])
    base_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before, cpu = time.perf_counter(), time.process_time()
    if method == "qclmixnet":
        clf = QCLMixNetClassifier(
            max_epochs=epochs or None,
            random_state=0,
            verbose=int(sys.stderr.isatty()),
            device="cpu",
        )
        clf.fit_parquet(folder, target="dead")
    else:
        frame = pd.read_parquet(folder)
        clf = make_baseline(method, random_state=0)
        clf.fit(frame.drop(columns="dead"), frame["dead"])
    fit_s, fit_cpu_s = time.perf_counter() - before, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = pd.read_parquet(test)
    X, y = rows.drop(columns="dead"), rows["dead"]
    proba, predicted = clf.predict_proba(X), clf.predict(X)
    classes = clf.classes_
    scores = score_predictions(
        class_codes(y, classes),
        class_codes(predicted, classes),
        proba,
        labels=classes.tolist(),
    )
    return {
        "fit_s": round(fit_s, 1),
        "fit_cpu_s": round(fit_cpu_s, 1),
        "peak_mb": round(peak_mb),
        "base_mb": round(base_mb),
        "macro_f1": round(scores.macro_f1, 5),
        "macro_recall": round(scores.macro_recall, 5),
        "log_loss": round(scores.log_loss, 5),
    }


def in_own_process(*arguments: object) -> dict[str, object]:
    """Call `measure` in a fresh process."""
    out = subprocess.run(
        [sys.executable, __file__, "--measure", json.dumps(arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(out.stdout.splitlines()[-1])


def run(n_rows: int, n_columns: int, method: str, epochs: int, data: Path) -> None:
    """Measure once what is not stored yet."""
    if method != "qclmixnet":
        epochs = 0  # which is nothing to others
    key = [method, str(n_rows), str(n_columns), str(epochs)]
    names = ("method", "rows", "columns", "epochs")
    if any([row[name] for name in names] == key for row in stored_rows(ROWS)):
        return
    folder = make(n_rows, n_columns, data)
    test = data / f"test-{n_columns}.parquet"
    found = in_own_process(method, str(folder), str(test), epochs)
    row = {
        **dict(zip(names, key, strict=True)),
        **found,
        "threads": os.environ.get("OMP_NUM_THREADS", os.cpu_count()),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "at": time.strftime("%Y-%m-%d %H:%M"),
    }
    append_row(ROWS, row, COLUMNS)


def passes(row: dict[str, str]) -> int:
    """Return the epochs of a fit of ours."""
    from qclmixnet.training import MemberSchedule

    own = MemberSchedule().resolve(int(row["rows"])).n_epochs
    return min(own, int(row["epochs"]) or own)


def render(rows: list[dict[str, str]]) -> str:
    """Return targets and rows as Markdown."""
    lines = ["| target | reached | verdict |", "|---|---|---|"]
    lines += [f"| {' | '.join(line)} |" for line in targets(rows)]
    lines += [
        "",
        "| rows x columns | classifier | passes | fit, s | processor, s | threads "
        "| peak memory | macro-F1 | macro recall | log-loss |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    titles = {"qclmixnet": "default preset", "lightgbm": "LightGBM (balanced)"}
    places = {}
    for row in rows:  # the newest of each; passes are nothing to LightGBM
        n_passes = passes(row) if row["method"] == "qclmixnet" else 0
        key = (int(row["columns"]), int(row["rows"]), row["method"], n_passes)
        places[key] = row
    for key in sorted(places):
        row, ours = places[key], key[2] == "qclmixnet"
        cells = [
            f"{int(row['rows']):,} x {row['columns']}",
            titles[row["method"]],
            str(passes(row)) if ours else "",
            f"{float(row['fit_s']):,.0f}",
            f"{float(row['fit_cpu_s']):,.0f}",
            row["threads"],
            f"{int(row['peak_mb']):,} MB",
            *(f"{float(row[name]):.3f}" for name in ("macro_f1", "macro_recall")),
            f"{float(row['log_loss']):.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machines = sorted({row["machine"] for row in rows})
    lines += ["", f"{'; '.join(machines)}. Made on {dates(rows)}."]
    return "\n".join(lines)


def dates(rows: list[dict[str, str]]) -> str:
    """Return the days on which the rows were made."""
    return " and ".join(sorted({row["at"].split()[0] for row in rows}))


def targets(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    """Return what was aimed at, what was reached, and whether it is enough."""
    ours = [row for row in rows if row["method"] == "qclmixnet"]
    peers = {(r["rows"], r["columns"]): r for r in rows if r["method"] == "lightgbm"}
    whole = [r for r in ours if passes(r) == passes({**r, "epochs": "0"})]
    large = newest(whole, 1_000_000, 50)
    peer = peers.get(("1000000", "50"))
    f1 = None if large is None or peer is None else gap(large, peer)
    seconds = None if large is None else float(large["fit_s"])
    memory = None if large is None else float(large["peak_mb"])
    huge = newest(ours, 10_000_000, 20)
    same = newest(ours, 1_000_000, 20)
    growth = None if huge is None or same is None else more(huge, same)
    return [
        line("1,000,000 x 50 in 15 minutes", seconds, 900, "{:,.0f} s"),
        line("1,000,000 x 50 in 3 GB", memory, 3000, "{:,.0f} MB"),
        line(
            "1,000,000 x 50: LightGBM's macro-F1 less ours, at most 0.5 points",
            f1,
            0.5,
            "{:+.2f} points",
        ),
        growing(ours),
        line(
            "10,000,000 x 20 in the memory of 1,000,000 x 20",
            growth,
            1.1,
            "{:.2f} times",
        ),
    ]


def line(
    target: str, value: float | None, limit: float, form: str
) -> tuple[str, str, str]:
    """Return a line of the table of targets."""
    if value is None:
        return target, "", "not run"
    return target, form.format(value), "reached" if value <= limit else "missed"


def newest(rows: list[dict[str, str]], n_rows: int, n_columns: int):
    """Return the last row of a size; None if there is none."""
    of_size = [
        row
        for row in rows
        if (int(row["rows"]), int(row["columns"])) == (n_rows, n_columns)
    ]
    return of_size[-1] if of_size else None


def gap(ours: dict[str, str], peer: dict[str, str]) -> float:
    """Return by how many points the peer's macro-F1 is higher."""
    return 100 * (float(peer["macro_f1"]) - float(ours["macro_f1"]))


def more(one: dict[str, str], other: dict[str, str]) -> float:
    """Return the memory of one fit in that of another."""
    return float(one["peak_mb"]) / float(other["peak_mb"])


def ten_passes(ours: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the fits that growth is read from."""
    return [row for row in ours if row["columns"] == "50" and passes(row) == 10]


def growing(ours: list[dict[str, str]]) -> tuple[str, str, str]:
    """Return the line on growth; it is decided once there is a million rows."""
    sizes = [int(row["rows"]) for row in ten_passes(ours)] or [0]
    form = f"{{:.2f}} ({min(sizes):,} to {max(sizes):,} rows)"
    target, reached, verdict = line(
        "processor time from 10,000 to 1,000,000 rows grows as rows to the power of "
        "1.05 at most, 50 columns, 10 passes",
        growth_exponent(ours),
        1.05,
        form,
    )
    if reached and max(sizes) < 1_000_000:
        verdict = f"not yet (so far: {verdict})"
    return target, reached, verdict


def growth_exponent(ours: list[dict[str, str]]) -> float | None:
    """Return the power of the rows that processor time grows with."""
    import numpy as np

    fits = ten_passes(ours)
    sizes = [float(row["rows"]) for row in fits]
    if len(set(sizes)) < 2:
        return None
    seconds = [float(row["fit_cpu_s"]) for row in fits]
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main() -> None:
    """Measure what was asked for, and redraw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=0, help="0 for the preset's")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    place = Path(tempfile.gettempdir()) / "qclmixnet-scale"
    parser.add_argument("--data", type=Path, default=place, help="for the made tables")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(*json.loads(given.measure))))
        return
    for n_rows in given.rows:
        for method in given.methods:
            run(n_rows, given.columns, method, given.epochs, given.data)
    from pages import replace_table  # not in the processes whose memory is measured

    replace_table(PAGE, render(stored_rows(ROWS)))


if __name__ == "__main__":
    main()
