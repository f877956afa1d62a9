"""How far rows move between two searches for neighbours, and what the next can spare.

    OMP_NUM_THREADS=1 python benchmarks/refreshes.py

The network of the paper is fitted on `nass_cds` for 61 epochs, with searches before
epochs 1, 21, 41 and 61. The rows of the larger class are kept as represented before
some epochs. Each line compares two of these: of the lists found at the first, what is
true at the second; a fresh search; one with the centres of the first; and one that
searches a quarter of the lists and takes the nearest of these and the former ones.
Recall is over 2,000 rows; times are processor time, in microseconds a row.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from rows import stored_rows, write_rows

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "neighbours.md"
STORED = HERE / "results" / "refreshes.csv"
PAIRS = ((2, 3), (21, 22), (2, 22), (21, 41), (22, 42), (41, 61))
K = 5


def fit(path: Path) -> Path:
    """Fit, and write the representations and the processor time; return the file."""
    if path.exists():
        return path
    from qclmixnet import QCLMixNetClassifier, load_dataset
    from qclmixnet.training import loop

    kept: dict[str, np.ndarray] = {}
    seconds = [0.0]
    run_epoch, find = loop._Fit.run_epoch, loop._Fit._find_neighbours

    def watched_epoch(self: loop._Fit, epoch: int) -> dict[str, float]:
        if epoch in {number for pair in PAIRS for number in pair}:
            x_num, x_cat = self.data.x_num, self.data.x_cat
            rows = loop.forward_in_parts(
                self.model, self.inputs, x_num, x_cat, output="representation"
            )
            kept[f"e{epoch}"] = rows.cpu().numpy().astype(np.float32)
            kept["labels"] = self.data.labels.cpu().numpy()
        return run_epoch(self, epoch)

    def watched_search(self: loop._Fit, *, first: bool) -> None:
        before = time.process_time()
        find(self, first=first)
        seconds[0] += time.process_time() - before

    loop._Fit.run_epoch = watched_epoch
    loop._Fit._find_neighbours = watched_search
    X, y = load_dataset("nass_cds", return_X_y=True)
    before = time.process_time()
    QCLMixNetClassifier("paper", max_epochs=61, patience=100, random_state=0).fit(X, y)
    np.savez(path, search_s=seconds[0], fit_s=time.process_time() - before, **kept)
    return path


def compare(former: np.ndarray, moved: np.ndarray) -> dict[str, float]:
    """Search at the first and at the second place of the rows."""
    import faiss

    from qclmixnet.augment import inverted_file
    from qclmixnet.augment.inverted_file import InvertedFile, _nearest_of, _share_of

    queries = np.sort(np.random.default_rng(0).choice(len(moved), 2_000, replace=False))
    every = np.arange(len(moved))
    old, _ = InvertedFile(former, 0).search(K)
    flat = faiss.IndexFlatL2(moved.shape[1])
    flat.add(moved)
    true, _ = _nearest_of(moved, queries, flat.search(moved[queries], K + 1)[1], K)
    start = time.process_time()
    index = InvertedFile(moved, 0)
    fresh, _ = index.search(K)
    searched = time.process_time()
    merged, _ = index._search_rows(every, K, old)
    ended = time.process_time()
    before = time.process_time()
    trained, kept = inverted_file._one_tier(former, index._index.nlist, 0)
    training = time.process_time() - before
    trained.add(moved)
    trained.nprobe = index._n_probed
    again, _ = _nearest_of(moved, every, trained.search(moved, K + 1)[1], K)
    del kept

    def us(seconds: float) -> float:
        return round(1e6 * seconds / len(moved), 1)

    return {
        "former": round(_share_of(true, old[queries]), 4),
        "farther": round(_far(moved, queries, old) / _far(moved, queries, true), 3),
        "fresh": round(_share_of(true, fresh[queries]), 4),
        "fresh_us": us(searched - start),
        "training_us": us(training),
        "old_centres": round(_share_of(true, again[queries]), 4),
        "merged": round(_share_of(true, merged[queries]), 4),
        "merged_us": us(ended - searched),
    }


def _far(points: np.ndarray, queries: np.ndarray, found: np.ndarray) -> float:
    near = found if len(found) == len(queries) else found[queries]
    gap = points[near] - points[queries][:, None]
    return float(np.sqrt((gap**2).sum(axis=2)).mean())


def render(rows: list[dict[str, str]]) -> str:
    """Return the comparisons as Markdown."""
    lines = [
        "| epochs | former lists: recall | distance | fresh search | us a row "
        "| of these training | centres of before | a quarter, and the former "
        "| us a row |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            f"{row['before']} to {row['after']}",
            f"{float(row['former']):.3f}",
            f"x {float(row['farther']):.2f}",
            f"{float(row['fresh']):.3f}",
            f"{float(row['fresh_us']):.0f}",
            f"{float(row['training_us']):.0f}",
            f"{float(row['old_centres']):.3f}",
            f"{float(row['merged']):.3f}",
            f"{float(row['merged_us']):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    search, whole = float(rows[0]["search_s"]), float(rows[0]["fit_s"])
    days = sorted({row["at"].split()[0] for row in rows})
    lines += [
        "",
        f"The four searches of this fit took {search:.1f} of {whole:.0f} seconds of "
        f"processor time, {100 * search / whole:.1f} %.",
        "",
        f"{rows[0]['machine']}, one thread. Made on {' and '.join(days)}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Fit once, compare, and redraw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    place = Path(tempfile.gettempdir()) / "qclmixnet-refreshes.npz"
    parser.add_argument("--file", type=Path, default=place, help="of the fit's rows")
    given = parser.parse_args()
    import faiss

    faiss.omp_set_num_threads(1)
    known = np.load(fit(given.file))
    labels = known["labels"]
    of_class = labels == np.bincount(labels).argmax()
    lines = []
    for before, after in PAIRS:
        found = compare(known[f"e{before}"][of_class], known[f"e{after}"][of_class])
        line = {
            "before": before,
            "after": after,
            **found,
            "search_s": round(float(known["search_s"]), 2),
            "fit_s": round(float(known["fit_s"]), 1),
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            "at": time.strftime("%Y-%m-%d %H:%M"),
        }
        lines.append(line)
        print(line, flush=True)
    write_rows(STORED, lines)
    from pages import replace_table

    replace_table(PAGE, render(stored_rows(STORED)), name="moved")


if __name__ == "__main__":
    main()
