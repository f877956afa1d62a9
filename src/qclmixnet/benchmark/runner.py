"""Run what a description asks for and the folder does not hold yet."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from qclmixnet.benchmark.cell import OUTER, Cell, CellKey, FinishedFit
from qclmixnet.benchmark.differences import differences_in_words
from qclmixnet.benchmark.fitting import FitResult, fit_and_predict
from qclmixnet.benchmark.folded_tables import FoldedTables
from qclmixnet.benchmark.machine import describe_machine
from qclmixnet.benchmark.methods import (
    check_methods,
    expected_seconds,
    method_facts,
    modules_of,
    runs_on_gpu,
)
from qclmixnet.benchmark.record import BenchmarkRun, RunDescription, TableFacts
from qclmixnet.benchmark.store import RunFolder, load_run
from qclmixnet.benchmark.tables import LabelledTable
from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.clock import MOST_WAITING
from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.execution import Outcome, Runner, Task, Workers
from qclmixnet.execution.machine import machine_name

__all__ = ["RunProgress", "run_benchmark"]

_GRACE_S = 30.0
"""Seconds at most, beyond the time limit of the fit, to start up and to predict."""

_ONE = Workers()


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        done: cells (method, table, fold, seed) that are finished.
        total: cells of the run.
        last: the cell that was finished last.
        status: how it ended.
        seconds_left: estimate from the methods' rough costs and the time so far, and
            no more than the time limit allows; NaN before the first cell is finished.
    """

    done: int
    total: int
    last: CellKey | None
    status: str
    seconds_left: float


def run_benchmark(
    description: RunDescription,
    path: str | PathLike[str],
    *,
    workers: Workers = _ONE,
    command: str = "",
    table: LabelledTable | None = None,
    retry_failed: bool = False,
    device: str = "cpu",
    on_progress: Callable[[RunProgress], None] | None = None,
) -> BenchmarkRun:
    """Fit every method on every fold of every table; go on where an earlier run was.

    Args:
        description: tables, methods, folds, seeds and limits. A folder that already
            holds a run is extended by tables and methods it lacks.
        path: folder of the run.
        workers: fits at a time, threads of each fit, and where they run.
        command: the command to name in the report.
        table: the user's own table, in place of tables of the package.
        retry_failed: run again what failed or took too long before.
        device: where deep networks are fitted: ``"cpu"``, ``"cuda"``, ``"mps"``, or
            ``"auto"`` for a GPU if there is one. Times of fits on a GPU are not
            compared with those of fits on the processor.
        on_progress: called before the first fit and after every finished cell.

    Returns:
        The run with all of its rows.

    Raises:
        InputError: a table or method is unknown, the folder holds another run, or
            there is no such device.
        MissingExtraError: the library of a method is not installed.
    """
    check_methods(description.methods)
    _check_tables(description.tables)
    device = _found_device(device, workers)
    check_real(description.time_limit_s, "time_limit_s", low=0, open_low=True)
    for name, low in (("n_folds", 2), ("n_seeds", 1), ("max_train_rows", 10)):
        check_integer(getattr(description, name), name, low=low)
    path = Path(path)
    folder = RunFolder(path)
    with _locked(path):
        whole = _merged(folder, description)
        tables = FoldedTables(description, table)
        # A table that cannot be split is found out before the first fit.
        facts = {name: tables.check(name) for name in description.tables}
        run = _record(folder, whole, facts, command)
        todo = _todo(folder, description, retry_failed=retry_failed)
        # Cells of other commands may be half done as well; their fits stay.
        still_open = _todo(folder, whole, retry_failed=retry_failed)
        folder.forget_other_fits([key.file_name("") for key in still_open])
        scheduler = _Scheduler(
            folder, run, tables, todo, workers.n_threads, device, on_progress
        )
        if todo:
            preload = modules_of({key.method for key in todo}, device=device)
            with workers.runner(preload=preload) as runner:
                scheduler.run(runner)
    return load_run(path)


