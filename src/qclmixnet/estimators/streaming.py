"""Fitting on Parquet files that need not fit into memory."""

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.core.row_sample import sample_of_rows
from qclmixnet.estimators.diagnostics import Diagnostic, warn_of_diagnostics
from qclmixnet.estimators.fit_run import FitRun, check_repeatable
from qclmixnet.estimators.fitting import (
    fit_ensemble,
    warn_of_ids,
    warn_of_singletons,
)
from qclmixnet.estimators.member_fitting import Decision
from qclmixnet.estimators.member_learning import Training
from qclmixnet.estimators.progress import rows_progress
from qclmixnet.estimators.settings import (
    class_weight_of_rows,
    resolve_decision,
    resolve_device,
    resolve_recipe,
)
from qclmixnet.estimators.state import FittedState
from qclmixnet.estimators.table_diagnostics import diagnose_table
from qclmixnet.preprocessing import (
    ScannedTable,
    TableEncoder,
    scan_shards,
    store_encoded,
)
from qclmixnet.preprocessing.stored_rows import MOST_KEPT_BYTES
from qclmixnet.table import Labels, ParquetShards
from qclmixnet.training import CrossFitRecipe, Recipe

__all__ = ["StreamingMixin", "rare_rows"]


Learner = TypeVar("Learner", bound="StreamingMixin")


class StreamingMixin:
    """What a classifier can learn without a table in memory."""

    device: str
    random_state: object
    verbose: int

    if TYPE_CHECKING:  # what the class that mixes this in has

        def get_params(self, deep: bool = ...) -> dict[str, Any]: ...  # noqa: D102, FBT001
        def _adopt(self, state: FittedState) -> None: ...

    def fit_parquet(
        self: Learner,
        source: object,
        *,
        target: str,
        drop: Sequence[str] = (),
        checkpoint_dir: str | PathLike[str] | None = None,
        workers: Training | None = None,
    ) -> Learner:
        """Learn from Parquet files, reading them twice and never as a whole.

        The first pass finds kinds, statistics and classes; the second writes the
        encoded rows to a temporary folder (environment variable TMPDIR), from which
        batches are drawn. Up to 300,000 rows the result is that of `fit` on the same
        table, to the bit; above, quantiles come from 300,000 rows drawn at random.

        Args:
            source: a file, a folder of ``.parquet`` files, a glob, any address that
                fsspec knows, a list of these, or files that are open already.
            target: the column that holds the class.
            drop: columns to leave out.
            checkpoint_dir: folder where the fit is written down every minute; the
                same call takes it up there after it was stopped. `random_state` must
                then be a whole number.
            workers: who trains, such as ``Workers(2, cluster=RayCluster())`` of
                `qclmixnet.execution`; None for this process. They share each batch,
                so the result is the same up to rounding, however many there are.

        Returns:
            The fitted classifier.

        Raises:
            InputError: an argument is out of range, or a file, a column or the labels
                cannot be used; the message names it.
            MissingExtraError: `workers` are on Ray, which is not installed.

        Warns:
            DataWarning: as `fit`, or a category has more levels than can be counted.
            FitWarning: as `fit`.
        """
        params = self.get_params(deep=False)
        recipe = _members_only(resolve_recipe(params))
        decision = resolve_decision(params, recipe)
        device = resolve_device(self.device)
        if checkpoint_dir is not None:
            check_repeatable(self.random_state, recipe)
        if workers is not None and not isinstance(workers, Training):
            raise InputError(
                "`workers` must be None, or `qclmixnet.execution.Workers` with a "
                f"cluster, got {workers!r}."
            )
        if not isinstance(source, ParquetShards):
            source = ParquetShards.open(source)
        with nullcontext() if workers is None else workers.trainer() as trainer:
            state = _fitted(
                source,
                _features(source, target, drop),
                target=target,
                recipe=recipe,
                decision=decision,
                device=device,
                params=params,
                run=FitRun(bool(self.verbose), checkpoint_dir, trainer),
            )
        self._adopt(state)
        return self


