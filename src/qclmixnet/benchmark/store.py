"""The folder of a run: its description, its rows, and fits that wait to be used.

* ``run.json``: what was asked for, facts about tables and methods, the machine.
* ``rows.parquet``: one row per table, method, fold, seed and rule.
* ``fits/``: predictions of fits whose rows are not complete yet; empty at the end.

Every file is written beside itself and then renamed, so that each is whole at any
moment, also when the process or the machine dies.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qclmixnet.benchmark.cell import FinishedFit
from qclmixnet.benchmark.fitting import FitResult
from qclmixnet.benchmark.record import (
    KEY,
    SCORES,
    BenchmarkRun,
    MethodFacts,
    RunDescription,
    TableFacts,
)
from qclmixnet.core.errors import InputError, MissingExtraError

__all__ = ["COLUMNS", "RunFolder", "load_run"]

_DTYPES = {
    "table": "str",
    "method": "str",
    "fold": "int64",
    "seed": "int64",
    "rule": "str",
    "status": "str",
    **dict.fromkeys(SCORES, "float64"),
    "fit_s": "float64",
    "fit_cpu_s": "float64",
    "predict_s_per_1k": "float64",
    "peak_mb": "float64",
    "n_train": "int64",
    "n_test": "int64",
    "inner": "str",
    "message": "str",
    "versions": "str",
    "machine": "str",
    "device": "str",
    "threads": "int64",
    "started_at": "str",
}
COLUMNS = tuple(_DTYPES)
"""Columns of ``rows.parquet``."""

FORMAT = 1


class RunFolder:
    """Reads and writes the files of one run.

    Args:
        path: the folder; made when it is missing.

    Raises:
        MissingExtraError: pyarrow, which reads and writes the rows, is not installed.
    """

    def __init__(self, path: Path) -> None:
        if find_spec("pyarrow") is None:
            raise MissingExtraError(
                "pyarrow", extra="benchmark", purpose="The folder of a run"
            )
        self.path = path
        self._fits = path / "fits"
        self._rows: pd.DataFrame | None = None

    @property
    def exists(self) -> bool:
        """Whether the folder describes a run."""
        return (self.path / "run.json").exists()

    def read_rows(self) -> pd.DataFrame:
        """Return all rows so far, in the order in which they were finished."""
        if self._rows is None:
            file = self.path / "rows.parquet"
            self._rows = _read_rows(file) if file.exists() else _table_of([])
        return self._rows

    def append(self, rows: Sequence[dict[str, object]]) -> None:
        """Add rows; of rows with the same key the latest stays."""
        everything = pd.concat(
            [part for part in (self.read_rows(), _table_of(rows)) if len(part)],
            ignore_index=True,
        ).drop_duplicates(list(KEY), keep="last", ignore_index=True)
        file = self.path / "rows.parquet"
        beside = file.with_suffix(".partial")
        everything.to_parquet(beside, index=False)
        _replace(beside, file)
        self._rows = everything

    def read_record(self) -> dict[str, object]:
        """Return what ``run.json`` says.

        Returns:
            The object in the file.

        Raises:
            InputError: there is no run in the folder, or its description is damaged.
        """
        try:
            text = (self.path / "run.json").read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"There is no benchmark run in {self.path}; a run is a folder with "
                "run.json and rows.parquet, as `qclmixnet benchmark` writes it."
            ) from error
        try:
            record = json.loads(text)
        except ValueError as error:
            raise _damaged(self.path / "run.json") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise _damaged(self.path / "run.json")
        return record

    def write_record(self, run: BenchmarkRun) -> None:
        """Write ``run.json``."""
        self.path.mkdir(parents=True, exist_ok=True)
        record = {
            "format": FORMAT,
            "description": asdict(run.description),
            "tables": [asdict(table) for table in run.tables],
            "methods": [asdict(method) for method in run.methods],
            "machine": run.machine,
            "command": run.command,
        }
        beside = self.path / "run.partial"
        beside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        _replace(beside, self.path / "run.json")

    def keep_fit(self, name: str, fit: FinishedFit) -> None:
        """Keep a fit that went well until the rows that need it are written."""
        result = fit.result
        assert result is not None
        self._fits.mkdir(exist_ok=True)
        numbers = [result.fit_s, result.fit_cpu_s, result.predict_s, fit.peak_mb]
        beside = self._fits / f"{name}.partial"
        with beside.open("wb") as file:
            np.savez(
                file,
                proba=result.proba,
                predicted=result.predicted,
                numbers=np.array(numbers),
                words=np.array([fit.message, fit.machine, result.device]),
            )
        _replace(beside, self._fits / f"{name}.npz")

    def kept_fit(self, name: str) -> FinishedFit | None:
        """Return a kept fit, or None."""
        file = self._fits / f"{name}.npz"
        if not file.exists():
            return None
        with np.load(file) as arrays:
            if arrays.get("words", np.empty(0)).size < 3:  # of an earlier version
                return None
            fit_s, fit_cpu_s, predict_s, peak_mb = arrays["numbers"].tolist()
            message, machine, device = arrays["words"].tolist()
            result = FitResult(
                arrays["proba"],
                arrays["predicted"],
                fit_s,
                fit_cpu_s,
                predict_s,
                device,
            )
        return FinishedFit("ok", result, message, peak_mb, machine)

    def forget_fits(self, names: Sequence[str]) -> None:
        """Remove kept fits that are no longer needed."""
        for name in names:
            (self._fits / f"{name}.npz").unlink(missing_ok=True)
        self._remove_if_empty()

    def forget_other_fits(self, prefixes: Sequence[str]) -> None:
        """Remove what a killed run left behind: all but kept fits named like this.

        That is, fits whose rows were written just before the end, and files that were
        half written.
        """
        if not self._fits.exists():
            return
        for file in self._fits.iterdir():
            if file.suffix != ".npz" or not file.name.startswith(tuple(prefixes)):
                file.unlink()
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        if self._fits.exists() and not any(self._fits.iterdir()):
            self._fits.rmdir()


def load_run(path: str | os.PathLike[str]) -> BenchmarkRun:
    """Read a run with the rows that it has so far.

    Args:
        path: folder that `qclmixnet benchmark` or `compare` wrote.

    Returns:
        Description, facts and rows.

    Raises:
        InputError: there is no run in the folder, or a file of it is damaged.
    """
    folder = RunFolder(Path(path))
    record = folder.read_record()
    try:
        return BenchmarkRun(
            description=_described(record["description"]),
            tables=tuple(TableFacts(**row) for row in _objects(record["tables"])),
            methods=tuple(MethodFacts(**row) for row in _objects(record["methods"])),
            machine={k: str(v) for k, v in _object(record["machine"]).items()},
            command=str(record["command"]),
            rows=folder.read_rows(),
        )
    except (KeyError, TypeError) as error:
        raise _damaged(folder.path / "run.json") from error


def _described(value: object) -> RunDescription:
    given = _object(value)
    # A field that an older version did not write has its default.
    if not set(given) <= {field.name for field in fields(RunDescription)}:
        raise TypeError("not a description")
    lists: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in given.items()
    }
    return RunDescription(**lists)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _objects(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return [_object(item) for item in value]


def _read_rows(file: Path) -> pd.DataFrame:
    try:
        rows = pd.read_parquet(file)
        if "device" not in rows.columns:  # of a version that knew only one
            rows["device"] = "cpu"
        return rows[list(COLUMNS)].astype(_DTYPES)
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(file) from error


def _table_of(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(_DTYPES)


def _damaged(file: Path) -> InputError:
    return InputError(
        f"{file} is damaged or of another version; start the run in a new folder, or "
        "restore the file."
    )


def _replace(beside: Path, file: Path) -> None:
    """Rename once the bytes are on the disk."""
    with beside.open("rb+") as written:
        os.fsync(written.fileno())
    beside.replace(file)