class _Scheduler:
    """Hands fits to processes and turns what comes back into rows."""

    def __init__(
        self,
        folder: RunFolder,
        run: BenchmarkRun,
        tables: FoldedTables,
        todo: list[CellKey],
        n_threads: int,
        device: str,
        on_progress: Callable[[RunProgress], None] | None,
    ) -> None:
        self._folder, self._run, self._tables = folder, run, tables
        self._methods = {method.name: method for method in run.methods}
        self._rows_of = {table.name: table.n_rows for table in run.tables}
        self._machine = machine_name()
        self._n_threads = n_threads
        self._device = device
        self._on_progress = on_progress
        self._total = len(todo)
        self._todo = sorted(todo, key=self._cost)
        self._waiting = iter(self._todo)
        self._open: dict[CellKey, tuple[Cell, set[str]]] = {}
        self._parts: dict[Hashable, tuple[CellKey, str]] = {}
        self._done = 0
        self._cost_left = sum(map(self._cost, todo))
        self._cost_done = 0.0
        self._started = time.monotonic()
        self._n_at_once = 1

    def run(self, runner: Runner) -> None:
        """Work until every cell has its rows."""
        self._n_at_once = runner.n_free
        self._tell(None, "")
        while True:
            while runner.n_free and self._begin_next(runner):
                pass
            if not runner.n_open:
                return
            self._take(runner.next_outcome(), runner)

    def _cost(self, key: CellKey) -> float:
        return expected_seconds(key.method, self._rows_of[key.table])

    def _begin_next(self, runner: Runner) -> bool:
        key = next(self._waiting, None)
        if key is None:
            return False
        cell = Cell(
            key=key,
            table=self._tables.get(key.table),
            fold=self._tables.folds(key.table, key.seed)[key.fold],
            inner_folds=self._tables.inner_folds(key),
            method=self._methods[key.method],
            n_threads=self._n_threads,
            time_limit_s=self._run.description.time_limit_s,
            device=self._device if runs_on_gpu(key.method) else "cpu",
        )
        self._open[key] = (cell, {OUTER})
        self._fit(cell, OUTER, runner)
        return True

    def _fit(self, cell: Cell, part: str, runner: Runner) -> None:
        kept = self._folder.kept_fit(cell.key.file_name(part))
        if kept is not None:
            self._finish_part(cell, part, kept, runner)
            return
        limit = cell.time_limit_s + min(_GRACE_S, cell.time_limit_s)
        name = cell.key.file_name(part)
        self._parts[name] = (cell.key, part)
        runner.submit(
            Task(
                name,
                fit_and_predict,
                (cell.job(part),),
                time_limit_s=limit * MOST_WAITING,
                cpu_limit_s=limit * self._n_threads,
            )
        )

    def _take(self, outcome: Outcome, runner: Runner) -> None:
        key, part = self._parts[outcome.key]
        cell, _ = self._open[key]
        finished = replace(
            _finished(outcome, cell.time_limit_s, n_threads=self._n_threads),
            machine=outcome.machine or self._machine,
        )
        if finished.result is not None:
            self._folder.keep_fit(key.file_name(part), finished)
        self._finish_part(cell, part, finished, runner)

    def _finish_part(
        self, cell: Cell, part: str, finished: FinishedFit, runner: Runner
    ) -> None:
        cell.finished[part] = finished
        waiting = self._open[cell.key][1]
        waiting.discard(part)
        if part == OUTER and self._run.description.tuned:
            inner = cell.inner_parts()
            waiting.update(inner)
            for name in inner:
                self._fit(cell, name, runner)
        if not waiting and cell.key in self._open:
            self._close(cell)

    def _close(self, cell: Cell) -> None:
        del self._open[cell.key]
        rows = [cell.as_is_row()]
        if self._run.description.tuned:
            rows.append(cell.tuned_row())
        self._folder.append(rows)
        self._folder.forget_fits([cell.key.file_name(part) for part in cell.finished])
        cost = self._cost(cell.key)
        self._done += 1
        self._cost_done += cost
        self._cost_left -= cost
        self._tell(cell.key, cell.finished[OUTER].status)

    def _most_seconds_left(self) -> float:
        # A slow cell is a fit of all training rows and one that tunes the rule.
        what = self._run.description
        fits = (self._total - self._done) * (2 if what.tuned else 1)
        return fits * what.time_limit_s / self._n_at_once

    def _tell(self, key: CellKey | None, status: str) -> None:
        if self._on_progress is None:
            return
        elapsed = time.monotonic() - self._started
        seconds_left = float("nan")
        if self._cost_done:
            seconds_left = max(0.0, self._cost_left * elapsed / self._cost_done)
            seconds_left = min(seconds_left, self._most_seconds_left())
        self._on_progress(
            RunProgress(self._done, self._total, key, status, seconds_left)
        )


