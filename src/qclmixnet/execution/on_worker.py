"""What a worker of a training does: its share of every batch, and of the trees."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.estimators.member_learning import Lesson, learn
from qclmixnet.execution.child import limit_threads
from qclmixnet.execution.ray_desk import DeskCheckpoints, Progress
from qclmixnet.preprocessing import RowFile, StoredRows
from qclmixnet.training.team import Team, TorchTeam

__all__ = ["SentRows", "WorkOrder", "train_on_worker"]


@dataclass(frozen=True)
class SentRows:
    """Encoded rows on the machine of the command, as workers hear of them.

    Attributes:
        files: the two files.
        kept: rows that a worker keeps in memory.
        node: Ray's name of the machine.
        name: name of a folder for copies on other machines.
    """

    files: tuple[RowFile, RowFile]
    kept: npt.NDArray[np.int64]
    node: str
    name: str


@dataclass(frozen=True)
class WorkOrder:
    """What a worker is started with.

    Attributes:
        desk: handle of the `Desk`.
        lesson: reference to the lesson, without its rows.
        rows: where these are.
        every_s: seconds between two checkpoints.
        is_heard: whether anybody listens to the progress.
        n_threads: threads that the worker may use.
    """

    desk: Any
    lesson: Any
    rows: SentRows
    every_s: float
    is_heard: bool
    n_threads: int = 1


def train_on_worker(order: WorkOrder) -> None:
    """Join the other workers, and learn with them.

    Args:
        order: what to learn, and whom to tell.

    Raises:
        InputError: the lesson cannot be learned; the desk knows why. Workers that are
            started anew then find nothing left to do.
    """
    import ray

    try:
        _train(order)
    except InputError as error:
        why = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
        ray.get(order.desk.refuse.remote(str(why)))
        raise


def _train(order: WorkOrder) -> None:
    import ray
    from ray.train.torch import get_device

    limit_threads(order.n_threads)
    lesson: Lesson = ray.get(order.lesson)
    on_gpu = lesson.device.type == "cuda"
    device = get_device() if on_gpu else torch.device("cpu")
    team = TorchTeam(device)
    attempt = _attempt(order, team, device)
    if attempt == 0:
        return
    lesson = replace(
        lesson,
        rows=_rows_here(order, team, device),
        device=device,
        # What Ray hands out must not be written to, which torch wants to be free to do.
        codes=lesson.codes.copy(),
        weights=lesson.weights.copy(),
        folds=lesson.folds.copy(),
    )
    progress = Progress(order.desk, attempt) if order.is_heard else None
    learned = learn(
        lesson,
        checkpoints=DeskCheckpoints(order.desk, attempt, every_s=order.every_s),
        on_epoch=None if progress is None else progress.on_epoch,
        on_rows=None if progress is None else progress.on_rows,
        team=team,
    )
    if team.rank == 0:
        sent = replace(
            learned,
            network=learned.network.cpu(),
            inputs=learned.inputs.cpu(),
            data=None,  # which is not to travel
        )
        ray.get(order.desk.finish.remote(attempt, sent))


def _attempt(order: WorkOrder, team: Team, device: torch.device) -> int:
    """Have the first worker open an attempt, and tell its number to all."""
    import ray

    number = ray.get(order.desk.begin.remote()) if team.rank == 0 else 0
    (total,) = team.sum([torch.tensor([float(number)], device=device)])
    return int(total.item())


def _rows_here(order: WorkOrder, team: Team, device: torch.device) -> StoredRows:
    """Map the files of rows, on another machine after a copy was made.

    One worker of a machine copies. The copy has no name any more once all have mapped
    it, so that nothing stays, whichever way the workers end.
    """
    import ray
    from ray import train

    node = ray.get_runtime_context().get_node_id()
    sent = order.rows
    files: Sequence[RowFile] = sent.files
    folder = Path(tempfile.gettempdir()) / f"{sent.name}-{node[:8]}"
    is_copied = node != sent.node
    copies = is_copied and train.get_context().get_local_rank() == 0
    wait = [torch.zeros(1, device=device)]
    if is_copied:
        files = [replace(file, path=folder / file.path.name) for file in files]
    try:
        if copies:
            _copy(order, folder)
        team.sum(wait)
        rows = StoredRows(*files)
        rows.keep(sent.kept)
        team.sum(wait)
    finally:
        if copies:
            shutil.rmtree(folder, ignore_errors=True)
    return rows


def _copy(order: WorkOrder, folder: Path) -> None:
    """Copy the files of rows, some megabytes at a time."""
    import ray

    try:
        folder.mkdir(exist_ok=True)
        for which, file in enumerate(order.rows.files):
            with (folder / file.path.name).open("wb") as copy:
                while copy.tell() < file.n_bytes:
                    copy.write(ray.get(order.desk.read.remote(which, copy.tell())))
    except OSError as error:
        needed = sum(file.n_bytes for file in order.rows.files) / 2**20
        raise InputError(
            f"The encoded rows could not be copied to {str(folder)!r} of another "
            f"machine ({error}); they take {needed:,.0f} MB. Choose another folder "
            "with the environment variable TMPDIR of its Ray."
        ) from error
