"""Speed and size of the package: start-up, growth, memory, mixup's share, reasons.

    python benchmarks/speed.py [startup growth large threads demo explain predicting]

Every measurement runs in a process of its own; the figures are appended to
`benchmarks/results/speed.jsonl` with machine and versions, newest last. The tables of
`docs/explanation/performance.md` are drawn from the newest of each kind.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pages import replace_table

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "speed.jsonl"
PAGE = HERE.parent / "docs" / "explanation" / "performance.md"
GROWTH_ROWS = (1_000, 3_162, 10_000, 31_623, 100_000)
REPEATS = 3
PREDICTED_ROWS, PREDICT_REPEATS = (1, 1_000, 20_000), 15


def made_table(n_rows: int, n_columns: int):
    """Normal numbers; 5 % of the rows are of a rare class, shifted in two columns."""
    import numpy as np

    rng = np.random.default_rng(0)
    y = (rng.random(n_rows) < 0.05).astype(int)
    X = rng.normal(size=(n_rows, n_columns))
    X[:, :2] += 2 * y[:, None]
    return X, y


def fit(n_rows: int, n_columns: int, max_epochs: int, **settings) -> dict[str, float]:
    """Fit in this process after a warm-up and return what it took."""
    from qclmixnet import QCLMixNetClassifier

    settings = {
        "preset": "paper",
        "max_epochs": max_epochs,
        "patience": 10**6,
        "random_state": 0,
        **settings,
    }
    # Without a warm-up the first fit pays for torch's own late imports.
    QCLMixNetClassifier(**settings).fit(*made_table(200, 3))
    X, y = made_table(n_rows, n_columns)
    started = time.perf_counter()
    clf = QCLMixNetClassifier(**settings).fit(X, y)
    seconds = time.perf_counter() - started
    return {
        "rows": n_rows,
        "columns": n_columns,
        "epochs": clf.n_iter_,
        "fit_s": seconds,
        "mixup_share": clf.history_[-1].mixup_seconds / seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_own_process(expression: str) -> dict[str, float]:
    """Evaluate an expression of this file in a fresh process."""
    code = f"import json, speed; print(json.dumps({expression}))"
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(out.stdout.splitlines()[-1])


def seconds_of(command: list[str]) -> float:
    """Return the median wall-clock time of a command over several runs."""
    times = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def startup() -> dict[str, object]:
    """Time a bare interpreter, the import of the package, and the help page."""
    cli = str(Path(sys.executable).with_name("qclmixnet"))
    bare = seconds_of([sys.executable, "-c", "pass"])
    imported = seconds_of([sys.executable, "-c", "import qclmixnet"])
    return {
        "bare_python_s": bare,
        "import_s": imported,
        "import_alone_s": imported - bare,
        "help_s": seconds_of([cli, "--help"]),
    }


def demo() -> dict[str, object]:
    """Time the whole demo: fit, two peers, scores, model and picture."""
    cli = str(Path(sys.executable).with_name("qclmixnet"))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [cli, "demo", "--out", f"{folder}/demo"]
        subprocess.run(command, check=True, capture_output=True)
        return {"demo_s": time.perf_counter() - started}


def growth() -> dict[str, object]:
    """Fit at five sizes and fit a line to the logarithms."""
    import numpy as np

    rows = []
    for n_rows in GROWTH_ROWS:
        runs = [in_own_process(f"speed.fit({n_rows}, 20, 5)") for _ in range(REPEATS)]
        seconds = statistics.median(run["fit_s"] for run in runs)
        rows.append({**runs[0], "fit_s": seconds})
        print(f"  {n_rows} rows: {seconds:.2f} s", flush=True)
    x = np.log([row["rows"] for row in rows])
    y = np.log([row["fit_s"] for row in rows])
    return {
        "repeats": REPEATS,
        "rows": rows,
        "exponent": float(np.polyfit(x, y, 1)[0]),
        "exponent_10k_to_100k": float(np.polyfit(x[2:], y[2:], 1)[0]),
    }


def large() -> dict[str, object]:
    """Fit 100,000 rows of 50 columns for one whole period of neighbour searches."""
    return in_own_process("speed.fit(100_000, 50, 20)")


def threads() -> dict[str, object]:
    """Time small fits with one and with all threads, idle and beside a busy process."""
    out: dict[str, object] = {}
    for name, n_busy in (("idle", 0), ("busy", 1)):
        with beside(n_busy):
            for label, numbers in (("one_thread", 10**9), ("all_threads", 0)):
                runs = [
                    in_own_process(f"speed.fit_with_threads({numbers})")
                    for _ in range(REPEATS)
                ]
                out[f"{name}_{label}_s"] = statistics.median(r["fit_s"] for r in runs)
    return out


@contextmanager
def beside(n_busy: int) -> Iterator[None]:
    """Keep processes busy with nothing inside the block."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(n_busy)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()


