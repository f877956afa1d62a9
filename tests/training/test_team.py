"""Processes that share every batch fit what one process would."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from qclmixnet.training import TrainingData
from tests.training import team_process
from tests.training.small_members import in_double
from tests.training.team_process import CASES, SIZE, Told, fit

# The package that is called "tests" here need not be the first of that name.
_CHILD = """
import sys, types
from pathlib import Path

sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = [sys.argv[1]]
from tests.training.team_process import run

run(int(sys.argv[2]), Path(sys.argv[3]))
"""
_TESTS = Path(team_process.__file__).parents[1]

Made = tuple[TrainingData, list[dict[str, Any]], Path]


@pytest.fixture(scope="module")
def made(
    blobs: Callable[..., TrainingData], tmp_path_factory: pytest.TempPathFactory
) -> Made:
    """Rows in double precision, and what each process says of its fits on them."""
    folder = tmp_path_factory.mktemp("team")
    data = in_double(blobs())
    torch.save(data, folder / "data.pt")
    team = [
        subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(_TESTS), str(rank), str(folder)],
            stderr=subprocess.PIPE,
        )
        for rank in range(SIZE)
    ]
    said = [process.communicate()[1].decode() for process in team]
    assert [process.returncode for process in team] == [0] * SIZE, said
    return data, [_load(folder / f"{rank}.pt") for rank in range(SIZE)], folder


def _load(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = torch.load(path, weights_only=False)
    return told


@pytest.mark.parametrize("case", CASES)
def test_losses_and_weights_are_those_of_one_process(made: Made, case: str) -> None:
    data, told, _ = made
    alone = fit(data, CASES[case], team=None)
    for member in told:
        _check_same(member[case], alone)


def _check_same(found: Told, wanted: Told) -> None:
    """In double precision sums of another order differ in the last digits alone."""
    for a, b in zip(found.weights, wanted.weights, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    assert (found.best_epoch, found.stop_reason) == (
        wanted.best_epoch,
        wanted.stop_reason,
    )
    for one, other in zip(found.history, wanted.history, strict=True):
        assert one.epoch == other.epoch
        assert one.loss == pytest.approx(other.loss, rel=1e-9)
        assert one.log_loss == pytest.approx(other.log_loss, rel=1e-9)
        assert one.macro_f1 == pytest.approx(other.macro_f1)


@pytest.mark.parametrize("case", CASES)
def test_all_processes_have_the_same_bits(made: Made, case: str) -> None:
    first, second = (member[case].weights for member in made[1])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_first_process_alone_hears_of_progress(made: Made) -> None:
    assert [member["plain"].n_heard for member in made[1]] == [4 * 7 * 32, 0]


def test_a_fit_of_one_process_is_taken_up_by_several(made: Made) -> None:
    data, told, folder = made
    alone = fit(data, CASES["plain"], team=None)
    for member in told:
        _check_same(member["taken up"], alone)
    assert (folder / "progress" / "members.json").exists()


def test_all_stop_when_the_time_of_the_first_is_over(made: Made) -> None:
    for member in made[1]:
        assert member["late"].stop_reason == "time_limit"
        assert len(member["late"].history) == 1


def test_what_is_sent_is_what_was_computed_by_hand(made: Made) -> None:
    for member in made[1]:
        said = member["messages"]
        ranks, ones = said["sum"]
        assert torch.equal(ranks, torch.ones(3, 2))
        assert torch.equal(ones, torch.full((4,), 3.0))
        assert torch.equal(said["gather"], torch.arange(20).view(5, 4))
        assert torch.equal(said["gather one"], torch.arange(4)[None])
        assert said["first says"] == [True, False]


def test_more_processes_than_rows_of_a_batch_are_refused(made: Made) -> None:
    (words,) = made[1][0]["refused"]
    assert words.startswith("A batch of 2 rows cannot be shared by 3 workers")
