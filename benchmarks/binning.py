"""What scikit-learn's boosted trees cost on plain numbers and on bins made before.

    python benchmarks/binning.py

With row weights and more than 255 values in a column, scikit-learn looks for each of
254 weighted percentiles alone. Prints seconds of a fit as the default preset makes it,
plain and binned in turn, and their ratio; the rows go to
`benchmarks/results/binning.csv`.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import write_rows
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from qclmixnet.preprocessing import cut_points
from qclmixnet.training import TreeConfig

ROWS = Path(__file__).parent / "results" / "binning.csv"
SIZES = ((1_000, 10), (10_000, 10), (10_000, 50))
REPEATS = 5
CONFIG = TreeConfig()


def fit(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> None:
    """Grow the trees of one fold."""
    depth = CONFIG.depth_of(len(y))
    HistGradientBoostingClassifier(
        max_iter=CONFIG.n_rounds,
        learning_rate=CONFIG.learning_rate,
        max_depth=depth,
        max_leaf_nodes=2**depth,
        l2_regularization=CONFIG.l2,
        early_stopping=False,
    ).fit(x, y, sample_weight=weights)


def binned(x: np.ndarray) -> np.ndarray:
    """Replace numbers by those of their bins."""
    columns = [np.searchsorted(cut_points(c, n_bins=255), c) for c in x.T]
    return np.column_stack(columns).astype(np.float32)


def seconds(encode: Callable[[np.ndarray], np.ndarray], x: np.ndarray, *rest) -> float:
    """Return the processor's seconds of a fit on encoded numbers."""
    started = time.process_time()
    fit(encode(x), *rest)
    return time.process_time() - started


def main() -> None:
    """Measure, print and store."""
    threadpool_limits(1)
    rng = np.random.default_rng(0)
    rows = []
    for n_rows, n_columns in SIZES:
        x = rng.normal(size=(n_rows, n_columns)).astype(np.float32)
        y = (x[:, 0] + rng.normal(size=n_rows) > 1.5).astype(int)
        weights = np.where(y == 1, 2.0, 0.8)
        plain_s, binned_s = [], []
        fit(x[:200], y[:200], weights[:200])  # the first call imports
        for _ in range(REPEATS):
            plain_s.append(seconds(np.asarray, x, y, weights))
            binned_s.append(seconds(binned, x, y, weights))
        pairs = zip(plain_s, binned_s, strict=True)
        row = {
            "rows": n_rows,
            "columns": n_columns,
            "plain_s": round(statistics.median(plain_s), 3),
            "binned_s": round(statistics.median(binned_s), 3),
            "ratio": round(statistics.median(p / b for p, b in pairs), 2),
        }
        print(row, flush=True)
        rows.append(row)
    write_rows(ROWS, rows)


if __name__ == "__main__":
    main()