def fit_with_threads(numbers: int) -> dict[str, float]:
    """Fit 2,000 x 10 with another threshold for the second thread."""
    from qclmixnet.training import threads as chosen

    chosen._NUMBERS_WORTH_A_SECOND_THREAD = numbers
    return fit(2_000, 10, 10)


def explain() -> dict[str, object]:
    """Explain 1,000 rows of 50 columns, by the default model of 10,000 others."""
    runs = [in_own_process("speed.explain_rows()") for _ in range(REPEATS)]
    return {
        **runs[0],
        **{
            name: statistics.median(run[name] for run in runs)
            for name in ("explain_s", "explain_cpu_s")
        },
    }


def explain_rows() -> dict[str, float]:
    """Fit in this process the first 50 columns of sylva and time the explanation."""
    from qclmixnet import QCLMixNetClassifier, load_dataset

    X, y = load_dataset("sylva", return_X_y=True)
    X = X.sample(frac=1, random_state=0)
    X = X.loc[:, X[:10_000].nunique() > 1].iloc[:, :50]  # constants are not used
    y = y.loc[X.index]
    # Epochs change what the weights are, not how long an answer takes.
    clf = QCLMixNetClassifier(max_epochs=3, random_state=0)
    clf.fit(X[:10_000], y[:10_000])
    clf.explain(X[10_000:10_010])
    started, cpu_started = time.perf_counter(), time.process_time()
    found = clf.explain(X[10_000:11_000])
    return {
        "rows": len(found.values),
        "columns": len(found.columns),
        "permutations": found.n_permutations,
        "explain_s": time.perf_counter() - started,
        "explain_cpu_s": time.process_time() - cpu_started,
    }


def predicting() -> dict[str, object]:
    """Time predictions, idle and beside as many busy processes as there are cores."""
    out: dict[str, object] = {}
    for name, n_busy in (("idle", 0), ("busy", os.cpu_count() or 1)):
        with beside(n_busy):
            out[name] = in_own_process("speed.predict_rows()")
    return out


def predict_rows() -> dict[str, dict[str, float]]:
    """Fit in this process on page_blocks; return milliseconds of a call, by its rows.

    In turns: with one thread; with threads that have blocks of rows of their own, as
    predictions are made; and with all threads sharing every product of a pass.
    """
    import torch

    from qclmixnet import QCLMixNetClassifier, load_dataset
    from qclmixnet.estimators import models

    X, y = load_dataset("page_blocks", return_X_y=True)
    # Epochs change what the weights are, not how long an answer takes.
    clf = QCLMixNetClassifier(max_epochs=3, random_state=0).fit(X, y)
    all_threads, in_blocks = torch.get_num_threads(), models.in_blocks

    def in_common(compute, n_rows):
        return compute(slice(n_rows))

    ways = {
        "one_thread": (1, in_blocks),
        "own_rows": (all_threads, in_blocks),
        "common_rows": (all_threads, in_common),
    }
    out: dict[str, dict[str, float]] = {}
    for n_rows in PREDICTED_ROWS:
        rows = X.sample(n_rows, replace=True, random_state=0)
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(2 + PREDICT_REPEATS):
            for way, (n_threads, models.in_blocks) in ways.items():
                torch.set_num_threads(n_threads)
                started = time.perf_counter()
                clf.predict_proba(rows)
                times[way].append(1000 * (time.perf_counter() - started))
        out[str(n_rows)] = {
            way: statistics.median(every[2:]) for way, every in times.items()
        }
    return out


