"""From encoded rows and labels to a fitted model and its decision rule."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, FitWarning
from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.decision import HeldOut, OffsetRule, keep_held_out, tune_offsets
from qclmixnet.estimators.diagnostics import (
    Diagnostic,
    diagnose_training,
    warn_of_diagnostics,
)
from qclmixnet.estimators.fit_run import FitRun
from qclmixnet.estimators.member_fitting import Decision, fit_members
from qclmixnet.estimators.models import MemberModel, SingleModel, for_inference
from qclmixnet.estimators.progress import epoch_progress
from qclmixnet.estimators.table_diagnostics import diagnose_table
from qclmixnet.nn import OneHotInput, QCLMixNet
from qclmixnet.preprocessing import EncodedTable, RowSource
from qclmixnet.table import Labels, Schema, Table, read_labels, stratified_holdout
from qclmixnet.training import (
    CrossFitRecipe,
    Recipe,
    TrainingData,
    TrainingResult,
    train,
)

__all__ = [
    "Fitted",
    "build_network",
    "drop_weightless",
    "fit_ensemble",
    "fit_model",
    "fit_network",
    "warn_of_ids",
    "warn_of_singletons",
]


_BACKGROUND_ROWS = 128


@dataclass(frozen=True)
class Fitted:
    """What a fit gives.

    Attributes:
        model: turns encoded rows into probabilities.
        result: what happened while training.
        rule: decides by the probabilities; None stands for the plain argmax.
        noticed: what was noticed.
        held_out: what was said about rows that were left out; None if none were.
        background: some of the rows, drawn at random.
    """

    model: SingleModel | MemberModel
    result: TrainingResult
    rule: OffsetRule | None
    noticed: tuple[Diagnostic, ...]
    held_out: HeldOut | None
    background: EncodedTable


def fit_model(
    table: Table,
    encoded: EncodedTable,
    cardinalities: tuple[int, ...],
    labels: Labels,
    weights: npt.NDArray[np.float64],
    *,
    recipe: Recipe | CrossFitRecipe,
    decision: Decision,
    device: torch.device,
    random_state: object,
    run: FitRun,
) -> Fitted:
    """Fit what a recipe describes, and the rule that decides by its probabilities.

    Args:
        table: the rows, for what is to be noticed about them.
        encoded: the same rows encoded.
        cardinalities: codes of each category column.
        labels: their classes.
        weights: how much each row counts, above 0.
        recipe: how to build and train.
        decision: "argmax", or the score that the rule shall maximise.
        device: where to compute.
        random_state: seed of everything random.
        run: what is shown, and where the fit is written down, while it runs.

    Returns:
        The model, its rule, and what is known about both.
    """
    warn_of_singletons(labels)
    noticed = diagnose_table(table, encoded, cardinalities, labels)
    warn_of_diagnostics(noticed)  # now, so that a long fit can still be stopped
    if isinstance(recipe, CrossFitRecipe):
        return fit_ensemble(
            encoded,
            cardinalities,
            labels,
            weights,
            recipe=recipe,
            decision=decision,
            device=device,
            random_state=random_state,
            run=run,
            noticed=noticed,
        )
    model, result, held_out = fit_network(
        encoded,
        cardinalities,
        labels,
        weights,
        recipe=recipe,
        device=device,
        random_state=random_state,
        show_progress=run.show_progress,
    )
    _warn_of_early_end(result)
    rule, kept = None, None
    if len(held_out):
        codes, proba = labels.codes[held_out], model.proba(encoded.take(held_out))
        kept = keep_held_out(codes, proba, weights[held_out])
        if decision != "argmax":
            rule = tune_offsets(codes, proba, objective=decision)
    noticed += diagnose_training(
        model, result, recipe, encoded, labels.codes, weights, held_out=held_out
    )
    background = _background(encoded)
    return Fitted(model, result, rule, tuple(noticed), kept, background)


def fit_ensemble(
    encoded: RowSource,
    cardinalities: tuple[int, ...],
    labels: Labels,
    weights: npt.NDArray[np.float64],
    *,
    recipe: CrossFitRecipe,
    decision: Decision,
    device: torch.device,
    random_state: object,
    run: FitRun,
    noticed: Sequence[Diagnostic],
) -> Fitted:
    """Fit cross-fitted members on rows that may stay in files.

    Args:
        encoded: the rows.
        cardinalities: codes of each category column.
        labels: their classes.
        weights: how much each row counts, above 0.
        recipe: how to build and train.
        decision: "argmax", or the score that the rule shall maximise.
        device: where to compute.
        random_state: seed of everything random.
        run: what is shown, and where the fit is written down, while it runs.
        noticed: what was noticed about the table.

    Returns:
        The model, its rule, and what is known about both.
    """
    members = fit_members(
        encoded,
        cardinalities,
        labels,
        weights,
        recipe=recipe,
        decision=decision,
        device=device,
        random_state=random_state,
        run=run,
    )
    _warn_of_early_end(members.result)
    also = diagnose_training(
        members.model,
        members.result,
        recipe,
        encoded,
        labels.codes,
        weights,
        held_out=np.zeros(0, dtype=np.int64),
    )
    return Fitted(
        members.model,
        members.result,
        members.rule,
        (*noticed, *also, *_noted_losses(members.n_lost)),
        members.held_out,
        _background(encoded),
    )


def fit_network(
    encoded: EncodedTable,
    cardinalities: tuple[int, ...],
    labels: Labels,
    weights: npt.NDArray[np.float64],
    *,
    recipe: Recipe,
    device: torch.device,
    random_state: object,
    show_progress: bool,
) -> tuple[SingleModel, TrainingResult, npt.NDArray[np.int64]]:
    """Hold a part out, build a network and train it on the rest.

    Args:
        encoded: the rows.
        cardinalities: codes of each category column.
        labels: their classes.
        weights: how much each row counts, above 0.
        recipe: how to build and train.
        device: where to compute.
        random_state: seed of the split, the first weights and the training.
        show_progress: if True a bar is shown.

    Returns:
        The network with the weights of its best epoch, what happened, and the rows
        that were held out.
    """
    seeds = spawn_seeds(random_state, 3)
    data = TrainingData.from_arrays(encoded, labels.codes, weights, device=device)
    held_out, held_out_rows = None, np.zeros(0, dtype=np.int64)
    fraction = recipe.schedule.validation_fraction
    if fraction > 0:
        train_rows, held_out_rows = stratified_holdout(
            labels.codes, fraction=fraction, generator=np.random.default_rng(seeds[0])
        )
        held_out = data.take(held_out_rows) if len(held_out_rows) else None
        data = data.take(train_rows)
    inputs = OneHotInput(encoded.x_num.shape[1], cardinalities)
    model = build_network(
        inputs.n_features,
        len(labels.classes),
        recipe,
        generator=torch.Generator().manual_seed(seeds[1]),
    ).to(device)
    with epoch_progress(recipe.schedule.max_epochs, shown=show_progress) as on_epoch:
        result = train(
            model,
            inputs,
            data,
            held_out=held_out,
            recipe=recipe,
            generator=torch.Generator().manual_seed(seeds[2]),
            on_epoch=on_epoch,
        )
    for_inference(model)
    return SingleModel(model, inputs), result, held_out_rows


def build_network(
    n_features: int,
    n_classes: int,
    recipe: Recipe,
    *,
    generator: torch.Generator | None = None,
) -> QCLMixNet:
    """Build the network that a recipe asks for."""
    sizes = recipe.network
    return QCLMixNet(
        n_features,
        n_classes,
        d_hidden=sizes.d_hidden,
        d_repr=sizes.d_repr,
        d_projection=sizes.d_projection,
        d_token=sizes.d_token,
        n_heads=sizes.n_heads,
        entanglement=sizes.entanglement,
        generator=generator,
    )


def _background(encoded: RowSource) -> EncodedTable:
    n_rows = encoded.n_rows
    generator = np.random.default_rng(n_rows)  # the same for every random state
    drawn = generator.choice(n_rows, min(n_rows, _BACKGROUND_ROWS), replace=False)
    taken = encoded.take(np.sort(drawn))
    return EncodedTable(taken.x_num, taken.x_cat, {})


def drop_weightless(
    table: Table, labels: Labels, weights: npt.NDArray[np.float64]
) -> tuple[Table, Labels, npt.NDArray[np.float64]]:
    """Leave out rows of weight 0, and classes that then have no row.

    Args:
        table: the rows.
        labels: their classes.
        weights: how much each counts.

    Returns:
        The three for the rows that are left.

    Raises:
        InputError: fewer than two classes are left.
    """
    keep = weights > 0
    if keep.all():
        return table, labels, weights
    n_rows = int(keep.sum())
    columns = {name: column[keep] for name, column in table.columns.items()}
    kept = read_labels(labels.classes[labels.codes[keep]], n_rows=n_rows)
    return Table(columns, n_rows), kept, weights[keep]


def warn_of_ids(schema: Schema) -> None:
    """Name the columns that are left out because they look like ids."""
    ids = ", ".join(repr(name) for name in schema.of_kind("id"))
    if ids:
        warn_caller(
            f"Left out because every row has its own value, as ids have: {ids}. To "
            "learn from such a column, make whole numbers floats, or cut texts into "
            "parts.",
            DataWarning,
        )


def warn_of_singletons(labels: Labels) -> None:
    """Name the classes of a single row."""
    counts = np.bincount(labels.codes, minlength=len(labels.classes))
    single = [str(label) for label in labels.classes[counts == 1]]
    if single:
        warn_caller(
            f"Classes with a single row: {', '.join(single)}. They are trained on, but "
            "cannot be held out or mixed; expect little of them.",
            FitWarning,
        )


def _noted_losses(n_lost: int) -> list[Diagnostic]:
    """Note that workers were lost while they trained."""
    if n_lost == 0:
        return []
    often = "once" if n_lost == 1 else f"{n_lost} times"
    return [
        Diagnostic(
            "lost_workers",
            "note",
            f"Training was taken up {often} from its last checkpoint after a worker "
            "was lost.",
            float(n_lost),
            0.0,
            "The model is the one of an undisturbed fit; see whether the machine has "
            "enough memory.",
        )
    ]


def _warn_of_early_end(result: TrainingResult) -> None:
    n_epochs, best = result.n_epochs, result.best_epoch
    if result.stop_reason == "interrupted":
        message = f"Interrupted after {n_epochs} epochs"
    elif result.stop_reason == "diverged":
        message = (
            f"The loss stopped being finite in epoch {n_epochs + 1}; consider a lower "
            "`learning_rate`"
        )
    else:
        return
    warn_caller(f"{message}. Epoch {best} is kept.", FitWarning)
