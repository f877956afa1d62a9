"""A fit that was stopped goes on to the same end, whenever that was."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training import CrossFitRecipe, TrainingData, checkpoint, train_members
from qclmixnet.training.checkpoint import Checkpoints, digest_of_rows
from tests.training.small_members import (
    MIXUP,
    Blobs,
    Fitted,
    build,
    fit,
    make_folds,
    make_recipe,
    same,
)


class StoppedError(Exception):
    """Ends a fit from outside."""


def fit_with(
    data: TrainingData,
    recipe: CrossFitRecipe,
    folder: Path,
    on_rows: Callable[[int], None] | None = None,
) -> Fitted:
    inputs, network = build(data)
    result = train_members(
        network,
        inputs,
        data,
        make_folds(data, recipe.n_folds),
        recipe=recipe,
        generator=torch.Generator().manual_seed(0),
        on_rows=on_rows,
        checkpoints=Checkpoints(folder, fit="this one"),
    )
    return Fitted(inputs, network, result)


def stopper(after: int) -> Callable[[int], None]:
    steps = iter(range(after))

    def on_rows(n_rows: int) -> None:
        assert n_rows > 0
        if next(steps, None) is None:
            raise StoppedError

    return on_rows


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    "recipe",
    [
        make_recipe(),
        make_recipe(mixup=MIXUP),
        make_recipe(
            max_epochs=None,
            epochs=2,
            min_steps=1,
            max_cycles=2,
            cycle_gain=1e-9,
            learning_rate=0.05,
        ),
    ],
    ids=["plain", "mixed", "cycles"],
)
@pytest.mark.parametrize("stops", [[0], [1], [2, 3, 1], [4], [9], [13, 2]])
def test_a_stopped_fit_ends_as_if_it_had_not_been(
    blobs: Blobs, tmp_path: Path, stops: list[int], recipe: CrossFitRecipe
) -> None:
    data = blobs()
    whole = fit(data, recipe)
    assert whole.result.n_epochs == 4
    for after in stops:
        with pytest.raises(StoppedError):
            fit_with(data, recipe, tmp_path, stopper(after))
    resumed = fit_with(data, recipe, tmp_path)
    assert same(whole.weights, resumed.weights)
    assert whole.result.best_epoch == resumed.result.best_epoch
    assert whole.result.stop_reason == resumed.result.stop_reason
    for one, other in zip(whole.result.history, resumed.result.history, strict=True):
        assert (one.epoch, one.loss, one.log_loss) == (
            other.epoch,
            other.loss,
            other.log_loss,
        )


@pytest.mark.usefixtures("always")
def test_no_step_that_was_written_down_is_done_again(
    blobs: Blobs, tmp_path: Path
) -> None:
    recipe, data = make_recipe(), blobs()
    heard: list[int] = []
    fit_with(data, recipe, tmp_path / "whole", heard.append)
    with pytest.raises(StoppedError):
        fit_with(data, recipe, tmp_path / "stopped", stopper(6))
    again: list[int] = []
    fit_with(data, recipe, tmp_path / "stopped", again.append)
    # The first call tells of what was done before; the step that was cut is repeated.
    assert again[0] == sum(heard[:6])
    assert sum(again) == sum(heard)
    assert len(again) == len(heard) - 6 + 1


@pytest.mark.usefixtures("always")
def test_a_finished_fit_is_not_run_again(blobs: Blobs, tmp_path: Path) -> None:
    recipe, data = make_recipe(), blobs()
    first = fit_with(data, recipe, tmp_path)
    again = fit_with(data, recipe, tmp_path, stopper(1))  # the rows of before alone
    assert same(first.weights, again.weights)
    assert first.result == again.result


@pytest.mark.usefixtures("always")
def test_a_time_limit_counts_the_time_before(blobs: Blobs, tmp_path: Path) -> None:
    recipe, data = make_recipe(time_limit_s=1e-9), blobs()
    assert fit_with(data, recipe, tmp_path).result.stop_reason == "time_limit"
    assert fit_with(data, recipe, tmp_path).result.n_epochs == 1


def test_seconds_pass_between_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 159.0, 160.0, 160.0, 170.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    folder = Checkpoints(tmp_path, fit="a")
    assert [folder.is_due, folder.is_due] == [False, True]
    folder.save("part", {}, {})
    assert not folder.is_due


def test_values_and_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    folder = Checkpoints(tmp_path, fit="a")
    values = {"loss": math.inf, "text": "ö", "third": 1 / 3, "list": [1, None]}
    tensors = {"x": torch.randn(3, 2), "bits": torch.arange(4, dtype=torch.uint8)}
    assert folder.load("part") is None
    folder.save("part", {"old": 1}, {"old": torch.zeros(5)})
    folder.save("part", values, tensors)
    found = folder.load("part")
    assert found is not None
    assert found.values == values
    assert all(torch.equal(found.tensors[name], tensors[name]) for name in tensors)
    assert len(list(tmp_path.iterdir())) == 2  # the ones before are gone


def test_another_fit_is_told_from_this_one(tmp_path: Path) -> None:
    Checkpoints(tmp_path, fit="a").save("part", {}, {})
    with pytest.raises(InputError, match=r"belongs to another fit.*Name another"):
        Checkpoints(tmp_path, fit="b").load("part")


def half_json(folder: Path) -> None:
    text = (folder / "part.json").read_bytes()
    (folder / "part.json").write_bytes(text[: len(text) // 2])


def half_tensors(folder: Path) -> None:
    (path,) = folder.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-3])


def no_tensors(folder: Path) -> None:
    next(folder.glob("*.safetensors")).unlink()


def no_fit(folder: Path) -> None:
    (folder / "part.json").write_text(json.dumps({"format": 1}), encoding="utf-8")


@pytest.mark.parametrize("damage", [half_json, half_tensors, no_tensors, no_fit])
def test_a_damaged_checkpoint_does_not_load(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = Checkpoints(tmp_path, fit="a")
    folder.save("part", {}, {"x": torch.zeros(3)})
    damage(tmp_path)
    with pytest.raises(InputError, match=r"part.json' is damaged .*delete this one"):
        folder.load("part")


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot be written to '.*file'"):
        Checkpoints(tmp_path / "file", fit="a")


def rows_with(value: float, n_rows: int = 3000) -> EncodedTable:
    x_num = np.zeros((n_rows, 1), dtype=np.float32)
    x_num[-1] = value
    return EncodedTable(x_num, np.zeros((n_rows, 1), dtype=np.int64), {})


def test_rows_are_told_apart_by_number_and_content() -> None:
    digests = {digest_of_rows(rows_with(*case)) for case in ((0, 9), (0, 8), (1, 9))}
    assert len(digests) == 3
    assert digest_of_rows(rows_with(1)) != digest_of_rows(rows_with(2))