KINDS = {
    "startup": startup,
    "growth": growth,
    "large": large,
    "threads": threads,
    "demo": demo,
    "explain": explain,
    "predicting": predicting,
}


def newest() -> dict[str, dict]:
    """Return the last stored row of each kind."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines()
    return {row["kind"]: row for row in map(json.loads, lines)}


def render(stored: dict[str, dict]) -> str:
    """Return the newest figures as Markdown."""
    start, grown, big, threaded, shown, reasons, predicted = (
        stored[kind]["figures"] for kind in KINDS
    )
    figures = [
        ("`import qclmixnet`, less a bare Python", f"{start['import_alone_s']:.3f} s"),
        ("`qclmixnet --help`", f"{start['help_s']:.2f} s"),
        ("`qclmixnet demo`", f"{shown['demo_s']:.0f} s"),
        ("fit time grows as rows to the power", f"{grown['exponent']:.2f}"),
        ("the same from 10,000 rows on", f"{grown['exponent_10k_to_100k']:.2f}"),
        ("peak memory of the process, 100,000 x 50", f"{big['peak_mb']:.0f} MB"),
        (
            "share of mixup and neighbour search, 100,000 x 50, 20 epochs",
            f"{big['mixup_share']:.0%}",
        ),
        (
            f"`explain`, {reasons['rows']:,} rows of {reasons['columns']} columns",
            f"{reasons['explain_s']:.1f} s ({reasons['explain_cpu_s']:.1f} s of "
            "processor time)",
        ),
        (
            "small fit beside a busy process: all threads / one thread",
            f"{threaded['busy_all_threads_s'] / threaded['busy_one_thread_s']:.1f}",
        ),
        (
            "the same on an idle machine",
            f"{threaded['idle_all_threads_s'] / threaded['idle_one_thread_s']:.1f}",
        ),
    ]
    lines = ["| what | figure |", "|---|---|"]
    lines += [f"| {what} | {figure} |" for what, figure in figures]
    lines += ["", "| rows | seconds of 5 epochs | peak memory |", "|---|---|---|"]
    lines += [
        f"| {row['rows']:,} | {row['fit_s']:.2f} | {row['peak_mb']:.0f} MB |"
        for row in grown["rows"]
    ]
    lines += [
        "",
        "| rows predicted | beside | one thread | threads with rows of their own / one "
        "thread | threads sharing every pass / one thread |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {int(n_rows):,} | {beside} | {ms['one_thread']:.1f} ms | "
        f"{ms['own_rows'] / ms['one_thread']:.2f} | "
        f"{ms['common_rows'] / ms['one_thread']:.2f} |"
        for name, beside in (("idle", "nothing"), ("busy", "busy processes"))
        for n_rows, ms in predicted[name].items()
    ]
    machine = stored["growth"]["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in stored["growth"]["versions"].items())
    lines += ["", f"{machine['cores']} cores, {machine['processor']}; {versions}."]
    return "\n".join(lines)


def main() -> None:
    """Measure what was asked for, append it and redraw the page's tables."""
    from importlib.metadata import version

    for kind in sys.argv[1:] or KINDS:
        print(kind, flush=True)
        row = {
            "kind": kind,
            "figures": KINDS[kind](),
            "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("qclmixnet", "torch", "numpy")},
            },
            "at": time.strftime("%Y-%m-%d %H:%M"),
        }
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row["figures"], indent=1), flush=True)
    replace_table(PAGE, render(newest()))


if __name__ == "__main__":
    main()
