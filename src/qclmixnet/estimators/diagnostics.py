"""What a fit notices about itself: numbers with a threshold, a reason and a remedy.

Each signature is a small function over plain arrays. A threshold is documented with
what was measured for it; docs/how-to/diagnostics.md has the same list for readers.
Nothing here changes a fit, and nothing draws from its random numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning
from qclmixnet.estimators.models import MemberModel, SingleModel
from qclmixnet.metrics import confusion_matrix, macro_recall
from qclmixnet.preprocessing import RowSource
from qclmixnet.training import (
    CrossFitRecipe,
    LossConfig,
    Recipe,
    TrainingResult,
    member_outputs,
)

__all__ = [
    "FEW_ROWS",
    "MOST_ROWS",
    "Diagnostic",
    "diagnose_training",
    "disagreement",
    "judge_disagreement",
    "judge_loss_terms",
    "judge_overfitting",
    "listed",
    "loss_shares",
    "sample_rows",
    "warn_of_diagnostics",
]

MOST_ROWS = 2_000
"""Rows that are looked at, chosen by `sample_rows`."""

FEW_ROWS = 10
"""Rows of a class below which nothing is tuned or tested on it."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LEAST_PER_CLASS = 50
_MOST_NAMED = 5
_LEAST_ROWS, _LEAST_EPOCHS = 50, 10  # fewer are not judged
_DOMINANT, _DEAD, _SMALL_WEIGHT = 0.95, 0.001, 0.05
_SPLIT = 0.5
_GAP = 0.25


@dataclass(frozen=True)
class Diagnostic:
    """One thing that a fit noticed.

    Attributes:
        name: the signature, such as "leakage".
        severity: "warning" is also warned of while fitting, "note" is only listed.
        message: what was found, in one or two sentences.
        value: the number that was compared.
        threshold: what it was compared with.
        action: what to do about it.

    >>> print(Diagnostic("few_rows", "note", "Class a has 3 rows.", 3, 10, "Get more."))
    Class a has 3 rows. Get more.
    """

    name: str
    severity: Literal["note", "warning"]
    message: str
    value: float
    threshold: float
    action: str

    def __str__(self) -> str:
        return f"{self.message} {self.action}"


def warn_of_diagnostics(found: Sequence[Diagnostic]) -> None:
    """Give one warning for all that are severe; none if there are none."""
    severe = [str(each) for each in found if each.severity == "warning"]
    if severe:
        warn_caller("\n".join(severe), DataWarning)


