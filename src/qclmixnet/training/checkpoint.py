"""Writing a fit down while it runs, so that it goes on where it was stopped.

A checkpoint is two files: tensors, and a JSON file that names them and their digest.
Each is written under another name, brought to the disk and then renamed; the tensors
come first, and the ones before go last. So whenever the process ends, the JSON file is
whole and names tensors that are whole.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import RowSource

__all__ = [
    "EVERY_S",
    "Checkpoint",
    "CheckpointStore",
    "Checkpoints",
    "digest_of_rows",
]

EVERY_S = 60.0
"""Seconds from one checkpoint to the next."""

_FORMAT = 1
_ROWS_IN_DIGEST = 1_000


@dataclass(frozen=True)
class Checkpoint:
    """What was written down.

    Attributes:
        values: numbers and texts, fit for JSON.
        tensors: the rest, by name, on the CPU.
    """

    values: dict[str, Any]
    tensors: dict[str, Tensor]


@runtime_checkable
class CheckpointStore(Protocol):
    """Where the parts of one fit are written down: a folder, here or elsewhere."""

    @property
    def is_due(self) -> bool:
        """Whether the time has come for the next checkpoint."""

    def save(
        self, part: str, values: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> None:
        """Replace the checkpoint of a part, whole or not at all."""

    def load(self, part: str) -> Checkpoint | None:
        """Read the checkpoint of a part; None if there is none yet."""


class Checkpoints:
    """A folder that holds the newest checkpoint of each part of one fit.

    Args:
        folder: where; it is made when missing.
        fit: what tells this fit from others, such as a digest of its arguments.

    Raises:
        InputError: the folder cannot be written.
    """

    def __init__(self, folder: str | PathLike[str], *, fit: str) -> None:
        self.folder = Path(folder).absolute()
        self._fit = fit
        self._written = time.monotonic()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(error) from error

    @property
    def is_due(self) -> bool:
        """Whether the time has come for the next one."""
        return time.monotonic() - self._written >= EVERY_S

    def save(
        self, part: str, values: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> None:
        """Replace the checkpoint of a part, whole or not at all.

        Args:
            part: its name, of letters.
            values: numbers and texts, fit for JSON.
            tensors: the rest, by name.

        Raises:
            InputError: it could not be written.
        """
        blob = save_tensors({k: v.cpu().contiguous() for k, v in tensors.items()})
        digest = hashlib.sha256(blob).hexdigest()
        name = f"{part}-{digest[:16]}.safetensors"
        content = {
            "format": _FORMAT,
            "fit": self._fit,
            "tensors": name,
            "tensors_sha256": digest,
            "values": dict(values),
        }
        text = json.dumps(content, indent=1)  # losses may not be finite
        try:
            _write(self.folder / name, blob)
            _write(self.folder / f"{part}.json", text.encode())
            for old in self.folder.glob(f"{part}-*.safetensors"):
                if old.name != name:
                    old.unlink()
        except OSError as error:
            raise self._refused(error) from error
        self._written = time.monotonic()

    def load(self, part: str) -> Checkpoint | None:
        """Read the checkpoint of a part.

        Args:
            part: its name.

        Returns:
            The newest; None if there is none yet.

        Raises:
            InputError: it is of another fit, or damaged.
        """
        path = self.folder / f"{part}.json"
        if not path.exists():
            return None
        advice = "Name another folder, or delete this one to begin anew."
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            is_ours = content["fit"] == self._fit and content["format"] == _FORMAT
            if is_ours:
                blob = (self.folder / content["tensors"]).read_bytes()
                _check_digest(blob, content["tensors_sha256"])
                return Checkpoint(content["values"], load_tensors(blob))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError(
                f"The checkpoint {str(path)!r} is damaged ({error}). {advice}"
            ) from error
        raise InputError(
            f"The checkpoint in {str(self.folder)!r} belongs to another fit: the rows, "
            f"the arguments, the seed or the versions differ. {advice}"
        )

    def _refused(self, error: OSError) -> InputError:
        return InputError(
            f"Checkpoints cannot be written to {str(self.folder)!r}: {error}. Name "
            "another folder."
        )


def _check_digest(blob: bytes, wanted: str) -> None:
    if hashlib.sha256(blob).hexdigest() != wanted:
        raise ValueError("the checksum of the tensors does not hold")


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole, on the disk, or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, outlives a loss of power
    finally:
        os.close(folder)


def digest_of_rows(rows: RowSource) -> str:
    """Return what tells encoded rows from others: their number and 1,000 of them."""
    n_taken = min(rows.n_rows, _ROWS_IN_DIGEST)
    places = np.linspace(0, rows.n_rows - 1, n_taken).astype(np.int64)
    taken = rows.take(places)
    size = f"{rows.n_rows} {rows.n_num} {rows.n_cat} ".encode()
    parts = size + taken.x_num.tobytes() + taken.x_cat.tobytes()
    return hashlib.sha256(parts).hexdigest()
