"""The benchmark of GPUs counts right, and its page shows what it counted."""

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch

from qclmixnet.nn import StackedLinear

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("gpu")


def test_a_layers_operations_are_counted_as_by_hand(script: ModuleType) -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    first = StackedLinear(5, 7, generators=generators)
    second = StackedLinear(7, 2, generators=generators)
    x = torch.randn(3, 11, 5)
    # 3 members, 11 rows, 5 x 7 products and as many sums.
    once = 3 * 11 * 5 * 7 * 2
    assert script.flops_of(lambda: first(x)) == once
    # Backward there is one such product for the weights, and one for rows that were
    # computed themselves.
    weights = [first.weight, second.weight]
    both = script.flops_of(lambda: torch.autograd.grad(second(first(x)).sum(), weights))
    assert both == 2 * once + 3 * (3 * 11 * 7 * 2 * 2)


def test_the_operations_of_a_step_are_those_of_its_layers(script: ModuleType) -> None:
    data = script.made_rows(600, torch.device("cpu"))
    chosen = script.chosen_recipe("float32", 64)
    network, inputs = script.members(data, chosen)
    members, width, late = 8, 32, 4
    assert (network.n_members, network.d_hidden, network.n_binned) == (8, 32, 4)
    # The first two layers need no gradient of their rows.
    plain = 2 * (40 + 10 * 12) * members * width
    bins = 2 * (40 * 16) * late * 8
    binned = 3 * (40 * 8) * late * width
    block = 3 * 2 * members * width * 2 * width
    head = 3 * members * width * 2
    by_hand = 2 * 64 * (plain + bins + binned + block + head)
    assert script.flops_per_step(network, inputs, data, 64) == by_hand


def test_steps_are_taken_until_there_are_enough(script: ModuleType) -> None:
    cpu = torch.device("cpu")
    watch = script.Watch(cpu, 0.0, 50)
    script.train(
        script.made_rows(900, cpu), script.chosen_recipe("bfloat16", 64), watch
    )
    assert watch.n_steps == script.WARM_UP + 3  # out of time at once, three at least
    assert watch.took > 0


def test_the_peak_of_a_device_is_above_a_steps_speed(script: ModuleType) -> None:
    assert script.peak_flops(torch.device("cpu"), torch.float32, size=256) > 1e8


def test_the_page_shows_the_stored_rows(script: ModuleType) -> None:
    rows = script.stored_rows(script.ROWS)
    assert script.render(rows) in script.PAGE.read_text("utf-8")


def test_the_page_shows_what_bfloat16_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    precision = importlib.import_module("precision")
    rows = pd.read_csv(precision.ROWS)
    per_fit = rows.groupby(["table", "method"]).size()
    assert len(per_fit) == len(precision.TABLES) * 3
    assert (per_fit == 5).all()
    assert precision.render(rows) in precision.PAGE.read_text("utf-8")
