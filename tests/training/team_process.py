"""What each process of a team does in the tests: all of it, so that one start does."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor, distributed

from qclmixnet.core.errors import InputError
from qclmixnet.training import (
    CrossFitRecipe,
    EpochRecord,
    TrainingData,
    checkpoint,
    train_members,
)
from qclmixnet.training.checkpoint import Checkpoints
from qclmixnet.training.team import Team, TorchTeam
from tests.training.small_members import MIXUP, build, make_folds, make_recipe

SIZE = 2

CASES: dict[str, CrossFitRecipe] = {
    "plain": make_recipe(),
    "odd batches": make_recipe(batch_size=33),
    "mixed": make_recipe(batch_size=33, mixup=MIXUP),
    "contrast": make_recipe(batch_size=33, contrast=0.4),
    "mixed, contrast": make_recipe(mixup=MIXUP, contrast=0.4),
}


class StoppedError(Exception):
    """Ends a fit from outside."""


@dataclass
class Told:
    """What a process has to say of a fit."""

    weights: list[Tensor]
    history: list[EpochRecord]
    best_epoch: int
    stop_reason: str
    n_heard: int


def fit(
    data: TrainingData,
    recipe: CrossFitRecipe,
    *,
    team: Team | None,
    folder: Path | None = None,
    stop_after: int | None = None,
) -> Told:
    """Fit, as one of a team or alone; stop in the middle if told so."""
    n_steps, heard = 0, 0

    def on_rows(n_rows: int) -> None:
        nonlocal n_steps, heard
        heard += n_rows
        n_steps += 1
        if n_steps == stop_after:
            raise StoppedError

    inputs, network = build(data, d_projection=4 if recipe.contrast.weight else 0)
    result = train_members(
        network,
        inputs,
        data,
        make_folds(data, recipe.n_folds),
        recipe=recipe,
        generator=torch.Generator().manual_seed(0),
        on_rows=on_rows,
        checkpoints=None if folder is None else Checkpoints(folder, fit="this one"),
        team=team,
    )
    weights = [p.detach().clone() for p in network.parameters()]
    history = list(result.history)
    return Told(weights, history, result.best_epoch, result.stop_reason, heard)


def run(rank: int, folder: Path) -> None:
    """Join the others, do everything, and write down what came of it."""
    data: TrainingData = torch.load(folder / "data.pt", weights_only=False)
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'meeting'}",
        rank=rank,
        world_size=SIZE,
        timeout=timedelta(seconds=120),
    )
    team = TorchTeam(torch.device("cpu"))
    told: dict[str, object] = {
        name: fit(data, recipe, team=team) for name, recipe in CASES.items()
    }
    told["messages"] = messages(team)
    told["taken up"] = taken_up(data, team, folder)
    told["late"] = fit(data, make_recipe(time_limit_s=1e-9), team=team)
    with refused() as words:
        fit(data, make_recipe(batch_size=2, max_epochs=1), team=_Three())
    told["refused"] = words
    distributed.destroy_process_group()
    torch.save(told, folder / f"{rank}.pt")


def messages(team: TorchTeam) -> dict[str, object]:
    """Send what can be computed by hand."""
    ranks = torch.full((2, 3), float(team.rank))
    one, other = team.sum([ranks.T, torch.ones(4) + team.rank])
    rows = torch.arange(20).view(5, 4)
    return {
        "sum": (one, other),
        "gather": team.gather(rows[team.rank :: team.size], 5),
        "gather one": team.gather(rows[:1][team.rank :: team.size], 1),
        "first says": [team.first_says(team.rank == 0), team.first_says(team.rank > 0)],
    }


def taken_up(data: TrainingData, team: Team, folder: Path) -> Told:
    """Fit alone until it is stopped; go on from there together."""
    checkpoint.EVERY_S = 0.0
    here, recipe = folder / "progress", CASES["plain"]
    if team.rank == 0:
        with refused():
            fit(data, recipe, team=None, folder=here, stop_after=11)
    team.first_says(value=True)  # the others wait until the files are there
    told = fit(data, recipe, team=team, folder=here)
    checkpoint.EVERY_S = 60.0
    return told


@contextmanager
def refused() -> Iterator[list[str]]:
    """Go on after an error, and keep what it says."""
    words: list[str] = []
    try:
        yield words
    except (InputError, StoppedError) as error:
        words.append(str(error))


class _Three:
    """A team whose size is all that is looked at."""

    rank, size = 0, 3
    sum: Callable[..., list[Tensor]]
    gather: Callable[..., Tensor]
    first_says: Callable[..., bool]
