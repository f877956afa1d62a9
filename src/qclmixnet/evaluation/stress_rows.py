"""Stress that changes rows: fewer of them, rarer ones, copies, wrong labels, drift.

Only training parts are thinned, copied or mislabelled. Test parts keep their rows and
true labels, so that there is enough of the rare class to score; only drift, which is
about test rows unlike the training rows, chooses among them.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.labelled_split import LabelledSplit

__all__ = [
    "MIN_MINORITY_ROWS",
    "add_copies",
    "drift_apart",
    "flip_labels",
    "keep_rows",
    "number_columns",
    "subsample_minority",
]

MIN_MINORITY_ROWS = 2
"""The smallest class is never thinned below this many training rows."""

_COPIED_SHARE = 0.1
_NEAR_COPY_SIZE = 0.01


def number_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns of numbers; booleans are none."""
    return [
        str(name)
        for name, dtype in frame.dtypes.items()
        if pd.api.types.is_numeric_dtype(dtype)
        and not pd.api.types.is_bool_dtype(dtype)
    ]


def subsample_minority(
    split: LabelledSplit, ratio: float, generator: np.random.Generator
) -> LabelledSplit:
    """Thin the smallest training class until the largest outnumbers it so many times.

    Every row of the other classes is kept. The rows that stay at a higher ratio are
    among those that stay at a lower one.

    Args:
        split: the split as it is.
        ratio: rows of the largest class per row of the smallest, at least.
        generator: draws the rows that stay.

    Returns:
        The split with fewer rows of the smallest training class.

    Raises:
        InputError: the training part has that imbalance already, or fewer than
            `MIN_MINORITY_ROWS` rows would stay.

    >>> frame = pd.DataFrame({"x": range(1100)})
    >>> codes = np.repeat([0, 1], [1000, 100])
    >>> split = LabelledSplit(frame, codes, frame, codes)
    >>> thin = subsample_minority(split, 200, np.random.default_rng(0))
    >>> np.bincount(thin.codes_train).tolist(), np.bincount(thin.codes_test).tolist()
    ([1000, 5], [1000, 100])
    """
    codes = split.codes_train
    classes, counts = np.unique(codes, return_counts=True)
    smallest = classes[counts.argmin()]
    n_kept = int(counts.max() // ratio)
    if n_kept >= counts.min():
        raise InputError(
            f"The training part has {counts.max() / counts.min():.0f} rows of its "
            f"largest class for each of its smallest already; {ratio:g} would thin "
            "nothing. Choose a higher ratio."
        )
    if n_kept < MIN_MINORITY_ROWS:
        raise InputError(
            f"{ratio:g} rows of the largest class for each of the smallest would leave "
            f"{n_kept} of the smallest, fewer than {MIN_MINORITY_ROWS}; the largest "
            f"class has {counts.max()} training rows. Choose a lower ratio."
        )
    minority = generator.permutation(np.flatnonzero(codes == smallest))
    rows = np.concatenate([np.flatnonzero(codes != smallest), minority[:n_kept]])
    return split.learning_from(np.sort(rows))


def keep_rows(
    split: LabelledSplit, n_rows: float, generator: np.random.Generator
) -> LabelledSplit:
    """Draw a training part of so many rows, class by class.

    Each class has its share of them, rounded, and at least one row.

    Args:
        split: the split as it is.
        n_rows: training rows to keep.
        generator: draws them.

    Returns:
        The split with fewer training rows.

    Raises:
        InputError: there are no more rows than that, or more classes.
    """
    wanted, codes = int(n_rows), split.codes_train
    classes, counts = np.unique(codes, return_counts=True)
    if not len(classes) <= wanted < len(codes):
        raise InputError(
            f"{wanted} training rows cannot be drawn: there must be fewer than the "
            f"{len(codes)} of the training part, and at least one for each of "
            f"{len(classes)} classes."
        )
    quota = wanted * counts / len(codes)
    kept = np.maximum(1, np.floor(quota)).astype(np.int64)
    while kept.sum() < wanted:
        kept[np.argmax(quota - kept)] += 1
    while kept.sum() > wanted:
        kept[np.argmax(np.where(kept > 1, kept - quota, -np.inf))] -= 1
    rows = [
        generator.permutation(np.flatnonzero(codes == label))[:n]
        for label, n in zip(classes, kept, strict=True)
    ]
    return split.learning_from(np.sort(np.concatenate(rows)))


def add_copies(
    split: LabelledSplit, share: float, generator: np.random.Generator
) -> LabelledSplit:
    """Add copies of training rows until they make up a share of the training part.

    A tenth of the rows is copied, each of them many times, as when a few customers
    are exported again and again. Every second copy is a near copy: its numbers are
    moved by about a hundredth of their column's standard deviation. Without columns of
    numbers all copies are exact.

    Args:
        split: the split as it is.
        share: copies among the training rows, below 1.
        generator: draws the rows to copy and the small moves.

    Returns:
        The split with more training rows; the first ones are those of before.
    """
    n_rows = len(split.codes_train)
    n_copies = round(n_rows * share / (1 - share))
    n_sources = max(1, round(_COPIED_SHARE * n_rows))
    sources = generator.choice(n_rows, size=n_sources, replace=False)
    picks = generator.choice(sources, size=n_copies)
    copied = split.learning_from(np.concatenate([np.arange(n_rows), picks]))
    frame = copied.X_train.reset_index(drop=True)
    near = np.arange(n_rows + 1, n_rows + n_copies, 2)
    for name in number_columns(frame):
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        spread = float(np.nanstd(values[:n_rows])) if n_rows else 0.0
        values = values.copy()
        values[near] += _NEAR_COPY_SIZE * spread * generator.normal(size=len(near))
        frame[name] = values
    return LabelledSplit(frame, copied.codes_train, split.X_test, split.codes_test)


def flip_labels(
    split: LabelledSplit, share: float, generator: np.random.Generator
) -> LabelledSplit:
    """Give a share of the training rows the label of another class.

    Rows and wrong classes are drawn uniformly, so that the rows of a rare class drown
    among mislabelled ones. Rows flipped at a low share stay flipped at a higher one.

    Args:
        split: the split as it is.
        share: training rows with a wrong label, 0 to 1.
        generator: draws the rows and their labels.

    Returns:
        The split with other training labels; those of the test part are true.
    """
    codes = split.codes_train
    classes, place = np.unique(codes, return_inverse=True)
    order = generator.permutation(len(codes))
    moved = 1 + generator.integers(max(1, len(classes) - 1), size=len(codes))
    flipped = order[: round(share * len(codes))]
    noisy = codes.copy()
    noisy[flipped] = classes[(place[flipped] + moved[flipped]) % len(classes)]
    return LabelledSplit(split.X_train, noisy, split.X_test, split.codes_test)


def drift_apart(
    split: LabelledSplit, level: float, generator: np.random.Generator
) -> LabelledSplit:
    """Learn at one end of the table and test at the other.

    Rows are ranked within their class, so that shares of classes stay, along the first
    principal component of the training part's numbers. Training rows of the last
    ``level / 2`` and test rows of the first ``level / 2`` are left out: at 1 the lower
    half of each class is learned and its upper half tested.

    Args:
        split: the split as it is.
        level: 0 to 1.
        generator: not used, nothing is drawn.

    Returns:
        The split with fewer rows in both parts, at least one of each class it had.

    Raises:
        InputError: there is no column of numbers.
    """
    del generator
    columns = number_columns(split.X_train)
    if not columns:
        raise InputError(
            "Drift is along columns of numbers and this table has none; name another "
            "table or kind."
        )
    train = split.X_train[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    test = split.X_test[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    along_train, along_test = _along_first_component(train, test)
    low = _rank_in_class(along_train, split.codes_train) < 1 - level / 2
    high = _rank_in_class(-along_test, split.codes_test) < 1 - level / 2
    return LabelledSplit(
        split.X_train[low],
        split.codes_train[low],
        split.X_test[high],
        split.codes_test[high],
    )


def _along_first_component(
    train: npt.NDArray[np.float64], test: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the place of each row along the direction in which training rows vary."""
    known = ~np.isnan(train).all(axis=0)
    train, test = train[:, known], test[:, known]
    centre, spread = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    spread[spread == 0] = 1.0
    standard, standard_test = (
        np.nan_to_num((part - centre) / spread) for part in (train, test)
    )
    _, directions = np.linalg.eigh(standard.T @ standard)
    first = directions[:, -1]
    # A component has no sign of its own: its strongest column points upwards.
    first = first * np.sign(first[np.abs(first).argmax()])
    return standard @ first, standard_test @ first


def _rank_in_class(
    values: npt.NDArray[np.float64], codes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the share of rows of the same class that come before each row."""
    ranks = np.empty(len(values))
    for label in np.unique(codes):
        rows = np.flatnonzero(codes == label)
        order = rows[np.argsort(values[rows], kind="stable")]
        ranks[order] = np.arange(len(rows)) / len(rows)
    return ranks
