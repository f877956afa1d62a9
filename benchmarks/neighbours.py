r"""Searching the neighbours of the rows of one class: which index, and what it costs.

    OMP_NUM_THREADS=1 python benchmarks/neighbours.py
    OMP_NUM_THREADS=1 python benchmarks/neighbours.py --data normal \
        --rows 3000000 10000000

Rows are plain normal (16 columns, the hard case: there are no clusters, and distances
differ little), a representation: rows made like `nass_cds` by `scale.py`, as the
network of the paper represents them (32 columns), or twins: 2,000 normal rows, each of
them many times.

Each measurement runs in a process of its own with one thread and is appended to
`benchmarks/results/neighbours.csv`; what is there is not run again. Times are processor
time: building from all rows, and searching 5 neighbours of 10,000 rows drawn at random
(of all rows where there are fewer; of 300 where the search is exact). Recall is the
share of the 5 rows found that are as near as the true neighbours, over 2,000 rows
(1,000 of three million, 200 of ten). Memory is the peak of the process less what it
took with the rows loaded.
"""

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import append_row, stored_rows

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "neighbours.md"
STORED = HERE / "results" / "neighbours.csv"
KEY = ("data", "rows", "method")
FOUND = ("build_us", "search_us", "recall", "peak_mb")
COLUMNS = (*KEY, *FOUND, "machine", "at")
K = 5
N_QUERIES = 10_000
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
DATA = ("normal", "representation", "twins")
TITLES = {
    "exact": "exact",
    "one tier": "inverted file, at most 4,096 lists",
    "one tier, uncapped": "inverted file, 4 x rows^0.5 lists",
    "two tiers": "inverted file, lists of 256 rows, two tiers",
    "two tiers, 32 lists": "the same, 32 lists searched",
    "centres in a graph": "the same lists, centres found by HNSW",
    "graph": "HNSW, 16 links, 48 candidates",
}
# Where each is measured: what is out of question, or the same as another, is left out.
LIMITS = {
    "exact": (0, 300_000),
    "one tier": (0, math.inf),
    "one tier, uncapped": (3_000_000, math.inf),
    "two tiers": (100_000, math.inf),
    "two tiers, 32 lists": (300_000, math.inf),
    "centres in a graph": (300_000, 1_000_000),
    "graph": (0, 1_000_000),
}


def make(data: str, n_rows: int, folder: Path) -> Path:
    """Write so many rows; return the file."""
    path = folder / f"{data}-{n_rows}.npy"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    if data == "representation":
        rows = represented(n_rows)
    else:
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(n_rows, 16)).astype(np.float32)
        if data == "twins":
            rows = rows[rng.integers(0, 2_000, n_rows)]
    np.save(path, rows)
    return path


def represented(n_rows: int) -> np.ndarray:
    """Return rows of a made table, as a network fitted on others represents them."""
    from scale import Maker

    from qclmixnet import QCLMixNetClassifier

    maker = Maker(20)
    table = maker.rows(5_000, seed=0)
    clf = QCLMixNetClassifier(preset="paper", max_epochs=10, random_state=0)
    clf.fit(table.drop(columns="dead"), table["dead"])
    parts = []
    for number, start in enumerate(range(0, n_rows, 50_000)):
        part = maker.rows(min(50_000, n_rows - start), seed=1 + number)
        parts.append(clf.embed(part.drop(columns="dead")).astype(np.float32))
    return np.concatenate(parts)


def drawn(n_rows: int, n_drawn: int) -> np.ndarray:
    """Return which rows are searched, in the order of the table."""
    rng = np.random.default_rng(n_drawn)
    return np.sort(rng.choice(n_rows, min(n_rows, n_drawn), replace=False))


def judged(n_rows: int) -> np.ndarray:
    """Return the rows whose true neighbours are known."""
    if n_rows < 3_000_000:
        return drawn(n_rows, 2_000)
    return drawn(n_rows, 1_000 if n_rows < 10_000_000 else 200)


