"""Training by two Ray workers beside one process: how fast, and how equal.

    python benchmarks/ray_training.py throughput
    python benchmarks/ray_training.py agreement

The tables are those of `scale.py`. *Throughput* is about the training of the networks
alone, without trees: rows of all passes by the seconds from its start to its end, when
workers have been started already. Two workers of one thread each and one process of
one and of two threads take turns. Processor seconds are those of the processes that
train, within these seconds. *Agreement* is about whole fits by the default recipe, on
one file in memory, on 50 files, and on these by two workers, with several seeds.

Rows go to `benchmarks/results/ray_throughput.csv`, of which the page shows the newest
run, and to `ray_agreement.csv`, where what is there is not run again.
"""

import argparse
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import scale
from rows import append_row, stored_rows

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "scale.md"
SPEEDS = HERE / "results" / "ray_throughput.csv"
SCORES = HERE / "results" / "ray_agreement.csv"
MACHINE = ("machine", "load", "at")
SPEED_COLUMNS = (
    *("way", "rows", "columns", "epochs", "batch", "train_s", "cpu_s", "rows_per_s"),
    *("run", *MACHINE),
)
SCORE_COLUMNS = (
    *("way", "rows", "columns", "epochs", "seed"),
    *("macro_f1", "macro_recall", "log_loss", *MACHINE),
)
ONE, BOTH = "one process, 1 thread", "one process, 2 threads"
TWO = "2 Ray workers, 1 thread each"
MEMORY, SHARDS, WORKERS = "one file in memory", "50 files", "50 files, 2 Ray workers"
N_TEST = 20_000
N_SHARDS = 50


class Watch:
    """Takes down the processor time of the processes that train."""

    def __init__(self, *, workers: bool) -> None:
        self.samples: list[tuple[float, float]] = []
        self._workers, self._over = workers, threading.Event()
        self._seen: dict[int, float] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        import psutil

        own = psutil.Process()
        known: dict[int, psutil.Process] = {}
        while not self._over.wait(0.1):
            if not self._workers:
                known = {own.pid: own}
            elif len(known) < 2:
                for child in own.children(recursive=True):
                    if "RayTrainWorker" in child.name():
                        known[child.pid] = child
            for pid, process in known.items():
                try:
                    times = process.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                self._seen[pid] = times.user + times.system
            self.samples.append((time.time(), sum(self._seen.values())))

    def cpu_between(self, start: float, end: float) -> float:
        """Return the processor seconds between two times."""
        import numpy as np

        times, seconds = zip(*self.samples, strict=True)
        first, last = np.interp([start, end], times, seconds)
        return float(last - first)


def about_machine() -> dict[str, object]:
    """Return what the machine is, and how busy."""
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "at": time.strftime("%Y-%m-%d %H:%M"),
    }


def team(way: str):
    """Return the workers of a way; None for this process."""
    from qclmixnet.execution import RayCluster, Workers

    return Workers(2, cluster=RayCluster()) if way in (TWO, WORKERS) else None


def throughput(given: argparse.Namespace) -> None:
    """Train in turns, and take down how long it took."""
    import torch

    from qclmixnet import QCLMixNetClassifier
    from qclmixnet.training import MemberSchedule

    folder = scale.make(given.rows, given.columns, given.data)
    schedule = MemberSchedule(max_epochs=given.epochs, batch_size=given.batch)
    plan = schedule.resolve(given.rows)
    learned = plan.n_epochs * plan.steps_per_epoch * plan.batch_size
    for _ in range(given.repeats):
        for way in (ONE, BOTH, TWO):
            torch.set_num_threads(2 if way == BOTH else 1)
            about = about_machine()
            clf = QCLMixNetClassifier(
                max_epochs=given.epochs,
                batch_size=given.batch,
                n_tree_rounds=0,
                random_state=0,
                device="cpu",
            )
            watch = Watch(workers=way == TWO)
            with tempfile.TemporaryDirectory() as progress, watch.watching():
                clf.fit_parquet(
                    folder, target="dead", checkpoint_dir=progress, workers=team(way)
                )
                # Written at the end of the training.
                end = Path(progress, "members.json").stat().st_mtime
            seconds = clf.history_[-1].seconds
            row = {
                "way": way,
                "rows": given.rows,
                "columns": given.columns,
                "epochs": plan.n_epochs,
                "batch": plan.batch_size,
                "train_s": round(seconds, 2),
                "cpu_s": round(watch.cpu_between(end - seconds, end), 2),
                "rows_per_s": round(learned / seconds),
                "run": given.run,
                **about,
            }
            append_row(SPEEDS, row, SPEED_COLUMNS)