def _finished(outcome: Outcome, limit: float, *, n_threads: int) -> FinishedFit:
    result = outcome.value if isinstance(outcome.value, FitResult) else None
    # On a busy machine the wall clock alone would call a quick method slow.
    took = 0.0 if result is None else min(result.fit_s, result.fit_cpu_s / n_threads)
    if took > limit * 1.02:
        message = f"the fit took {took:.0f} s, over the limit of {limit:g} s"
        return FinishedFit("timeout", None, message, outcome.peak_mb)
    if outcome.status == "timeout":
        message = f"stopped at the limit of {limit:g} s"
        return FinishedFit("timeout", None, message, outcome.peak_mb)
    return FinishedFit(outcome.status, result, outcome.message, outcome.peak_mb)


def _found_device(device: str, workers: Workers) -> str:
    if device == "cpu":
        return device
    if workers.cluster is not None:
        raise InputError(
            f"On a Ray cluster every fit runs on processors; `device` is {device!r}. "
            "Leave it out, or run without the cluster."
        )
    from qclmixnet.estimators.settings import resolve_device

    return str(resolve_device(device))


def _check_tables(names: tuple[str, ...]) -> None:
    if not names:
        raise InputError("There is no table to run on; name at least one.")
    if len(set(names)) < len(names):
        raise InputError(f"A table is named twice in {', '.join(names)}.")


def _merged(folder: RunFolder, asked: RunDescription) -> RunDescription:
    """Extend the description of an earlier run in the folder by what is asked."""
    if not folder.exists:
        return asked
    before = load_run(folder.path).description
    same = replace(asked, tables=before.tables, methods=before.methods)
    if same != before:
        differing = "; another ".join(differences_in_words(before, same))
        raise InputError(
            f"{folder.path} holds a run with another {differing}. Name another folder "
            "(--out) for a new run, or the same settings to go on with this one."
        )
    tables = dict.fromkeys([*before.tables, *asked.tables])
    methods = dict.fromkeys([*before.methods, *asked.methods])
    return replace(before, tables=tuple(tables), methods=tuple(methods))


def _record(
    folder: RunFolder,
    whole: RunDescription,
    facts: dict[str, TableFacts],
    command: str,
) -> BenchmarkRun:
    """Write and return the description with its facts."""
    if folder.exists:
        before = load_run(folder.path)
        facts = {table.name: table for table in before.tables} | facts
        # Several commands may have made a run; each is named once.
        commands = dict.fromkeys([*before.command.splitlines(), command])
        command = "\n".join(filter(None, commands))
    run = BenchmarkRun(
        description=whole,
        tables=tuple(facts[name] for name in whole.tables),
        methods=tuple(method_facts(name) for name in whole.methods),
        machine=describe_machine(),
        command=command,
        rows=folder.read_rows(),
    )
    folder.write_record(run)
    return run


def _todo(
    folder: RunFolder, description: RunDescription, *, retry_failed: bool
) -> list[CellKey]:
    """Return the cells whose rows the folder does not hold, or holds as failed."""
    rows = folder.read_rows()
    if retry_failed:
        rows = rows[rows["status"] == "ok"]
    n_rules = 2 if description.tuned else 1
    counts = rows.groupby(list(CellKey._fields)).size()
    done = set(counts.index[counts == n_rules])
    keys = [
        CellKey(table, method, fold, seed)
        for method in description.methods
        for table in description.tables
        for seed in range(description.n_seeds)
        for fold in range(description.n_folds)
    ]
    return [key for key in keys if tuple(key) not in done]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Refuse a second run in the same folder at the same time."""
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise MissingExtraError(
            "filelock", extra="benchmark", purpose="A benchmark run"
        ) from error
    is_new = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The run cannot be written to {path}: {error}.") from error
    lock = FileLock(path / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(f"Another run is at work in {path}; let it finish.") from error
    try:
        yield
    finally:
        lock.release()
        (path / "run.lock").unlink(missing_ok=True)
        # What was refused before anything was written leaves nothing behind.
        if is_new and not any(path.iterdir()):
            path.rmdir()