def _fitted(
    shards: ParquetShards,
    columns: list[str],
    *,
    target: str,
    recipe: CrossFitRecipe,
    decision: Decision,
    device: torch.device,
    params: dict[str, Any],
    run: FitRun,
) -> FittedState:
    """Look at the rows, encode them into files, and learn from these."""
    shown, n_rows = run.show_progress, shards.n_rows
    with rows_progress("look", n_rows, shown=shown) as progress:
        scanned = scan_shards(
            shards, target=target, columns=columns, on_rows=progress.on_rows
        )
    warn_of_ids(scanned.schema)
    labels = scanned.labels
    recipe = recipe.for_table(n_rows, len(labels.classes))
    warn_of_singletons(labels)
    weights = _weights(params["class_weight"], labels)
    encoder = TableEncoder(scaling=recipe.scaling, max_levels=recipe.max_levels)
    encoder.fit_sample(scanned.sample, scanned.schema, scanned.facts)
    noticed = _notice(scanned, encoder)
    schema = scanned.schema
    del scanned  # with the sample, before memory is needed for the fit
    with tempfile.TemporaryDirectory(prefix="qclmixnet-") as folder:
        with rows_progress("encode", n_rows, shown=shown) as progress:
            rows = store_encoded(
                shards,
                encoder,
                schema,
                columns=columns,
                folder=Path(folder),
                on_rows=progress.on_rows,
            )
        rows.keep(rare_rows(labels.codes, MOST_KEPT_BYTES // rows.bytes_per_row))
        fitted = fit_ensemble(
            rows,
            encoder.cardinalities,
            labels,
            weights,
            recipe=recipe,
            decision=decision,
            device=device,
            random_state=params["random_state"],
            run=run,
            noticed=noticed,
        )
    return FittedState.of_fit(
        fitted,
        labels,
        weights,
        decision=decision,
        params=params,
        schema=schema,
        encoder=encoder,
        recipe=recipe,
        feature_names=np.asarray(columns, dtype=object),
        target_name=target,
    )


def _members_only(recipe: Recipe | CrossFitRecipe) -> CrossFitRecipe:
    """Refuse recipes that look for neighbours among all rows."""
    if isinstance(recipe, CrossFitRecipe) and recipe.mixup.mixed_fraction == 0:
        return recipe
    which = "the published network" if isinstance(recipe, Recipe) else "this recipe"
    raise InputError(
        f"`fit_parquet` fits members without mixup, as the default preset does; {which}"
        " looks for neighbours among all rows, which then have to be in memory. Take "
        '`preset="default"`, or read the table and call `fit`.'
    )


def _features(shards: ParquetShards, target: str, drop: Sequence[str]) -> list[str]:
    """Return the columns to learn from, once all names are known to be right."""
    shards.check_columns([target, *drop])
    if target in drop:
        raise InputError(f"The target {target!r} cannot be dropped.")
    left_out = {target, *drop}
    columns = [name for name in shards.names if name not in left_out]
    if not columns:
        raise InputError(f"{shards.shards[0].name} has no column left to learn from.")
    return columns


def _weights(class_weight: object, labels: Labels) -> npt.NDArray[np.float64]:
    if class_weight is None or isinstance(class_weight, Real):  # the recipe's business
        return np.broadcast_to(np.float64(1), len(labels.codes))
    weights = class_weight_of_rows(class_weight, labels.classes, labels.codes)
    if not weights.all():
        without = np.unique(labels.codes[weights == 0])
        names = ", ".join(repr(str(label)) for label in labels.classes[without])
        raise InputError(
            f"`class_weight` gives no weight to {names}, and `fit_parquet` cannot "
            "leave rows out: give them some weight, or leave them out of the files."
        )
    largest: float = weights.max()
    return weights / largest


def _notice(scanned: ScannedTable, encoder: TableEncoder) -> list[Diagnostic]:
    """Look at the sample for what is noticed about tables, and warn."""
    labels, sample = scanned.labels, scanned.sample
    codes = labels.codes[sample_of_rows(len(labels.codes))]
    noticed = diagnose_table(
        sample,
        encoder.encode(sample),
        encoder.cardinalities,
        Labels(labels.classes, codes),
        counts=np.bincount(labels.codes),
    )
    warn_of_diagnostics(noticed)
    return noticed


def rare_rows(codes: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Return the rows of the rarest classes, as many classes as have room.

    Args:
        codes: class of each row.
        most: rows at most.

    Returns:
        Their numbers, increasing.

    >>> rare_rows(np.array([0, 1, 0, 2, 0, 1]), most=4)
    array([1, 3, 5])
    """
    counts = np.bincount(codes)
    order = np.argsort(counts, kind="stable")
    fits = np.zeros(len(counts), dtype=bool)
    fits[order] = np.cumsum(counts[order]) <= most
    return np.flatnonzero(fits[codes])
