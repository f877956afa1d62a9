"""One small network in place of members and trees, where speed is wanted.

A student learns what the classifier says, about given rows and about rows in between
two of them. No labels are needed. It is kept if it says the same about rows that it has
not learned from.
"""

from copy import copy, deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.decision import ProbabilityScaling
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.models import MemberModel, for_inference
from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training.student import train_student

__all__ = ["LEAST_OF_A_CLASS", "LEAST_SAME", "Likeness", "distil"]

LEAST_SAME = 0.9
"""Share of left-out rows that a student has to give the classifier's label."""

LEAST_OF_A_CLASS = 0.8
"""The same among the rows of each class, as the classifier labels them."""

_COUNTED_FROM = 10  # a class of fewer left-out rows cannot be judged
_LEAST_ROWS = 100
_MOST_LEFT_OUT, _MOST_LEARNED, _IN_ALL = 20_000, 100_000, 30_000
_WIDTH, _N_STEPS = 64, 3_000


@dataclass(frozen=True)
class Likeness:
    """How near a student is to its classifier on rows that it has not learned from.

    Attributes:
        n_rows: rows that were left out.
        same_labels: share of them that get the same label.
        least_of_a_class: the lowest such share among the classes with at least 10 of
            these rows, by the classifier's label.
        mean_difference: between two probabilities.
    """

    n_rows: int
    same_labels: float
    least_of_a_class: float
    mean_difference: float


def distil(
    clf: QCLMixNetClassifier, X: object, *, random_state: int = 0
) -> tuple[QCLMixNetClassifier, Likeness]:
    """Return a classifier whose model is one small network that imitates another's.

    Calibration, stated prevalence and decision rule stay what they are. A fifth of the
    rows is left out of the learning, and says how near the student is.

    Args:
        clf: a classifier of cross-fitted members, which is left as it is.
        X: a table as for its `predict`, best with the rows that it was fitted on; at
            least 100 rows. Classes are not needed.
        random_state: seed of the first weights and of all that is drawn.

    Returns:
        The classifier, meant to be exported, and how near it is.

    Raises:
        InputError: the classifier has one network already, there are too few rows, or
            the student gives fewer than 90 in 100 left-out rows the same label, or
            fewer than 80 in 100 of a class with at least 10 of them.
    """
    state = clf.state_
    if not isinstance(state.model, MemberModel):
        raise InputError(
            "The published network is one network already; only classifiers of "
            'cross-fitted members, such as `preset="default"`, can be distilled.'
        )
    encoded = clf._encode(X)
    if encoded.n_rows < _LEAST_ROWS:
        raise InputError(
            f"A student needs at least {_LEAST_ROWS} rows to learn from, got "
            f"{encoded.n_rows}. Give the rows that the classifier was fitted on."
        )
    draw_seed, seed = spawn_seeds(random_state, 2)
    rng = np.random.default_rng(draw_seed)
    order = rng.permutation(encoded.n_rows)
    n_left_out = min(encoded.n_rows // 5, _MOST_LEFT_OUT)
    left_out, own = np.sort(order[:n_left_out]), order[n_left_out:][:_MOST_LEARNED]
    student = _student_of(state.model, encoded.take(np.sort(own)), rng, seed)
    out = copy(clf)
    out._adopt(replace(state, model=student))
    likeness = _compare(clf, out, encoded.take(left_out))
    _refuse_unlike(likeness)
    return out, likeness


def rows_between(
    encoded: EncodedTable, n_rows: int, rng: np.random.Generator
) -> EncodedTable:
    """Return rows and, below them, others that lie between two of them.

    Numbers lie on the line between the two, nearer to one of them more often than not;
    each category is that of one of the two, in the same proportion.

    Args:
        encoded: the rows.
        n_rows: how many there shall be in all; at least as many are added as there are.
        rng: what draws.

    Returns:
        The rows, followed by those in between.
    """
    n_more = max(n_rows - encoded.n_rows, encoded.n_rows)
    one, other = rng.integers(encoded.n_rows, size=(2, n_more))
    share = rng.beta(0.4, 0.4, size=(n_more, 1)).astype(np.float32)
    x_num = share * encoded.x_num[one] + (1 - share) * encoded.x_num[other]
    from_one = rng.random((n_more, encoded.n_cat)) < share
    x_cat = np.where(from_one, encoded.x_cat[one], encoded.x_cat[other])
    return EncodedTable(
        np.concatenate([encoded.x_num, x_num]),
        np.concatenate([encoded.x_cat, x_cat]),
        {},
    )


def _student_of(
    model: MemberModel, encoded: EncodedTable, rng: np.random.Generator, seed: int
) -> MemberModel:
    """Train one network to say what members and trees say before calibration."""
    rows = rows_between(encoded, _IN_ALL, rng)
    as_they_are = ProbabilityScaling(1.0, 0.0, (0.0,) * model.network.n_classes)
    unscaled = replace(model, scaling=as_they_are)
    said = torch.from_numpy(unscaled.proba(rows)).float()
    inputs: MemberInput = deepcopy(model.inputs).float().cpu()
    x_num, x_cat = torch.from_numpy(rows.x_num), torch.from_numpy(rows.x_cat)
    plain = inputs.plain(x_num[: encoded.n_rows], x_cat[: encoded.n_rows])
    length = float(plain.square().sum(dim=1).mean().sqrt())
    generator = torch.Generator().manual_seed(seed)
    network = MemberNetwork(
        n_plain=inputs.n_plain,
        n_columns=inputs.n_columns,
        n_bins=inputs.n_bins,
        n_classes=model.network.n_classes,
        n_binned=1,
        d_hidden=_WIDTH,
        dropout=0.0,
        input_norm=max(length, 1e-3),
        generators=[generator],
        pool_generator=generator,
    )
    train_student(
        network, inputs, x_num, x_cat, said, generator=generator, n_steps=_N_STEPS
    )
    for_inference(network)
    for_inference(inputs)
    return replace(model, network=network, inputs=inputs, trees=None, tree_share=0.0)


def _compare(
    clf: QCLMixNetClassifier, student: QCLMixNetClassifier, rows: EncodedTable
) -> Likeness:
    """Compare what the two say about rows."""
    expected, found = (c.state_.proba(rows) for c in (clf, student))
    codes = clf.state_.decide(expected)
    same = codes == student.state_.decide(found)
    shares = [
        float(np.mean(same[codes == code]))
        for code in range(len(clf.classes_))
        if np.count_nonzero(codes == code) >= _COUNTED_FROM
    ]
    return Likeness(
        n_rows=len(same),
        same_labels=float(np.mean(same)),
        least_of_a_class=min(shares, default=1.0),
        mean_difference=float(np.abs(expected - found).mean()),
    )


def _refuse_unlike(likeness: Likeness) -> None:
    """Refuse a student that is too far from its classifier."""
    if (
        likeness.same_labels >= LEAST_SAME
        and likeness.least_of_a_class >= LEAST_OF_A_CLASS
    ):
        return
    raise InputError(
        f"One small network does not say what the classifier says: of "
        f"{likeness.n_rows} rows that it did not learn from {likeness.same_labels:.1%} "
        f"get the same label, of the worst class {likeness.least_of_a_class:.1%}; at "
        f"least {LEAST_SAME:.0%} and {LEAST_OF_A_CLASS:.0%} are asked for. Give more "
        "rows, or export without distilling."
    )