def agreement(given: argparse.Namespace) -> None:
    """Fit in three ways with each seed, and score."""
    import pandas as pd

    maker = None
    data = given.data / f"agreement-{given.rows}x{given.columns}"
    if not (data / "test.parquet").exists():
        maker = scale.Maker(given.columns)
        table = maker.rows(given.rows, seed=0)
        (data / "shards").mkdir(parents=True, exist_ok=True)
        table.to_parquet(data / "whole.parquet", index=False)
        size = -(-len(table) // N_SHARDS)
        for number in range(N_SHARDS):
            part = table.iloc[number * size : (number + 1) * size]
            part.to_parquet(data / "shards" / f"{number:02}.parquet", index=False)
        test = maker.rows(N_TEST, seed=0, test=True)
        test.to_parquet(data / "test.parquet", index=False)
    test = pd.read_parquet(data / "test.parquet")
    for seed in range(given.seeds):
        for way in (MEMORY, SHARDS, WORKERS):
            sizes = (given.rows, given.columns, given.epochs, seed)
            key = dict(zip(SCORE_COLUMNS, map(str, (way, *sizes)), strict=False))
            if any(key.items() <= row.items() for row in stored_rows(SCORES)):
                continue
            row = {**key, **about_machine(), **fit(way, data, test, given, seed)}
            append_row(SCORES, row, SCORE_COLUMNS)


def fit(way: str, data: Path, test, given: argparse.Namespace, seed: int):
    """Fit in one way and score the test rows."""
    import pyarrow.parquet as pq

    from qclmixnet import QCLMixNetClassifier
    from qclmixnet.metrics import score_predictions
    from qclmixnet.table import class_codes

    clf = QCLMixNetClassifier(
        max_epochs=given.epochs or None, random_state=seed, device="cpu"
    )
    if way == MEMORY:
        table = pq.read_table(data / "whole.parquet")
        clf.fit(table.drop_columns(["dead"]), table.column("dead").to_pandas())
    else:
        clf.fit_parquet(data / "shards", target="dead", workers=team(way))
    X, y = test.drop(columns="dead"), test["dead"]
    scores = score_predictions(
        class_codes(y, clf.classes_),
        class_codes(clf.predict(X), clf.classes_),
        clf.predict_proba(X),
        labels=clf.classes_.tolist(),
    )
    names = ("macro_f1", "macro_recall", "log_loss")
    return {name: round(getattr(scores, name), 6) for name in names}


def render_speeds(rows: list[dict[str, str]]) -> str:
    """Return the newest run of each size of batch as Markdown."""
    runs = {int(row["batch"]): row["run"] for row in rows}
    return "\n\n".join(
        render_run([row for row in rows if row["run"] == runs[batch]])
        for batch in sorted(runs)
    )


def render_run(newest: list[dict[str, str]]) -> str:
    """Return one run as Markdown."""
    by_way = {way: [r for r in newest if r["way"] == way] for way in (ONE, BOTH, TWO)}
    lines = [
        "| trained by | rows/s, median | rows/s, each | rows per processor second |",
        "|---|---|---|---|",
    ]
    speed, thrift = {}, {}
    for way, own in by_way.items():
        speeds = [float(row["rows_per_s"]) for row in own]
        speed[way] = statistics.median(speeds)
        thrift[way] = statistics.median(
            float(row["rows_per_s"]) * float(row["train_s"]) / float(row["cpu_s"])
            for row in own
        )
        each = ", ".join(f"{value:,.0f}" for value in speeds)
        lines.append(f"| {way} | {speed[way]:,.0f} | {each} | {thrift[way]:,.0f} |")
    ratio = speed[TWO] / speed[BOTH]
    verdict = "reached" if ratio >= 0.9 else "missed"
    first = newest[0]
    loads = [float(row["load"]) for row in newest]
    return "\n".join(
        [
            *lines,
            "",
            f"Two workers learn {ratio:.2f} times as many rows as one process of 2 "
            f"threads in the same time, and {speed[TWO] / speed[ONE]:.2f} times as "
            f"many as one of 1 thread; aimed at was 0.9 of the former, {verdict}. In "
            f"the same processor time it is {thrift[TWO] / thrift[ONE]:.2f} of what "
            f"one thread learns. {int(first['rows']):,} rows of {first['columns']} "
            f"columns, {first['epochs']} passes in batches of {first['batch']}; "
            f"{first['machine']}, load {min(loads):g} to "
            f"{max(loads):g}, its own included. Made on {first['at'].split()[0]}.",
        ]
    )


def render_scores(rows: list[dict[str, str]]) -> str:
    """Return the scores by seed as Markdown."""
    ways = (MEMORY, SHARDS, WORKERS)
    by_seed: dict[int, dict[str, dict[str, str]]] = {}
    for row in rows:
        by_seed.setdefault(int(row["seed"]), {})[row["way"]] = row
    lines = [f"| seed | {' | '.join(ways)} |", "|---|---|---|---|"]
    for seed, own in sorted(by_seed.items()):
        cells = [own[way]["macro_f1"] for way in ways]
        lines.append(f"| {seed} | {' | '.join(f'{float(c):.4f}' for c in cells)} |")
    gaps, gaps_of_loss = (
        [
            abs(float(own[way][name]) - float(own[MEMORY][name]))
            for own in by_seed.values()
            for way in ways
        ]
        for name in ("macro_f1", "log_loss")
    )
    of_memory = [float(own[MEMORY]["macro_f1"]) for own in by_seed.values()]
    spread, first = max(of_memory) - min(of_memory), rows[0]
    passes = f"{first['epochs']} passes" if int(first["epochs"]) else "all passes"
    return "\n".join(
        [
            *lines,
            "",
            f"Macro-F1 on {N_TEST:,} test rows. With one seed the three ways differ by "
            f"{max(gaps):.4f} at most (log-loss by {max(gaps_of_loss):.6f}), from seed "
            f"to seed one way differs by {spread:.4f}. {int(first['rows']):,} rows of "
            f"{first['columns']} columns, {passes}. Made on {first['at'].split()[0]}.",
        ]
    )


def main() -> None:
    """Measure what was asked for, and redraw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("throughput", "agreement", "page"))
    parser.add_argument("--rows", type=int, help="100,000 for throughput, else 20,000")
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=2, help="0 for the preset's")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    place = Path(tempfile.gettempdir()) / "qclmixnet-scale"
    parser.add_argument("--data", type=Path, default=place, help="for the made tables")
    given = parser.parse_args()
    given.run = time.strftime("%Y-%m-%d %H:%M:%S")
    if given.what == "throughput":
        given.rows = given.rows or 100_000
        throughput(given)
    elif given.what == "agreement":
        given.rows = given.rows or 20_000
        from qclmixnet.execution import RayCluster

        with RayCluster().connected(n_cpus=2):  # one start for all fits
            agreement(given)
    from pages import replace_table

    for path, render, name in (
        (SPEEDS, render_speeds, "throughput"),
        (SCORES, render_scores, "agreement"),
    ):
        if stored_rows(path):
            replace_table(PAGE, render(stored_rows(path)), name=name)


if __name__ == "__main__":
    main()
