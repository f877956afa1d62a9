"""What a fit costs past one machine: measured pieces, put together by a small model.

    python benchmarks/plan.py --measure      # the pieces, in about five minutes
    python benchmarks/plan.py                # the page, from the pieces

Pieces are processor seconds in one thread on a table of 40 numbers and 10 categories:
what a row costs to look at, to encode and to learn from, what a step costs by itself,
what a sum of gradients between two processes of this machine takes. They are in
`benchmarks/results/plan.csv`. The model (`as_built`, `as_changed`) multiplies them;
what it assumes about the network and about prices is in `Assumed`. It is checked
against the whole fits of `benchmarks/results/scale.csv`, and nothing above ten million
rows or two workers was run.
"""

import argparse
import csv
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rows import stored_rows

from qclmixnet.training import MemberSchedule

HERE = Path(__file__).parent
PIECES = HERE / "results" / "plan.csv"
SCALE = HERE / "results" / "scale.csv"
WORKERS = (1, 2, 4, 8, 16, 32, 64)
ROWS = (10**6, 10**7, 10**8, 10**9, 10**10)
PHASES = ("look", "encode", "send", "order", "trees", "learn", "sum", "score")
N_CELLS = 20_000_000  # of which the trees of a fold are grown at most
N_FOLDS, N_COLUMNS = 4, 50
MIN_STEPS = 1_500


@dataclass(frozen=True)
class Assumed:
    """What is not measured.

    Attributes:
        bytes_per_s: of the network, each way, for each worker; 25 Gbit/s.
        latency_s: of a message between two machines, the software's apart.
        price: dollars for a core and an hour.
    """

    bytes_per_s: float = 25e9 / 8
    latency_s: float = 50e-6
    price: float = 0.05


@dataclass(frozen=True)
class Plan:
    """Where a fit's time goes.

    Attributes:
        seconds: by phase, on the clock.
        n_steps: of learning.
        joint_batch: rows of a step, all workers together.
    """

    seconds: dict[str, float]
    n_steps: int
    joint_batch: int

    @property
    def hours(self) -> float:
        """Hours of the whole fit."""
        return sum(self.seconds.values()) / 3600

    @property
    def bottleneck(self) -> str:
        """The longest phase."""
        return max(self.seconds, key=lambda phase: self.seconds[phase])


def sum_s(
    pieces: dict[str, float], n_workers: int, assumed: Assumed, *, ring: bool
) -> float:
    """Return the time of one sum of all gradients.

    In both ways each worker sends 2 (W - 1) / W of the gradients: in a ring, which
    Gloo takes, by 2 (W - 1) messages after each other; by halves, in 2 log2 W.
    """
    if n_workers == 1:
        return 0.0
    n_messages = 2 * (n_workers - 1) if ring else 2 * math.ceil(math.log2(n_workers))
    n_bytes = 2 * (n_workers - 1) / n_workers * 4 * pieces["parameters"]
    latency = pieces["message_s"] + assumed.latency_s
    return n_messages * latency + n_bytes / assumed.bytes_per_s


def as_built(
    pieces: dict[str, float], n_rows: float, n_workers: int, assumed: Assumed
) -> Plan:
    """Return a fit as it is today: one process looks, encodes and sends all rows."""
    schedule = MemberSchedule().resolve(int(n_rows))
    n_steps = schedule.n_epochs * schedule.steps_per_epoch
    size = schedule.batch_size
    sent = (n_workers - 1) * n_rows * pieces["stored_bytes"]
    step = pieces["step_s"] + pieces["row_s"] * size / n_workers
    seconds = {
        "look": n_rows * pieces["look_s"],
        "encode": n_rows * pieces["encode_s"],
        "send": sent / assumed.bytes_per_s,
        "order": schedule.n_epochs * n_rows * pieces["order_s"],
        "trees": trees_s(pieces, n_rows, n_workers),
        "learn": n_steps * step,
        "sum": n_steps * sum_s(pieces, n_workers, assumed, ring=True),
        "score": score_s(pieces, n_rows),
    }
    return Plan(seconds, n_steps, size)