def listed(texts: Sequence[str]) -> str:
    """Join the first five texts, and count the rest.

    >>> listed(["a", "b"]), listed("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def sample_rows(codes: IntArray, *, n_rows: int) -> IntArray:
    """Choose rows class by class, small classes more than their share.

    Of each class at least 50 rows are chosen, or all, or as many as half of `n_rows`
    allows; the rest in proportion. The same codes give the same rows.

    Args:
        codes: class number of each row.
        n_rows: rows to choose at most.

    Returns:
        Row numbers, sorted; all rows if there are no more than `n_rows`.

    >>> codes = np.repeat([0, 1], [9_980, 20])
    >>> np.bincount(codes[sample_rows(codes, n_rows=500)]).tolist()
    [480, 20]
    """
    if len(codes) <= n_rows:
        return np.arange(len(codes))
    counts = np.bincount(codes)
    least = min(_LEAST_PER_CLASS, n_rows // (2 * int((counts > 0).sum())))
    quota = np.minimum(counts, least)
    rest = counts - quota
    quota = quota + rest * (n_rows - quota.sum()) // rest.sum()
    shuffled = np.random.default_rng(0).permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    rank = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen: IntArray = np.sort(by_class[rank < np.repeat(quota, counts)])
    return chosen


def loss_shares(
    history: Sequence[Mapping[str, float]], weights: Mapping[str, float]
) -> dict[str, FloatArray]:
    """Return each term's share of the loss, epoch by epoch.

    Args:
        history: the mean of each term, unweighted; one mapping per epoch.
        weights: of the terms, >= 0. Terms of weight 0 are left out.

    Returns:
        Shares from 0 to 1 by term, one per epoch; 0 where the whole loss is 0.

    >>> loss_shares([{"focal": 1.0, "triplet": 6.0}], {"focal": 1.0, "triplet": 0.5})
    {'focal': array([0.25]), 'triplet': array([0.75])}
    """
    parts = {
        name: weight * np.abs([terms[name] for terms in history])
        for name, weight in weights.items()
        if weight > 0
    }
    total = np.sum(list(parts.values()), axis=0)
    shares = {}
    for name, part in parts.items():
        shares[name] = np.divide(part, total, out=np.zeros(len(part)), where=total > 0)
    return shares


def disagreement(votes: IntArray) -> FloatArray:
    """Return for each row the share of members that vote against the majority.

    Args:
        votes: class numbers, members by rows.

    Returns:
        One share per row, 0 (all agree) to below 1.

    >>> disagreement(np.array([[0, 1, 2], [0, 1, 1], [0, 0, 0]])).round(2).tolist()
    [0.0, 0.33, 0.67]
    """
    n_members, n_rows = votes.shape
    n_classes = int(votes.max(initial=0)) + 1
    place = np.arange(n_rows) * n_classes + votes
    counts = np.bincount(place.ravel(), minlength=n_rows * n_classes)
    largest = counts.reshape(n_rows, n_classes).max(axis=1)
    out: FloatArray = 1 - largest / n_members
    return out


def judge_loss_terms(
    history: Sequence[Mapping[str, float]], weights: Mapping[str, float]
) -> list[Diagnostic]:
    """Find terms of a loss that have taken over, or that no longer count.

    A term has taken over when its share is above 0.95, and is dead when it is below
    0.001, in the median epoch of the second half of the fit. What the weights ask for
    is not judged: a term with less than 5 % of all weight is meant to be small, one
    with more than 95 % is meant to rule. Nor are fewer than 10 epochs.

    Measured with the paper's preset: the largest share was 0.70 to 0.93 (yeast,
    hypothyroid, newthyroid, german) and the smallest of the three large terms 0.004 to
    0.14. Beyond both thresholds were car and spectf, whose training rows the network
    had by heart.

    Args:
        history: the mean of each term, unweighted; one mapping per epoch.
        weights: of the terms, >= 0.

    Returns:
        At most one note, which lists all such terms; its value is the share of one
        that has taken over, or else of a dead one.
    """
    if len(history) < _LEAST_EPOCHS:
        return []
    shares = loss_shares(history[len(history) // 2 :], weights)
    usual = {name: float(np.median(share)) for name, share in shares.items()}
    weight = {name: weights[name] / sum(weights.values()) for name in usual}
    ruling = [
        name
        for name, share in usual.items()
        if share > _DOMINANT and weight[name] <= 1 - _SMALL_WEIGHT
    ]
    dead = [
        name
        for name, share in usual.items()
        if share < _DEAD and weight[name] >= _SMALL_WEIGHT
    ]
    if not ruling and not dead:
        return []
    parts = [f"{name!r} {usual[name]:.3%}" for name in ruling + dead]
    return [
        Diagnostic(
            "loss_terms",
            "note",
            "The loss is out of balance: in the median epoch of the second half these "
            f"terms make up {listed(parts)} of it.",
            usual[(ruling + dead)[0]],
            _DOMINANT if ruling else _DEAD,
            "What a term no longer adds, or drowns, is not learned; or there is "
            "nothing left to learn from the training rows. Stop earlier, with fewer "
            "`max_epochs`, or change `classification_weight`, `temperature` or "
            "`margin`.",
        )
    ]


def judge_disagreement(votes: IntArray) -> list[Diagnostic]:
    """Say whether the members agree hardly more than chance makes them.

    The share of votes against the majority is divided by the same share after each
    member's votes are shuffled over the rows: 0 is one opinion, 1 is no common opinion
    at all. Above 0.5 the members have learned different things from different rows.
    Fewer than 50 rows or a single member are not judged.

    Measured on training rows of seven tables: 0.05 (newthyroid) to 0.37 (spectf), and
    0.63 to 1.00 on five of them after their labels were shuffled. The plain share does
    not tell them apart: it is 0.09 on german and 0.11 on german with shuffled labels.

    Args:
        votes: class numbers, members by rows.

    Returns:
        At most one note.
    """
    n_members, n_rows = votes.shape
    if n_members < 2 or n_rows < _LEAST_ROWS:
        return []
    shuffled = np.random.default_rng(0).permuted(votes, axis=1)
    share, by_chance = (float(disagreement(each).mean()) for each in (votes, shuffled))
    if by_chance == 0 or share / by_chance <= _SPLIT:
        return []
    return [
        Diagnostic(
            "disagreement",
            "note",
            f"The members disagree: {share:.1%} of their votes are against the "
            f"majority, {share / by_chance:.2f} of what chance would give.",
            share / by_chance,
            _SPLIT,
            "The labels are noisy, the columns say little about them, the rows are too "
            "few, or the fit was too short: compare the scores with those of a "
            "constant guess, and look for better columns or more rows before tuning.",
        )
    ]


def judge_overfitting(
    in_training: float, left_out: float, n_left_out: IntArray
) -> list[Diagnostic]:
    """Say whether networks do much better on rows they learned from than on others.

    The gap must be above 0.25, and above two standard errors of the score of the rows
    that were left out, which is at most sqrt(sum 1 / n_c) / (2 C) for C classes of n_c
    left-out rows.

    Measured with the default preset: 0.02 (hypothyroid) to 0.22 (glass, with classes
    of 9 rows) on eight tables. With the paper's: 0.01 (newthyroid) to 0.21 (german) on
    five tables, and 0.30 on wine_red, which is noted.

    Args:
        in_training: macro recall on training rows, 0 to 1.
        left_out: the same on rows that were not learned from.
        n_left_out: rows of each class among these.

    Returns:
        At most one note.
    """
    counts = n_left_out[n_left_out > 0]
    if len(counts) == 0:
        return []
    error = float(np.sqrt((1 / counts).sum())) / (2 * len(counts))
    threshold = max(_GAP, 2 * error)
    gap = in_training - left_out
    if gap <= threshold:
        return []
    return [
        Diagnostic(
            "overfitting",
            "note",
            f"The networks' macro recall is {in_training:.2f} on rows that they "
            f"learned from and {left_out:.2f} on rows that they did not.",
            gap,
            threshold,
            "Leave out columns that should not matter, get more rows, or fit less: "
            "lower `max_epochs`. Trust only scores of rows that `fit` never saw.",
        )
    ]


def diagnose_training(
    model: SingleModel | MemberModel,
    result: TrainingResult,
    recipe: Recipe | CrossFitRecipe,
    encoded: RowSource,
    codes: IntArray,
    weights: FloatArray,
    *,
    held_out: IntArray,
) -> tuple[Diagnostic, ...]:
    """Look at what training did; costs one prediction of at most 2,000 rows.

    Args:
        model: the fitted model.
        result: what happened while training.
        recipe: how the model was built and trained.
        encoded: all rows.
        codes: their classes.
        weights: how much each row counts, above 0.
        held_out: rows that the single network did not learn from; none for members.

    Returns:
        What was found, empty if nothing was.
    """
    found = []
    if isinstance(recipe, Recipe):
        terms = [record.terms for record in result.history]
        found += judge_loss_terms(terms, _term_weights(recipe.loss))
    learned = np.setdiff1d(np.arange(len(codes)), held_out, assume_unique=True)
    rows = learned[sample_rows(codes[learned], n_rows=MOST_ROWS)]
    part = encoded.take(rows)
    if isinstance(model, MemberModel):
        x = torch.from_numpy(part.x_num), torch.from_numpy(part.x_cat)
        logits = member_outputs(model.network, model.inputs, *x, output="logits").cpu()
        found += judge_disagreement(logits.argmax(dim=2).numpy())
        y_pred = logits.softmax(dim=2).mean(dim=0).argmax(dim=1).numpy()
        left_out = codes
    else:
        y_pred = model.proba(part).argmax(axis=1)
        left_out = codes[held_out]
    kept = next(each for each in result.history if each.epoch == result.best_epoch)
    if kept.macro_recall is not None:
        n_classes = int(codes.max()) + 1
        confusion = confusion_matrix(
            codes[rows], y_pred, n_classes, weights=weights[rows] / weights.max()
        )
        found += judge_overfitting(
            macro_recall(confusion),
            kept.macro_recall,
            np.bincount(left_out, minlength=n_classes),
        )
    return tuple(found)


def _term_weights(loss: LossConfig) -> dict[str, float]:
    share = loss.classification_weight
    return {
        "focal": share,
        "intra": share * loss.intra_weight,
        "inter": share * loss.inter_weight,
        "supcon": (1 - share) * loss.supcon_weight,
        "triplet": (1 - share) * loss.triplet_weight,
    }
