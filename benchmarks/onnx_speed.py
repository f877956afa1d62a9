"""How fast an exported model scores, beside the predictors of LightGBM and CatBoost.

    python benchmarks/onnx_speed.py

One made table of 50 mixed columns and 20,000 rows, two classes, 7 % rare. Ours is the
default preset and the published network, each by onnxruntime from raw columns, texts
and dates included. The peers have 1,000 trees each and get what suits them best: a
matrix of numbers with categories as codes. One thread for all.

* single: one row a call, 500 calls of different rows; 50th and 99th percentile.
* batch: 8,192 rows, ours in blocks of 256.

Both as wall-clock time, which other processes of the machine lengthen, and as processor
time. All methods take turns; figures are medians over the repeats. Rows go to
`benchmarks/results/onnx_speed.csv`.
"""

import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rows import write_rows

from qclmixnet import QCLMixNetClassifier
from qclmixnet.export import export_onnx, onnx_inputs

ROWS = Path(__file__).parent / "results" / "onnx_speed.csv"
N_TRAIN, N_SCORED, N_CALLS, N_REPEATS, BLOCK = 20_000, 8_192, 500, 7, 256
N_TREES = 1_000

Call = Callable[[int, int], object]


def make_table(n_rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    columns: dict[str, object] = {}
    for i in range(40):
        values = rng.normal(size=n_rows) if i % 2 else rng.lognormal(size=n_rows)
        columns[f"number_{i}"] = np.where(
            (i % 8 == 0) & (rng.random(n_rows) < 0.1), np.nan, values
        )
    for i in range(6):
        levels = [f"level {j}" for j in range(5 + 4 * i)]
        columns[f"category_{i}"] = rng.choice(levels, n_rows)
    for i in range(2):
        columns[f"truth_{i}"] = rng.random(n_rows) < 0.3
    start = np.datetime64("2020-01-01", "us")
    day = np.timedelta64(86_400_000_000, "us")
    columns["day"] = start + rng.integers(0, 900, n_rows) * day
    columns["moment"] = start + rng.integers(0, 900 * 86_400, n_rows) * (day // 86_400)
    frame = pd.DataFrame(columns)
    hard = (
        frame["number_1"]
        + frame["number_3"] * frame["number_5"]
        + 1.5 * (frame["category_0"] == "level 1")
        + 0.7 * frame["truth_0"]
        + rng.normal(size=n_rows)
    )
    return frame, (hard > np.quantile(hard, 0.93)).to_numpy().astype(np.int64)


def as_matrix(frame: pd.DataFrame) -> np.ndarray:
    out = pd.DataFrame(index=frame.index)
    for name, column in frame.items():
        if column.dtype.kind == "M":
            out[name] = column.astype("int64") / 1e6
        elif column.dtype.kind in "bf":
            out[name] = column.astype(float)
        else:
            out[name] = pd.factorize(column, sort=True)[0]
    return out.to_numpy(dtype=np.float64)


def ours(preset: str, X: pd.DataFrame, y: np.ndarray, folder: Path) -> tuple[Call, int]:
    import onnxruntime

    clf = QCLMixNetClassifier(preset, max_epochs=2, random_state=0, device="cpu")
    clf.fit(X.iloc[:N_TRAIN], y[:N_TRAIN])
    path = export_onnx(clf, folder / f"{preset}.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    inputs = onnx_inputs(clf, X.iloc[N_TRAIN:])

    def call(start: int, stop: int) -> None:
        for first in range(start, stop, BLOCK):
            rows = slice(first, min(first + BLOCK, stop))
            session.run(None, {name: values[rows] for name, values in inputs.items()})

    return call, path.stat().st_size


def lightgbm(X: np.ndarray, y: np.ndarray, folder: Path) -> tuple[Call, int]:
    import lightgbm as lgb

    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 0}
    booster = lgb.train(params, lgb.Dataset(X[:N_TRAIN], y[:N_TRAIN]), N_TREES)
    booster.save_model(folder / "lightgbm.txt")
    rows = np.ascontiguousarray(X[N_TRAIN:])
    size = (folder / "lightgbm.txt").stat().st_size
    return lambda start, stop: booster.predict(rows[start:stop], num_threads=1), size


def catboost(X: np.ndarray, y: np.ndarray, folder: Path) -> tuple[Call, int]:
    from catboost import CatBoostClassifier

    clf = CatBoostClassifier(
        iterations=N_TREES,
        thread_count=1,
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
    )
    clf.fit(X[:N_TRAIN], y[:N_TRAIN])
    clf.save_model(folder / "catboost.cbm")
    rows = np.ascontiguousarray(X[N_TRAIN:], dtype=np.float32)
    size = (folder / "catboost.cbm").stat().st_size

    def call(start: int, stop: int) -> object:
        return clf.predict_proba(rows[start:stop], thread_count=1)

    return call, size


def measure(call: Call, repeat: int) -> dict[str, float]:
    wall, cpu = np.empty(N_CALLS), np.empty(N_CALLS)
    for i in range(N_CALLS):
        row = (repeat * N_CALLS + i) % N_SCORED
        start, cpu_start = time.perf_counter(), time.thread_time()
        call(row, row + 1)
        wall[i] = time.perf_counter() - start
        cpu[i] = time.thread_time() - cpu_start
    start, cpu_start = time.perf_counter(), time.thread_time()
    call(0, N_SCORED)
    batch, cpu_batch = time.perf_counter() - start, time.thread_time() - cpu_start
    return {
        "single_p50_ms": 1e3 * np.percentile(wall, 50),
        "single_p99_ms": 1e3 * np.percentile(wall, 99),
        "single_p50_cpu_ms": 1e3 * np.percentile(cpu, 50),
        "single_p99_cpu_ms": 1e3 * np.percentile(cpu, 99),
        "batch_rows_per_s": N_SCORED / batch,
        "batch_rows_per_cpu_s": N_SCORED / cpu_batch,
    }


def main() -> None:
    X, y = make_table(N_TRAIN + N_SCORED)
    matrix = as_matrix(X)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls = {
            "qclmixnet": ours("default", X, y, folder),
            "qclmixnet_paper": ours("paper", X, y, folder),
            "lightgbm": lightgbm(matrix, y, folder),
            "catboost": catboost(matrix, y, folder),
        }
        found: dict[str, list[dict[str, float]]] = {method: [] for method in calls}
        for call, _ in calls.values():
            call(0, 100)
        loads = []
        for repeat in range(N_REPEATS):
            loads.append(os.getloadavg()[0])
            for method, (call, _) in calls.items():
                found[method].append(measure(call, repeat))
    rows = [
        {
            "method": method,
            "n_columns": X.shape[1],
            **{k: f"{v:.4g}" for k, v in pd.DataFrame(found[method]).median().items()},
            "file_kb": round(size / 1024),
            "n_repeats": N_REPEATS,
            "mean_load": round(float(np.mean(loads)), 1),
            "machine": f"{os.cpu_count()} cores {platform.machine()}",
        }
        for method, (_, size) in calls.items()
    ]
    write_rows(ROWS, rows)
    print(pd.DataFrame(rows).to_string())


if __name__ == "__main__":
    main()
