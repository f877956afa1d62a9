"""Steps of the default recipe on every device there is, in float32 and bfloat16.

    python benchmarks/gpu.py

On a machine without a GPU it says so and measures the CPU. Rows are random: 40 numbers
and 10 categories of 12 levels, 3 % of a rare class. Their values change no time. They
live on the device, the members' inputs are made in every step, as on large tables, and
the loop is the one that fits use (`train_members`); the first steps are not counted.

The floating-point operations of a step are those of its matrix products, forward and
backward, as torch counts them. The peak is what the same device reaches here, in the
same precision, on the best of some large square matrix products: what a data sheet
promises is not what a program can get. The CPU computes in one thread and is measured
in processor seconds, so that other work on the machine counts for less. Each case is
appended to `benchmarks/results/gpu.csv`, and the newest of each is on the page.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pages import replace_table
from rows import append_row, stored_rows
from torch.utils.flop_counter import FlopCounterMode

from qclmixnet.estimators.member_learning import build_members
from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.preprocessing import EncodedTable, quantile_edges
from qclmixnet.training import CrossFitRecipe, TrainingData, recipe, train_members
from qclmixnet.training.member_rows import InputRows

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "explanation" / "gpu.md"
ROWS = HERE / "results" / "gpu.csv"
COLUMNS = (
    "device",
    "precision",
    "batch_size",
    "steps",
    "step_ms",
    "rows_per_s",
    "flops_per_step",
    "flops_per_s",
    "peak_flops_per_s",
    "share_of_peak",
    "device_mb",
    "threads",
    "torch",
    "machine",
    "at",
)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BATCHES = (256, 1024, 4096, 16384)
N_NUM, N_CAT, N_LEVELS, N_CLASSES = 40, 10, 12, 2
N_ROWS = 65_536  # more than inputs are kept of, and some of the largest batches
WARM_UP = 5


class Enough(Exception):  # noqa: N818 - no error
    """Steps have been taken as long as was asked for."""


def made_rows(n_rows: int, device: torch.device) -> TrainingData:
    """Return random rows of which 3 in 100 are of the rare class."""
    rng = np.random.default_rng(0)
    x_num = rng.normal(size=(n_rows, N_NUM)).astype(np.float32)
    x_cat = rng.integers(N_LEVELS, size=(n_rows, N_CAT))
    codes = (rng.random(n_rows) < 0.03).astype(np.int64)
    table = EncodedTable(x_num, x_cat, {})
    return TrainingData.from_arrays(table, codes, np.ones(n_rows), device=device)


def members(data: TrainingData, chosen: CrossFitRecipe):
    """Return the default members of the rows, and their inputs, on their device."""
    x_num = data.x_num.cpu().numpy()
    columns, edges = quantile_edges(x_num, n_bins=chosen.members.n_bins)
    inputs = MemberInput(N_NUM, (N_LEVELS,) * N_CAT, columns=columns, edges=edges)
    seeds = tuple(range(chosen.members.n_members))
    network = build_members(inputs, N_CLASSES, chosen, input_norm=7.0, seeds=seeds)
    device = data.labels.device
    return network.to(device), inputs.to(device)


def now(device: torch.device) -> float:
    """Return seconds by which a device is measured, once it has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.process_time() if device.type == "cpu" else time.perf_counter()


class Watch:
    """Told after each step; takes the time once warm, and stops the fit."""

    def __init__(self, device: torch.device, seconds: float, most: int) -> None:
        self.device, self.seconds, self.most = device, seconds, most
        self.n_steps, self.started, self.took = 0, 0.0, 0.0
        self.until = 0.0

    def __call__(self, _: int) -> None:
        """Count a step."""
        self.n_steps += 1
        if self.n_steps == WARM_UP:
            self.started = now(self.device)
            self.until = time.perf_counter() + self.seconds
        timed = self.n_steps - WARM_UP
        # Until the last step the device is not waited for: nor do fits.
        late = time.perf_counter() > self.until
        if timed > 0 and (timed >= self.most or (late and timed >= 3)):
            self.took = (now(self.device) - self.started) / timed
            raise Enough


def chosen_recipe(precision: str, batch_size: int) -> CrossFitRecipe:
    """Return the default recipe with this precision and batch, without an end."""
    out = recipe("default")
    schedule = replace(
        out.schedule,
        precision=precision,
        batch_size=batch_size,
        min_epochs=10_000,
        epochs=10_000,
        n_scores=1,
    )
    return replace(out, schedule=schedule)


def train(data: TrainingData, chosen: CrossFitRecipe, on_step: Callable[[int], None]):
    """Take steps until the listener has enough; return what was trained."""
    network, inputs = members(data, chosen)
    folds = torch.arange(data.n_rows) % chosen.n_folds
    generator = torch.Generator().manual_seed(0)
    try:
        train_members(
            network,
            inputs,
            data,
            folds,
            recipe=chosen,
            generator=generator,
            on_rows=on_step,
        )
    except Enough:
        return network, inputs
    raise RuntimeError("The fit ended before it was stopped.")


