"""What workers of a training leave with the command, and what they get from there.

Workers come and go, on any machine of the cluster. Checkpoints, progress and the
result therefore go to one actor on the machine of the command, which outlives them.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from qclmixnet.estimators.member_learning import Learned
from qclmixnet.preprocessing import RowFile
from qclmixnet.training import EpochRecord
from qclmixnet.training.checkpoint import Checkpoint, Checkpoints

__all__ = ["Desk", "DeskCheckpoints", "Progress"]

BYTES_AT_ONCE = 32 * 2**20
"""Of a file, in one answer."""

_BETWEEN_NEWS_S = 1.0


class Desk:
    """Serves the newest attempt to train; what earlier ones still send is void.

    Args:
        checkpoints: the folder where the fit is written down.
        files: the encoded rows, for workers on other machines.
    """

    def __init__(self, checkpoints: Checkpoints, files: Sequence[RowFile]) -> None:
        self._checkpoints, self._files = checkpoints, files
        self._attempt = 0
        self._learned: Learned | None = None
        self._refusal = ""
        self._n_rows = self._n_rows_told = 0
        self._records: list[EpochRecord] = []

    def begin(self) -> int:
        """Open an attempt, and return its number; 0 if there is nothing left to do."""
        if self._refusal or self._learned is not None:
            return 0
        self._attempt += 1
        self._n_rows = 0
        return self._attempt

    def load(self, part: str) -> Checkpoint | None:
        """Return the newest checkpoint of a part."""
        return self._checkpoints.load(part)

    def save(
        self,
        attempt: int,
        part: str,
        values: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
    ) -> None:
        """Replace the checkpoint of a part."""
        if attempt == self._attempt:
            self._checkpoints.save(part, values, tensors)

    def tell(self, attempt: int, n_rows: int, records: Sequence[EpochRecord]) -> None:
        """Hear of rows that were learned from, and of scored epochs."""
        if attempt == self._attempt:
            self._n_rows += n_rows
            self._records += records

    def heard(self) -> tuple[int, list[EpochRecord]]:
        """Return the news: rows that no attempt had come to before, and epochs."""
        n_rows = max(0, self._n_rows - self._n_rows_told)
        records, self._records = self._records, []
        self._n_rows_told += n_rows
        return n_rows, records

    def read(self, which: int, start: int) -> bytes:
        """Return a part of one of the files of rows, from a byte on."""
        with self._files[which].path.open("rb") as file:
            file.seek(start)
            return file.read(BYTES_AT_ONCE)

    def finish(self, attempt: int, learned: Learned) -> None:
        """Take the result."""
        if attempt == self._attempt:
            self._learned = learned

    def refuse(self, why: str) -> None:
        """Hear that no attempt can succeed."""
        self._refusal = self._refusal or why

    def outcome(self) -> tuple[Learned | None, str, int]:
        """Return the result, why there can be none, and how many attempts began."""
        return self._learned, self._refusal, self._attempt


class DeskCheckpoints:
    """Checkpoints of one attempt, kept at the desk.

    Args:
        desk: handle of the actor.
        attempt: number of the attempt.
        every_s: seconds from one checkpoint to the next.
    """

    def __init__(self, desk: Any, attempt: int, *, every_s: float) -> None:  # noqa: ANN401
        self._desk, self._attempt, self._every_s = desk, attempt, every_s
        self._written = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the time has come for the next one."""
        return time.monotonic() - self._written >= self._every_s

    def save(
        self, part: str, values: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> None:
        """Replace the checkpoint of a part, and wait until it is written."""
        import ray

        sent = {name: tensor.cpu() for name, tensor in tensors.items()}
        ray.get(self._desk.save.remote(self._attempt, part, dict(values), sent))
        self._written = time.monotonic()

    def load(self, part: str) -> Checkpoint | None:
        """Read the checkpoint of a part; None if there is none yet."""
        import ray

        found: Checkpoint | None = ray.get(self._desk.load.remote(part))
        return found


class Progress:
    """Tells the desk about progress, rows no more often than once a second.

    Args:
        desk: handle of the actor.
        attempt: number of the attempt.
    """

    def __init__(self, desk: Any, attempt: int) -> None:  # noqa: ANN401
        self._desk, self._attempt = desk, attempt
        self._n_rows, self._told = 0, time.monotonic()

    def on_rows(self, n_rows: int) -> None:
        """Hear of rows that were learned from."""
        self._n_rows += n_rows
        if time.monotonic() - self._told >= _BETWEEN_NEWS_S:
            self._tell([])

    def on_epoch(self, record: EpochRecord) -> None:
        """Hear of an epoch that was scored."""
        self._tell([record])

    def _tell(self, records: list[EpochRecord]) -> None:
        self._desk.tell.remote(self._attempt, self._n_rows, records)
        self._n_rows, self._told = 0, time.monotonic()
