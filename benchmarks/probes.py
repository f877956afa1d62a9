"""What the entanglement layer can express, and how many rows it takes to learn it.

    python benchmarks/probes.py [--draw] [--presets]

Networks of about 1,000 parameters learn problems made of interactions from 100 to
3,000 rows, five seeds each; with --presets our two presets learn them, too. Accuracy is
on 4,000 new rows with right labels. Rows go to `benchmarks/results/probes.csv`, so that
a stopped run goes on where it was; the page is `docs/explanation/probes.md`.
"""

import argparse
import csv
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from probe_models import MODELS, PROBLEMS, draw
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

ROWS = Path(__file__).parent / "results" / "probes.csv"
SIZES = (100, 300, 1_000, 3_000)
N_SEEDS, N_TEST = 5, 4_000
RATES = (3e-3, 1e-2)
"""Step sizes; the held-out quarter of the rows chooses, and the step to stop at."""
N_STEPS, BATCH, EVERY = 500, 128, 20
PRESETS = {"paper": "preset paper", "default": "preset default"}
PRESET_SIZES, PRESET_SEEDS = (300, 1_000), 1
COLUMNS = ("problem", "model", "n_rows", "seed", "accuracy", "n_parameters", "cpu_s")


def _train(
    models: list[torch.nn.Module],
    rates: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    generator: torch.Generator,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Train models side by side, each on rows of its own (models, rows, features).

    Returns:
        Their weights at the step of the least loss on the last quarter of the rows,
        and that loss.
    """
    base = models[0]
    params, _ = stack_module_state(models)
    params = {name: value.detach() for name, value in params.items()}

    def loss(weights: dict, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = functional_call(base, weights, (rows,))[:, 0]
        return F.binary_cross_entropy_with_logits(logits, labels)

    slopes, losses = vmap(grad(loss)), vmap(loss)
    n_learn = x.shape[1] * 3 // 4
    first = {k: torch.zeros_like(v) for k, v in params.items()}
    second = {k: torch.zeros_like(v) for k, v in params.items()}
    best, best_loss = dict(params), torch.full((len(models),), torch.inf)
    for step in range(1, N_STEPS + 1):
        rows = torch.randint(n_learn, (min(BATCH, n_learn),), generator=generator)
        slope = slopes(params, x[:, rows], y[:, rows])
        for k, value in params.items():  # Adam, with a step size for each model
            first[k] = 0.9 * first[k] + 0.1 * slope[k]
            second[k] = 0.999 * second[k] + 0.001 * slope[k] ** 2
            change = (first[k] / (1 - 0.9**step)) / (
                (second[k] / (1 - 0.999**step)).sqrt() + 1e-8
            )
            rate = rates.view(-1, *[1] * (value.ndim - 1))
            params[k] = value - rate * (change + 1e-3 * value)
        if step % EVERY == 0:
            held = losses(params, x[:, n_learn:], y[:, n_learn:])
            better = held < best_loss
            best_loss = torch.where(better, held, best_loss)
            best = {
                k: torch.where(better.view(-1, *[1] * (v.ndim - 1)), v, best[k])
                for k, v in params.items()
            }
    return best, best_loss


def fit_small(problem: str, model: str, n_rows: int) -> list[dict[str, object]]:
    """Fit all seeds of a small network; each has rows of its own."""
    started = time.process_time()
    build = MODELS[model][1]
    pairs = [(seed, rate) for seed in range(N_SEEDS) for rate in RATES]
    models = [build(torch.Generator().manual_seed(seed)) for seed, _ in pairs]
    data = [draw(problem, n_rows, seed=seed) for seed, _ in pairs]
    weights, held = _train(
        models,
        torch.tensor([rate for _, rate in pairs]),
        torch.from_numpy(np.stack([x for x, _ in data])),
        torch.from_numpy(np.stack([y for _, y in data])),
        generator=torch.Generator().manual_seed(0),
    )
    x, truth = _test_rows(problem)
    rows = []
    for seed in range(N_SEEDS):
        chosen = min(
            (k for k, p in enumerate(pairs) if p[0] == seed),
            key=held.tolist().__getitem__,
        )
        own = {name: value[chosen] for name, value in weights.items()}
        logits = functional_call(models[chosen], own, (torch.from_numpy(x),))[:, 0]
        accuracy = float(((logits > 0).numpy() == truth).mean())
        rows.append({"seed": seed, "accuracy": accuracy})
    seconds = (time.process_time() - started) / N_SEEDS
    size = sum(p.numel() for p in models[0].parameters())
    facts = {"problem": problem, "model": model, "n_rows": n_rows}
    return [facts | row | {"n_parameters": size, "cpu_s": seconds} for row in rows]


def fit_preset(problem: str, preset: str, n_rows: int) -> list[dict[str, object]]:
    """Fit a preset, which decides for the most probable class."""
    from qclmixnet import QCLMixNetClassifier

    x, truth = _test_rows(problem)
    rows = []
    for seed in range(PRESET_SEEDS):
        started = time.process_time()
        known, labels = draw(problem, n_rows, seed=seed)
        clf = QCLMixNetClassifier(preset, decision="argmax", random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of copies and noise
            clf.fit(known, labels.astype(int))
        accuracy = float((clf.predict(x) == truth).mean())
        seconds = time.process_time() - started
        facts = {"problem": problem, "model": preset, "n_rows": n_rows, "seed": seed}
        rows.append(facts | {"accuracy": accuracy, "cpu_s": seconds})
    return rows


def _test_rows(problem: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw new rows, and classes without noise."""
    x, _ = draw(problem, N_TEST, seed=10_000)
    return x, PROBLEMS[problem][1](x) > 0


def run(*, presets: bool) -> None:
    """Fit what the file does not hold yet."""
    done: set[tuple] = set()
    if ROWS.exists():
        keys = pd.read_csv(ROWS)[["problem", "model", "n_rows"]]
        done = set(keys.itertuples(index=False, name=None))
    else:
        ROWS.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    todo = [(p, m, n, fit_small) for p in PROBLEMS for m in MODELS for n in SIZES]
    if presets:
        sizes = PRESET_SIZES
        todo += [
            (p, m, n, fit_preset) for p in PROBLEMS for m in PRESETS for n in sizes
        ]
    for problem, model, n_rows, fit in todo:
        if (problem, model, n_rows) in done:
            continue
        rows = fit(problem, model, n_rows)
        with ROWS.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            for row in rows:
                rounded = {
                    k: round(v, 4) if isinstance(v, float) else v
                    for k, v in row.items()
                }
                writer.writerow(rounded)
        mean = np.mean([row["accuracy"] for row in rows])
        print(
            problem, model, n_rows, f"{mean:.3f}", f"{rows[0]['cpu_s']:.2f}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true", help="only draw the page")
    parser.add_argument("--presets", action="store_true", help="fit the presets, too")
    options = parser.parse_args()
    if not options.draw:
        torch.set_num_threads(1)
        run(presets=options.presets)
    from probe_page import draw_page

    draw_page(pd.read_csv(ROWS))


if __name__ == "__main__":
    main()