def flops_of(call: Callable[[], object]) -> int:
    """Count the floating-point operations of the matrix products of a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())


def flops_per_step(
    network: MemberNetwork, inputs: MemberInput, data: TrainingData, batch_size: int
) -> int:
    """Count the operations of one step, forward and backward."""
    rows = torch.arange(batch_size, device=data.labels.device)
    plain, bins = InputRows(inputs, data)(rows)
    network.requires_grad_(requires_grad=True).train()

    def step() -> None:
        loss = network(plain, bins).logits.sum()
        torch.autograd.grad(loss, list(network.parameters()))

    return flops_of(step)


def peak_flops(device: torch.device, dtype: torch.dtype, *, size: int) -> float:
    """Return the operations a second of the best of some square products."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    n_products = 3 if device.type == "cpu" else 20
    best = float("inf")
    for _ in range(4):  # the first one warms up
        before = now(device)
        for _ in range(n_products):
            a @ b
        best = min(best, (now(device) - before) / n_products)
    return 2 * size**3 / best


def devices() -> list[torch.device]:
    """Return the CPU and what is faster."""
    found = [torch.device("cpu")]
    if torch.cuda.is_available():
        found += [torch.device("cuda", n) for n in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(torch.device("mps"))
    return found


def name_of(device: torch.device) -> str:
    """Return what a device is called."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"cpu": "CPU", "mps": "Apple GPU"}[device.type]


def measure(
    data: TrainingData, precision: str, batch_size: int, peak: float, seconds: float
) -> dict[str, object]:
    """Take steps of a size and return a row about them."""
    device = data.labels.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    most = 50 if device.type == "cpu" else 500
    watch = Watch(device, seconds, most)
    trained = train(data, chosen_recipe(precision, batch_size), watch)
    flops = flops_per_step(*trained, data, batch_size)
    per_s = flops / watch.took
    is_cuda = device.type == "cuda"
    memory = torch.cuda.max_memory_allocated(device) / 2**20 if is_cuda else None
    return {
        "device": name_of(device),
        "precision": precision,
        "batch_size": batch_size,
        "steps": watch.n_steps - WARM_UP,
        "step_ms": round(1000 * watch.took, 3),
        "rows_per_s": round(batch_size / watch.took),
        "flops_per_step": flops,
        "flops_per_s": round(per_s),
        "peak_flops_per_s": round(peak),
        "share_of_peak": round(per_s / peak, 5),
        "device_mb": None if memory is None else round(memory),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "at": time.strftime("%Y-%m-%d %H:%M"),
    }


def in_words(flops: float) -> str:
    """Return operations a second in a unit that leaves few digits.

    >>> in_words(2.5e11), in_words(6.0e13)
    ('250 GFLOP/s', '60.0 TFLOP/s')
    """
    return (
        f"{flops / 1e9:,.0f} GFLOP/s" if flops < 1e12 else f"{flops / 1e12:.1f} TFLOP/s"
    )


def render(rows: list[dict[str, str]]) -> str:
    """Return the newest row of each case as Markdown."""
    newest = {(r["device"], r["precision"], int(r["batch_size"])): r for r in rows}
    lines = [
        "| device | precision | rows in a step | step, ms | rows a second | reached "
        "| measured peak | share of it |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (device, precision, batch_size), row in newest.items():
        cells = [
            device if device != "CPU" else "CPU, one thread",
            precision,
            f"{batch_size:,}",
            f"{float(row['step_ms']):,.1f}",
            f"{int(row['rows_per_s']):,}",
            in_words(float(row["flops_per_s"])),
            in_words(float(row["peak_flops_per_s"])),
            f"{float(row['share_of_peak']):.1%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machines = sorted({f"{r['machine']}, torch {r['torch']}" for r in newest.values()})
    dates = sorted({r["at"].split()[0] for r in newest.values()})
    return "\n".join(
        [*lines, "", f"{'; '.join(machines)}. Made on {', '.join(dates)}."]
    )


def main() -> None:
    """Measure every device, and redraw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--seconds", type=float, default=5, help="of a case, at most")
    given = parser.parse_args()
    torch.set_num_threads(1)  # of the CPU
    found = devices()
    if len(found) == 1:
        print("There is no GPU here: only the CPU is measured.", flush=True)
    for device in found:
        data = made_rows(N_ROWS, device)
        size = 2048 if device.type == "cpu" else 8192
        for precision, dtype in PRECISIONS.items():
            peak = peak_flops(device, dtype, size=size)
            for batch_size in given.batches:
                row = measure(data, precision, batch_size, peak, given.seconds)
                append_row(ROWS, row, COLUMNS)
    replace_table(PAGE, render(stored_rows(ROWS)))


if __name__ == "__main__":
    main()