def as_changed(
    pieces: dict[str, float], n_rows: float, n_workers: int, assumed: Assumed
) -> Plan:
    """Return a fit in which rows stay where they were read, and batches grow."""
    schedule = MemberSchedule().resolve(int(n_rows))
    rows_learned = schedule.n_epochs * n_rows
    size = min(schedule.batch_size * n_workers, max(rows_learned // MIN_STEPS, 1))
    size = max(int(size), schedule.batch_size)
    n_steps = int(rows_learned // size)
    step = pieces["step_s"] + pieces["row_s"] * size / n_workers
    seconds = {
        "look": n_rows * pieces["look_s"] / n_workers,
        "encode": n_rows * pieces["encode_s"] / n_workers,
        "send": 0.0,
        "order": schedule.n_epochs * n_rows * pieces["order_s"] / n_workers,
        "trees": trees_s(pieces, n_rows, n_workers),
        "learn": n_steps * step,
        "sum": n_steps * sum_s(pieces, n_workers, assumed, ring=False),
        "score": score_s(pieces, n_rows) / n_workers,
    }
    return Plan(seconds, n_steps, size)


def trees_s(pieces: dict[str, float], n_rows: float, n_workers: int) -> float:
    """Return the time of the trees: of bounded cells, each fold's by one worker."""
    cells = min(n_rows * N_COLUMNS * (1 - 1 / N_FOLDS), N_CELLS)
    return cells * pieces["tree_cell_s"] * N_FOLDS / min(n_workers, N_FOLDS)


def score_s(pieces: dict[str, float], n_rows: float) -> float:
    """Return the time of scoring left-out rows in learning and at its end."""
    schedule = MemberSchedule().resolve(int(n_rows))
    n_scores = sum(schedule.is_scored(e + 1) for e in range(schedule.n_epochs))
    n_scored = n_scores * min(n_rows, 30_000) + min(n_rows, 300_000)
    return n_scored * pieces["forward_s"]


def read_pieces() -> dict[str, float]:
    """Return the measured pieces by name."""
    return {row["piece"]: float(row["value"]) for row in stored_rows(PIECES)}


def write_pieces(pieces: dict[str, tuple[float, str]]) -> None:
    """Write the pieces down."""
    at = time.strftime("%Y-%m-%d %H:%M")
    with PIECES.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("piece", "value", "what", "at"))
        for name, (value, what) in pieces.items():
            writer.writerow((name, f"{value:.6g}", what, at))


def cpu_s(call: Callable[[], object], *, repeats: int = 3) -> float:
    """Return the least processor seconds of some calls."""
    taken = []
    for _ in range(repeats):
        before = time.process_time()
        call()
        taken.append(time.process_time() - before)
    return min(taken)


def measure() -> dict[str, tuple[float, str]]:
    """Measure all pieces."""
    import torch

    torch.set_num_threads(1)
    found = {}
    parts = (
        of_files,
        of_steps,
        of_trees,
        of_order,
        of_contrast,
        of_neighbours,
        of_messages,
    )
    for part in parts:
        found |= part()
        print(f"{part.__name__} done", flush=True)
    return found


def of_files(n_rows: int = 100_000) -> dict[str, tuple[float, str]]:
    """Look at and encode a Parquet file."""
    import pandas as pd

    from qclmixnet.preprocessing import TableEncoder, scan_shards, store_encoded
    from qclmixnet.table import ParquetShards

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.normal(size=(n_rows, 40)).astype(np.float32),
        columns=[f"n{i}" for i in range(40)],
    )
    for i in range(10):
        levels = rng.integers(12, size=n_rows)
        frame[f"c{i}"] = pd.Categorical.from_codes(
            levels, [f"level {k}" for k in range(12)]
        )
    frame["y"] = np.where(rng.random(n_rows) < 0.03, "rare", "common")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.to_parquet(folder / "rows.parquet", index=False)
        shards = ParquetShards.open(folder / "rows.parquet")
        columns = [column for column in frame.columns if column != "y"]

        def look() -> object:
            return scan_shards(shards, target="y", columns=columns)

        scanned = look()
        encoder = TableEncoder(scaling="robust")
        encoder.fit_sample(scanned.sample, scanned.schema, scanned.facts)

        def encode() -> object:
            return store_encoded(
                shards, encoder, scanned.schema, columns=columns, folder=folder
            )

        look_s, encode_s = cpu_s(look), cpu_s(encode)
        n_bytes = sum(path.stat().st_size for path in folder.glob("*.bin"))
    return {
        "look_s": (look_s / n_rows, "first pass over the files, per row"),
        "encode_s": (encode_s / n_rows, "second pass, per row"),
        "stored_bytes": (n_bytes / n_rows, "encoded, per row"),
    }


def of_steps() -> dict[str, tuple[float, str]]:
    """Take steps of several sizes, and fit a line through their times."""
    import gpu
    import torch

    data = gpu.made_rows(gpu.N_ROWS, torch.device("cpu"))
    sizes, times, network = (4, 16, 64, 256, 1024), [], None
    for size in sizes:
        watch = gpu.Watch(torch.device("cpu"), 6.0, 200)
        network, inputs = gpu.train(data, gpu.chosen_recipe("float32", size), watch)
        times.append(watch.took)
    # Weighed so that small steps are met as well as large ones.
    row_s, step_s = np.polyfit(sizes, times, 1, w=1 / np.array(times))
    x = data.encoded(torch.arange(16_384))

    def forward() -> None:
        with torch.no_grad():
            network.eval()(*inputs(*x))

    n_parameters = sum(p.numel() for p in network.parameters())
    return {
        "step_s": (step_s, "a step, whatever its rows"),
        "row_s": (row_s, "a row of a step"),
        "forward_s": (cpu_s(forward) / 16_384, "scoring, per row"),
        "parameters": (n_parameters, "of the eight members"),
    }


def of_trees(n_rows: int = 40_000) -> dict[str, tuple[float, str]]:
    """Grow the trees of four folds."""
    from qclmixnet.estimators.tree_fitting import build_trees, fit_trees
    from qclmixnet.preprocessing import EncodedTable
    from qclmixnet.training import recipe

    rng = np.random.default_rng(0)
    x_num = rng.normal(size=(n_rows, 40)).astype(np.float32)
    table = EncodedTable(x_num, rng.integers(12, size=(n_rows, 10)), {})
    codes = (rng.random(n_rows) < 0.03).astype(np.int64)
    chosen = recipe("default")
    trees = build_trees(40, (12,) * 10, 2, chosen, depth=chosen.trees.depth_of(n_rows))
    folds, weights = np.arange(n_rows) % N_FOLDS, np.ones(n_rows)

    def grow() -> None:
        fit_trees(trees, table, codes, weights.take, folds, config=chosen.trees, seed=0)

    n_cells = N_FOLDS * n_rows * N_COLUMNS * (1 - 1 / N_FOLDS)
    return {"tree_cell_s": (cpu_s(grow, repeats=2) / n_cells, "trees, per cell")}


def of_order(n_rows: int = 2_000_000) -> dict[str, tuple[float, str]]:
    """Draw the order of an epoch."""
    import torch

    from qclmixnet.training.order import epoch_order

    labels = (torch.rand(n_rows) < 0.03).long()
    generator = torch.Generator().manual_seed(0)
    seconds = cpu_s(lambda: epoch_order(labels, generator)) / n_rows
    return {"order_s": (seconds, "order of an epoch, per row")}


def of_contrast() -> dict[str, tuple[float, str]]:
    """Judge pairs of rows of all members, forward and backward."""
    import torch

    from qclmixnet.losses import StackedContrast

    n_rows, loss = 1024, StackedContrast()
    z = torch.randn(8, n_rows, 16, requires_grad=True)
    labels, part = torch.arange(n_rows) % 2, torch.ones(8, n_rows, dtype=torch.bool)
    seconds = cpu_s(lambda: torch.autograd.grad(loss(z, labels, part).sum(), [z]))
    return {"pair_s": (seconds / n_rows**2, "contrast of two rows, all members")}


def of_neighbours(n_rows: int = 40_000) -> dict[str, tuple[float, str]]:
    """Look for the neighbours of the rows of a class, as one network does."""
    from qclmixnet.augment.neighbours import find_neighbours

    x = np.random.default_rng(0).normal(size=(n_rows, 32)).astype(np.float32)
    seconds = cpu_s(lambda: find_neighbours(x, k=5), repeats=1)
    return {"neighbour_s": (seconds / n_rows, "neighbours of a row, index and search")}


def of_messages() -> dict[str, tuple[float, str]]:
    """Sum tensors of several sizes between two processes of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        started = [
            subprocess.Popen(
                [sys.executable, __file__, "--sum", str(rank), f"{folder}/meet"],
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]
        said = [process.communicate(timeout=300)[0] for process in started]
    by_size = {int(n): s for n, s in json.loads(said[0].splitlines()[-1]).items()}
    seconds = np.array(list(by_size.values()))
    per_byte, twice = np.polyfit(list(by_size), seconds, 1, w=1 / seconds)
    return {
        "message_s": (twice / 2, "a message between processes of a machine"),
        "local_byte_s": (per_byte, "a byte of such a message"),
    }


def sum_with_peer(rank: int, meet: str) -> dict[int, float]:
    """Sum with the other process; return seconds by bytes, the best tenth of many."""
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{meet}", rank=rank, world_size=2
    )
    found = {}
    for n_bytes in (2**10, 2**14, 2**17, 2**19, 2**21, 2**23):
        tensor, taken = torch.zeros(n_bytes // 4), []
        for _ in range(120):
            before = time.perf_counter()
            distributed.all_reduce(tensor)
            taken.append(time.perf_counter() - before)
        found[n_bytes] = float(np.quantile(taken[20:], 0.1))
    distributed.destroy_process_group()
    return found


def main() -> None:
    """Measure if asked to, and redraw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="measure the pieces")
    parser.add_argument("--sum", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.sum:
        print(json.dumps(sum_with_peer(int(given.sum[0]), given.sum[1])))
        return
    if given.measure:
        write_pieces(measure())
    from plan_page import draw_page

    draw_page(read_pieces(), stored_rows(SCALE))


if __name__ == "__main__":
    main()
