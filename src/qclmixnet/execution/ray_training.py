"""Training by several workers with Ray Train.

Ray places the workers, connects them by torch's own messages (Gloo on CPUs, NCCL on
GPUs), notices that one is gone, and starts all of them anew. What they compute is
`qclmixnet.estimators.member_learning.learn`.
"""

import logging
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qclmixnet.core.errors import InputError
from qclmixnet.estimators.member_learning import Learned, Lesson
from qclmixnet.execution.on_worker import SentRows, WorkOrder, train_on_worker
from qclmixnet.execution.ray_desk import Desk
from qclmixnet.preprocessing import EncodedTable, StoredRows
from qclmixnet.training import EpochRecord, checkpoint
from qclmixnet.training.checkpoint import Checkpoints

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer

__all__ = ["RayTrainer"]

_MOST_LOST = 5
"""How often workers are started anew."""

_BETWEEN_LOOKS_S = 0.5


class RayTrainer:
    """Has lessons learned on the Ray cluster that is connected.

    Args:
        n_workers: processes that share each batch.
        n_threads: threads of each, and cores it takes.
    """

    def __init__(self, n_workers: int, *, n_threads: int = 1) -> None:
        self.n_workers, self.n_threads = n_workers, n_threads

    def __call__(
        self,
        lesson: Lesson,
        *,
        checkpoints: Checkpoints | None,
        on_epoch: Callable[[EpochRecord], None] | None,
        on_rows: Callable[[int], None] | None,
    ) -> Learned:
        """Have a lesson learned.

        Args:
            lesson: what is to be learned, of rows in files.
            checkpoints: where it is written down; None for a folder of its own, from
                which it is taken up when a worker is lost.
            on_epoch: called after each epoch that is scored.
            on_rows: called with the number of rows that members have learned from.

        Returns:
            What was learned.

        Raises:
            InputError: it cannot be learned, or workers were lost again and again.
            KeyboardInterrupt: interrupted.
        """
        import ray

        rows = lesson.rows
        assert isinstance(rows, StoredRows)
        with tempfile.TemporaryDirectory(prefix="qclmixnet-") as folder:
            if checkpoints is None:
                checkpoints = Checkpoints(Path(folder, "progress"), fit="")
            node = ray.get_runtime_context().get_node_id()
            desk = _on(node, Desk).remote(checkpoints, rows.files)
            order = WorkOrder(
                desk,
                ray.put(replace(lesson, rows=_NO_ROWS)),
                SentRows(rows.files, rows.kept_rows, node, Path(folder).name),
                every_s=checkpoint.EVERY_S,
                is_heard=on_epoch is not None or on_rows is not None,
                n_threads=self.n_threads,
            )
            try:
                with _listening(desk, on_epoch, on_rows):
                    self._run(order, on_gpu=lesson.device.type == "cuda", folder=folder)
                outcome = ray.get(desk.outcome.remote())
            finally:
                ray.kill(desk)
        return _learned(outcome, lesson)

    def _run(self, order: WorkOrder, *, on_gpu: bool, folder: str) -> None:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer

        # It has just given itself a log on the terminal.
        logging.getLogger("ray.train").setLevel(logging.ERROR)
        each = {"CPU": float(self.n_threads)} | ({"GPU": 1.0} if on_gpu else {})
        _fit(
            TorchTrainer(
                _with_order,
                train_loop_config={"order": order},
                torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
                scaling_config=ScalingConfig(
                    num_workers=self.n_workers,
                    use_gpu=on_gpu,
                    resources_per_worker=each,
                ),
                run_config=RunConfig(
                    name="training",
                    storage_path=folder,
                    failure_config=FailureConfig(max_failures=_MOST_LOST),
                ),
            )
        )


# Rows of a lesson that is sent; workers map the files instead.
_NO_ROWS = EncodedTable(
    np.zeros((0, 0), dtype=np.float32), np.zeros((0, 0), dtype=np.int64), {}
)


def _with_order(given: dict[str, Any]) -> None:
    train_on_worker(given["order"])


def _on(node: str, actor: type) -> Any:  # noqa: ANN401 - Ray's
    """Return an actor class that stays on a node and takes no core."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(node, soft=False)
    remote: Any = ray.remote
    return remote(num_cpus=0, scheduling_strategy=here)(actor)


def _fit(trainer: "TorchTrainer") -> None:
    """Run a trainer; the handler of Ctrl-C, which it replaces, is put back."""
    from ray.train import TrainingFailedError

    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if in_main else None
    try:
        trainer.fit()
    except SystemExit:  # what Ray's handler makes of Ctrl-C
        raise KeyboardInterrupt from None
    except TrainingFailedError as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise InputError(
            f"Training was given up after its workers were lost {_MOST_LOST + 1} "
            f"times, the last time with: {said.rstrip('.')}. See whether the machines "
            "have enough memory; with a folder for checkpoints the same call goes on "
            "from the last one."
        ) from error
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _learned(outcome: tuple[Learned | None, str, int], lesson: Lesson) -> Learned:
    """Return what was learned, on the device of the lesson."""
    learned, refusal, n_attempts = outcome
    if refusal:
        raise InputError(refusal)
    if learned is None:  # Ctrl-C ends the workers without a word
        raise KeyboardInterrupt
    return replace(
        learned,
        network=learned.network.to(lesson.device),
        inputs=learned.inputs.to(lesson.device),
        n_lost=n_attempts - 1,
    )


@contextmanager
def _listening(
    desk: Any,  # noqa: ANN401 - a handle of Ray
    on_epoch: Callable[[EpochRecord], None] | None,
    on_rows: Callable[[int], None] | None,
) -> Iterator[None]:
    """Pass the news at the desk on while the block runs."""
    import ray

    over = threading.Event()

    def look() -> None:
        n_rows, records = ray.get(desk.heard.remote())
        if on_rows is not None and n_rows:
            on_rows(n_rows)
        if on_epoch is not None:
            for record in records:
                on_epoch(record)

    def listen() -> None:
        while not over.wait(_BETWEEN_LOOKS_S):
            look()

    if on_epoch is None and on_rows is None:
        yield
        return
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    look()