def true_neighbours(path: Path) -> Path:
    """Write the nearest rows of the judged rows; return the file."""
    import faiss

    true = path.with_suffix(".true.npy")
    if not true.exists():
        points = np.load(path)
        flat = faiss.IndexFlatL2(points.shape[1])
        flat.add(points)
        queries = judged(len(points))
        np.save(true, others(flat.search(points[queries], K + 1)[1], queries))
    return true


def others(found: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Take each row itself out of what was found for it."""
    order = np.argsort(found == queries[:, None], axis=1, kind="stable")[:, :K]
    return np.take_along_axis(found, order, axis=1)


def recall(
    points: np.ndarray, queries: np.ndarray, found: np.ndarray, true: np.ndarray
) -> float:
    """Return the share of found rows that are as near as the last true neighbour."""

    def squares(rows: np.ndarray) -> np.ndarray:
        gap = points[rows].astype(np.float64) - points[queries].astype(np.float64)
        return (gap**2).sum(axis=1)

    limit = squares(true[:, -1]) * (1 + 1e-6)
    hits = [(squares(near) <= limit) & (near >= 0) for near in found.T]
    return float(np.mean(hits))


def faiss_index(method: str, points: np.ndarray):
    """Build the index from all rows; return what must live, the index first."""
    import faiss

    from qclmixnet.augment import inverted_file

    n_rows, d = points.shape
    if method == "graph":
        index = faiss.IndexHNSWFlat(d, 16)
        index.hnsw.efConstruction, index.hnsw.efSearch = 40, 48
        index.add(points)
        return (index,)
    if method.startswith("one tier"):
        n_lists = min(4 * math.isqrt(n_rows), n_rows // 39)
        if method == "one tier":
            n_lists = min(n_lists, 4_096)
        kept = inverted_file._one_tier(points, n_lists, seed=0)
    else:
        n_lists = n_rows // 256
        kept = inverted_file._two_tiers(points, n_lists, seed=0)
    if method == "centres in a graph":
        quantizer = faiss.IndexHNSWFlat(d, 16)
        quantizer.hnsw.efConstruction, quantizer.hnsw.efSearch = 40, 128
        centres = kept[1][0]
        centres.make_direct_map()
        quantizer.add(centres.reconstruct_n(0, centres.ntotal))
        index = faiss.IndexIVFFlat(quantizer, d, centres.ntotal)
        index.train(points[:1])
        kept = index, quantizer
    for start in range(0, n_rows, 2**16):
        kept[0].add(points[start : start + 2**16])
    probed = min(max(8, n_lists // 16), 64)
    kept[0].nprobe = 32 if method == "two tiers, 32 lists" else probed
    return kept


def measure(data: str, n_rows: int, method: str, folder: str) -> dict[str, float]:
    """Build and search in this process."""
    path = make(data, n_rows, Path(folder))
    true = np.load(path.with_suffix(".true.npy"))
    points = np.load(path)
    if method == "exact":
        from qclmixnet.augment import neighbours

        wide = points.astype(np.float64)
        n_queries = 300

        def search(queries: np.ndarray) -> np.ndarray:
            return neighbours._search_pairs(wide, K, queries)
    else:
        import faiss
        import torch  # noqa: F401 - so that both cases start with the same libraries

        import qclmixnet.augment  # noqa: F401

        faiss.omp_set_num_threads(1)
        n_queries = N_QUERIES

        def search(queries: np.ndarray) -> np.ndarray:
            return others(kept[0].search(points[queries], K + 1)[1], queries)

    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    kept = () if method == "exact" else faiss_index(method, points)
    built = time.process_time()
    queries = drawn(n_rows, n_queries)
    search(queries)
    searched = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = true if method == "exact" else search(judged(n_rows))
    return {
        "build_us": round(1e6 * (built - started) / n_rows, 2),
        "search_us": round(1e6 * (searched - built) / len(queries), 2),
        "recall": round(recall(points, judged(n_rows), found, true), 4),
        "peak_mb": round((peak - base) / 1024),
    }


def in_own_process(step: Callable[..., object], *arguments: object) -> object:
    """Call a function of this script in a fresh process."""
    out = subprocess.run(
        [sys.executable, __file__, "--call", json.dumps([step.__name__, *arguments])],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(out.stdout.splitlines()[-1])


def prepare(data: str, n_rows: int, folder: str) -> str:
    """Make rows and their true neighbours; return the file of these."""
    return str(true_neighbours(make(data, n_rows, Path(folder))))


def run(data: str, n_rows: int, method: str, folder: Path) -> None:
    """Measure once what is not stored yet."""
    key = dict(zip(KEY, (data, str(n_rows), method), strict=True))
    low, high = LIMITS[method]
    known = [{name: row[name] for name in KEY} for row in stored_rows(STORED)]
    if not low <= n_rows <= high or key in known:
        return
    in_own_process(prepare, data, n_rows, str(folder))
    found = in_own_process(measure, data, n_rows, method, str(folder))
    row = {
        **key,
        **found,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "at": time.strftime("%Y-%m-%d %H:%M"),
    }
    append_row(STORED, row, COLUMNS)


def render(rows: list[dict[str, str]]) -> str:
    """Return the measurements as Markdown."""
    lines = [
        "| rows | how | building, us a row | searching, us a row | recall | memory |",
        "|---|---|---|---|---|---|",
    ]
    order = list(TITLES)
    for data in DATA:
        of_data = [row for row in rows if row["data"] == data]
        of_data.sort(key=lambda row: (int(row["rows"]), order.index(row["method"])))
        for row in of_data:
            cells = [
                f"{int(row['rows']):,} {data}",
                TITLES[row["method"]],
                f"{float(row['build_us']):,.1f}",
                f"{float(row['search_us']):,.0f}",
                f"{float(row['recall']):.3f}",
                f"{int(row['peak_mb']):,} MB",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    machines = sorted({row["machine"] for row in rows})
    days = sorted({row["at"].split()[0] for row in rows})
    lines += ["", *growth(rows), ""]
    lines.append(f"{'; '.join(machines)}, one thread. Made on {' and '.join(days)}.")
    return "\n".join(lines)


def growth(rows: list[dict[str, str]]) -> list[str]:
    """Return with which power of the rows the time of all rows grows."""
    lines = ["| rows | how | from | to | power of the rows |", "|---|---|---|---|---|"]
    for data in DATA:
        for method in ("exact", "one tier", "two tiers", "graph"):
            of_case = [r for r in rows if (r["data"], r["method"]) == (data, method)]
            if method == "two tiers":  # where it is used
                of_case = [r for r in of_case if int(r["rows"]) >= 1_000_000]
            sizes = np.array([float(row["rows"]) for row in of_case])
            if len(sizes) < 2:
                continue
            each = [float(r["build_us"]) + float(r["search_us"]) for r in of_case]
            power = np.polyfit(np.log(sizes), np.log(sizes * each), 1)[0]
            ends = f"{sizes.min():,.0f} | {sizes.max():,.0f}"
            lines.append(f"| {data} | {TITLES[method]} | {ends} | {power:.2f} |")
    return lines


def main() -> None:
    """Measure what was asked for, and redraw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--methods", nargs="+", default=list(TITLES), choices=TITLES)
    place = Path(tempfile.gettempdir()) / "qclmixnet-neighbours"
    parser.add_argument("--folder", type=Path, default=place, help="for the made rows")
    parser.add_argument("--call", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.call:
        name, *arguments = json.loads(given.call)
        print(json.dumps({"prepare": prepare, "measure": measure}[name](*arguments)))
        return
    for data in given.data:
        for n_rows in given.rows:
            for method in given.methods:
                run(data, n_rows, method, given.folder)
    from pages import replace_table  # not in the processes whose memory is measured

    replace_table(PAGE, render(stored_rows(STORED)))


if __name__ == "__main__":
    main()
